// Holds: filters at which requests or messages are stopped, and what is stopped now.
import { signal } from "../ui/html.js";

/** @type {import("../ui/html.js").Signal<import("../types").Holds>} */
export const holds = signal({ holds: [], held: [] });

/** What was decided about, of which the client has not yet said that it is gone. @type {Set<string>} */
const decided = new Set();

/** @param {import("../types").Holds} told */
export function takeHolds(told) {
  for (const id of decided) if (!told.held.some((each) => each.id === id)) decided.delete(id);
  holds.value = { ...told, held: told.held.filter((each) => !decided.has(each.id)) };
}

/** Show what is held no more: it was decided about. @param {string} id */
export function letGone(id) {
  decided.add(id);
  holds.value = { ...holds.value, held: holds.value.held.filter((each) => each.id !== id) };
}
