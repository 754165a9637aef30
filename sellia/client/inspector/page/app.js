// The inspector's page: what came through the tunnels of one client, live.
import { html, render, useEffect, useErrorBoundary, useRef } from "./ui/html.js";
import { listen } from "./ui/keys.js";
import { Toasts, watchErrors } from "./ui/toast.js";
import { apply as applyTheme } from "./ui/theme.js";
import * as address from "./state/address.js";
import * as exchanges from "./state/exchanges.js";
import * as live from "./state/live.js";
import * as messages from "./state/messages.js";
import * as opened from "./state/opened.js";
import { listShare } from "./state/preferences.js";
import { actions } from "./views/actions.js";
import { hide, show, shown } from "./views/dialogs.js";
import { EditDialog } from "./views/editor.js";
import { NothingFound, Welcome } from "./views/empty.js";
import { MarkedBar, OpenExchange } from "./views/exchange.js";
import { HeldDialog } from "./views/held.js";
import { HelpDialog } from "./views/help.js";
import { HeldBar, HoldsDialog } from "./views/holds.js";
import { ImportDialog } from "./views/importing.js";
import { control, List, move } from "./views/list.js";
import { StatusBar } from "./views/statusbar.js";
import { Toolbar } from "./views/toolbar.js";
import { ConnectionBanner, Topbar } from "./views/topbar.js";

function Dialogs() {
  const dialog = shown.value;
  switch (dialog?.name) {
    case "help":
      return html`<${HelpDialog} />`;
    case "holds":
      return html`<${HoldsDialog} />`;
    case "compose":
      return html`<${EditDialog} id=${null} />`;
    case "edit":
      return html`<${EditDialog} key=${dialog.id} id=${dialog.id} />`;
    case "held":
      return html`<${HeldDialog} key=${dialog.id} id=${dialog.id} />`;
    case "import":
      return html`<${ImportDialog} />`;
    default:
      return null;
  }
}

/** Changes the shares of list and exchange, by pointer and by keys. */
function Divider() {
  const set = (/** @type {number} */ share) => (listShare.value = Math.max(20, Math.min(75, share)));
  const onPointerDown = (/** @type {PointerEvent} */ event) => {
    const element = /** @type {HTMLElement} */ (event.currentTarget);
    element.setPointerCapture(event.pointerId);
    const follow = (/** @type {PointerEvent} */ moved) => set((moved.clientX / window.innerWidth) * 100);
    element.addEventListener("pointermove", follow);
    element.addEventListener("pointerup", () => element.removeEventListener("pointermove", follow), { once: true });
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "ArrowLeft") set(listShare.value - 2);
    if (event.key === "ArrowRight") set(listShare.value + 2);
  };
  return html`<div class="divider" role="separator" tabindex="0" aria-label="Width of the list" aria-orientation="vertical" aria-valuemin="20" aria-valuemax="75"
    aria-valuenow=${Math.round(listShare.value)} onPointerDown=${onPointerDown} onKeyDown=${onKeyDown}></div>`;
}

function ListPane() {
  if (!exchanges.loaded.value) return html`<div class="nothing" aria-busy="true"></div>`;
  if (exchanges.total.value === 0) return address.filter.value ? html`<${NothingFound} text=${address.filter.value} />` : html`<${Welcome} />`;
  return html`<${List} />`;
}

/** @param {{ current: HTMLInputElement | null }} field */
function keys(field) {
  const current = () => address.openId.peek();
  const exchange = () => opened.detail.peek();
  return {
    j: () => move(1),
    k: () => move(-1),
    ArrowDown: (/** @type {KeyboardEvent} */ event) => (inList(event) ? move(1) : false),
    ArrowUp: (/** @type {KeyboardEvent} */ event) => (inList(event) ? move(-1) : false),
    g: () => control.current?.scrollTo(0),
    G: () => control.current?.scrollTo(exchanges.shown.peek()),
    "/": () => field.current?.focus(),
    p: () => exchanges.pause(!exchanges.paused.peek()),
    r: () => {
      const ids = exchanges.marked.peek().size ? [...exchanges.marked.peek()] : [current()].filter((id) => id !== null);
      if (ids.length) void actions.replay(/** @type {string[]} */ (ids));
    },
    e: () => current() !== null && show({ name: "edit", id: /** @type {string} */ (current()) }),
    x: () => current() !== null && exchanges.toggleMark(/** @type {string} */ (current())),
    m: () => {
      const found = exchange();
      if (found) void actions.keep([found.id], !found.kept);
    },
    c: () => show({ name: "compose" }),
    h: () => show({ name: "holds" }),
    "?": () => show({ name: "help" }),
    Enter: (/** @type {KeyboardEvent} */ event) => {
      if (!inList(event)) return false;
      if (current() === null) move(1);
      return document.getElementById("part-panel")?.focus();
    },
    Escape: () => {
      if (shown.peek()) hide();
      else if (exchanges.marked.peek().size) exchanges.mark([]);
      else if (current() !== null) {
        address.open(null);
        control.current?.focus();
      } else return false;
      return true;
    },
  };
}

/** @param {KeyboardEvent} event */
function inList(event) {
  return event.target === document.body || (event.target instanceof Element && event.target.matches("[data-testid=list]"));
}

function App() {
  const field = useRef(/** @type {HTMLInputElement | null} */ (null));
  const [fault, clear] = useErrorBoundary((error) => console.error(error));
  useEffect(() => listen(keys(field)), []);
  useEffect(() => {
    const tunnel = live.status.value?.tunnels[0];
    document.title = tunnel?.url ? `${tunnel.url.replace(/^\w+:\/\//, "")} – Sellia inspector` : "Sellia inspector";
  }, [live.status.value]);
  if (fault)
    return html`<main class="nothing" role="alert"><div><h1>This page has a fault</h1><p><code>${String(fault.message ?? fault)}</code></p>
      <p><button class="button primary" onClick=${clear}>Go on</button> <button class="button" onClick=${() => location.reload()}>Reload</button></p></div></main>`;
  const split = address.openId.value !== null;
  return html`
    <${Topbar} />
    <${ConnectionBanner} onRetry=${live.retry} refusal=${live.refusal.value} />
    <${HeldBar} />
    <${Toolbar} field=${field} />
    <main class=${split ? "main split" : "main"}>
      <h1 class="sr-only">Exchanges</h1>
      <div class="pane-list" style=${split ? { width: `${listShare.value}%` } : {}}><${ListPane} /><${MarkedBar} /></div>
      ${split && html`<${Divider} /><${OpenExchange} />`}
    </main>
    <${StatusBar} />
    <${Dialogs} />
    <${Toasts} />
  `;
}

watchErrors();
applyTheme();
address.start();
live.start();
opened.start();
messages.start();
render(html`<${App} />`, /** @type {HTMLElement} */ (document.getElementById("app")));
