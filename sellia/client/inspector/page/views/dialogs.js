// Which dialog is open.
import { signal } from "../ui/html.js";

/**
 * @typedef {{ name: "help" } | { name: "holds" } | { name: "compose" } | { name: "edit", id: string } | { name: "held", id: string } |
 *   { name: "import" } | { name: "replay", ids: string[] }} Shown
 */

/** @type {import("../ui/html.js").Signal<Shown | null>} */
export const shown = signal(/** @type {any} */ (null));

/** @param {Shown} dialog */
export function show(dialog) {
  shown.value = dialog;
}

export function hide() {
  shown.value = null;
}
