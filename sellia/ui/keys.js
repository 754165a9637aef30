// Keys of a page: one letter each, not while somebody types.

/** @param {EventTarget | null} target */
export function typing(target) {
  return target instanceof HTMLElement && (target.isContentEditable || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName));
}

/**
 * Listen to keys; returns what stops it. A handler that returns false lets the key through.
 * @param {Record<string, (event: KeyboardEvent) => unknown>} handlers by `event.key`
 */
export function listen(handlers) {
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey) return;
    if (document.querySelector("dialog[open]")) return;
    if (typing(event.target) && event.key !== "Escape") return;
    const handler = handlers[event.key];
    if (handler && handler(event) !== false) event.preventDefault();
  };
  document.addEventListener("keydown", onKeyDown);
  return () => document.removeEventListener("keydown", onKeyDown);
}
