// Short words at the edge of the page about what was done, and errors, which stay until they are dismissed.
import { html, signal } from "./html.js";
import { Icon } from "./icons.js";

/** @typedef {{ id: number, text: string, tone: "good" | "bad", action?: { label: string, run: () => void } }} Toast */

/** Toasts that are shown at one time; an older one makes room. */
const SHOWN = 4;
const LASTING_MS = 4000;

const toasts = signal(/** @type {Toast[]} */ ([]));
let last = 0;

/** @param {number} id */
function dismiss(id) {
  toasts.value = toasts.value.filter((each) => each.id !== id);
}

/**
 * @param {string} text
 * @param {"good" | "bad"} tone
 * @param {Toast["action"]} [action]
 */
export function toast(text, tone = "good", action) {
  last += 1;
  const id = last;
  const same = toasts.value.filter((each) => each.text !== text);
  toasts.value = [...same.slice(1 - SHOWN), { id, text, tone, ...(action ? { action } : {}) }];
  if (tone === "good") setTimeout(() => dismiss(id), LASTING_MS);
}

/**
 * Show an error of ours or of the API.
 * @param {unknown} error
 * @param {string} doing what failed, as "Replaying"
 */
export function failed(error, doing) {
  toast(`${doing} failed: ${error instanceof Error ? error.message : String(error)}`, "bad");
}

/** Shows errors that nobody caught, rather than leave a page that is silently broken. */
export function watchErrors() {
  window.addEventListener("error", (event) => {
    if (event.message.includes("ResizeObserver loop")) return;
    toast(`This page has a fault: ${event.message}. Reload it if something looks wrong.`, "bad");
  });
  window.addEventListener("unhandledrejection", (event) => {
    const reason = event.reason instanceof Error ? event.reason.message : String(event.reason);
    toast(`This page has a fault: ${reason}. Reload it if something looks wrong.`, "bad");
  });
}

export function Toasts() {
  return html`<div class="toasts" role="status" aria-live="polite">
    ${toasts.value.map(
      ({ id, text, tone, action }) => html`<div key=${id} class="toast ${tone}" data-testid="toast">
        <span>${text}</span>
        ${action && html`<button class="link" onClick=${() => (dismiss(id), action.run())}>${action.label}</button>`}
        ${tone === "bad" && html`<button class="icon" aria-label="Dismiss" onClick=${() => dismiss(id)}><${Icon} name="close" /></button>`}
      </div>`,
    )}
  </div>`;
}
