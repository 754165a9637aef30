// Controls: a choice of few, tabs, a menu, a dialog. Each works by keyboard as the ARIA authoring practices have it.
import { Icon } from "./icons.js";
import { classes, html, useEffect, useLayoutEffect, useRef, useState } from "./html.js";

/**
 * A choice of few, one of which is chosen.
 * @param {{ label: string, value: string, choices: [string, string][], onChoose: (value: string) => void }} props
 */
export function Segments({ label, value, choices, onChoose }) {
  return html`<div class="segments" role="group" aria-label=${label}>
    ${choices.map(
      ([key, text]) => html`<button key=${key} type="button" aria-pressed=${String(key === value)} onClick=${() => onChoose(key)}>${text}</button>`,
    )}
  </div>`;
}

/**
 * Tabs; the panel is the caller's, with `id="${id}-panel"`.
 * @param {{ id: string, label: string, value: string, tabs: [string, string, (string | number | null)?][],
 *   onChoose: (value: string) => void }} props
 */
export function Tabs({ id, label, value, tabs, onChoose }) {
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    const step = event.key === "ArrowRight" ? 1 : event.key === "ArrowLeft" ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    const place = tabs.findIndex(([key]) => key === value);
    const next = tabs[(place + step + tabs.length) % tabs.length];
    if (!next) return;
    onChoose(next[0]);
    document.getElementById(`${id}-${next[0]}`)?.focus();
  };
  return html`<div class="tabs" role="tablist" aria-label=${label} onKeyDown=${onKeyDown}>
    ${tabs.map(
      ([key, text, badge]) => html`<button key=${key} type="button" role="tab" id="${id}-${key}" aria-selected=${String(key === value)}
        aria-controls="${id}-panel" tabindex=${key === value ? 0 : -1} onClick=${() => onChoose(key)}
      >${text}${badge != null && html`<span class="badge">${badge}</span>`}</button>`,
    )}
  </div>`;
}

/**
 * @typedef {{ label: string, run: () => void, icon?: import("./icons.js").IconName, hint?: string } | { title: string } | "line"} Item
 */

/**
 * A button that opens a menu.
 * @param {{ label: string, items: Item[], icon?: import("./icons.js").IconName, text?: string, left?: boolean,
 *   disabled?: boolean }} props
 */
export function Menu({ label, items, icon, text, left = false, disabled = false }) {
  const [open, setOpen] = useState(false);
  const root = useRef(/** @type {HTMLDivElement | null} */ (null));
  useEffect(() => {
    if (!open) return undefined;
    /** @param {Event} event */
    const away = (event) => {
      if (!(event.target instanceof Node) || !root.current?.contains(event.target)) setOpen(false);
    };
    document.addEventListener("pointerdown", away);
    document.addEventListener("focusin", away);
    root.current?.querySelector(/** @type {"button"} */ ("[role=menuitem]"))?.focus();
    return () => {
      document.removeEventListener("pointerdown", away);
      document.removeEventListener("focusin", away);
    };
  }, [open]);
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (!open) return;
    event.stopPropagation();
    const all = [...(root.current?.querySelectorAll(/** @type {"button"} */ ("[role=menuitem]")) ?? [])];
    const place = all.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    if (event.key === "ArrowDown") all[(place + 1) % all.length]?.focus();
    else if (event.key === "ArrowUp") all[(place - 1 + all.length) % all.length]?.focus();
    else if (event.key === "Escape") {
      setOpen(false);
      root.current?.querySelector("button")?.focus();
    } else return;
    event.preventDefault();
  };
  return html`<div class="menu" ref=${root} onKeyDown=${onKeyDown}>
    <button type="button" class=${text ? "button" : "icon"} aria-label=${text ? undefined : label} title=${label} aria-haspopup="menu"
      aria-expanded=${String(open)} disabled=${disabled} onClick=${() => setOpen(!open)}
    >${icon && html`<${Icon} name=${icon} />`}${text}</button>
    ${open &&
    html`<div class=${classes("menu-items", { left })} role="menu" aria-label=${label}>
      ${items.map((item) => {
        if (item === "line") return html`<hr />`;
        if ("title" in item) return html`<div class="title" role="presentation">${item.title}</div>`;
        return html`<button type="button" role="menuitem" onClick=${() => (setOpen(false), item.run())}>
          ${item.icon && html`<${Icon} name=${item.icon} />`}<span class="grow">${item.label}</span>
          ${item.hint && html`<kbd>${item.hint}</kbd>`}
        </button>`;
      })}
    </div>`}
  </div>`;
}

/**
 * A dialog over the page, which Escape closes.
 * @param {{ title: string, onClose: () => void, children?: any, footer?: any, wide?: boolean, testid?: string }} props
 */
export function Dialog({ title, onClose, children, footer, wide = false, testid }) {
  const root = useRef(/** @type {HTMLDialogElement | null} */ (null));
  useLayoutEffect(() => {
    const dialog = root.current;
    if (dialog && !dialog.open) dialog.showModal();
    return () => dialog?.close();
  }, []);
  return html`<dialog ref=${root} class=${classes({ wide })} aria-label=${title} data-testid=${testid}
    onCancel=${(/** @type {Event} */ event) => (event.preventDefault(), onClose())}>
    <header><h2 class="grow">${title}</h2>
      <button type="button" class="icon" aria-label="Close" onClick=${onClose}><${Icon} name="close" /></button></header>
    <div class="dialog-body">${children}</div>
    ${footer && html`<footer>${footer}</footer>`}
  </dialog>`;
}
