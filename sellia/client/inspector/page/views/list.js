// The list of exchanges: newest on top, of any length.
import { count, duration, line, time } from "../ui/format.js";
import { classes, html, signal, useEffect, useRef } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Virtual } from "../ui/virtual.js";
import { open, openId } from "../state/address.js";
import * as exchanges from "../state/exchanges.js";
import { isSocket, sizeWord, split, statusWord, tone, typeWord } from "./words.js";

/** @typedef {import("../types").Summary} Summary */

/** Grows twice a second while something is open, for durations that go on. */
export const tick = signal(0);

/** Where keys act on; the list's own control, which the page uses too. */
export const control = { current: /** @type {import("../ui/virtual.js").VirtualControl | null} */ (null) };

const narrow = window.matchMedia("(max-width: 760px)");
const isNarrow = signal(narrow.matches);
narrow.addEventListener("change", () => (isNarrow.value = narrow.matches));

/** Entries move on to the next (1) or the one before (-1). @param {number} step */
export function move(step) {
  const place = exchanges.placeOf(openId.peek());
  const next = place < 0 ? 0 : place + step;
  const id = exchanges.idAt(next);
  if (id === undefined) return;
  open(id);
  control.current?.reveal(next);
}

/** @param {MouseEvent} event @param {string} id */
function choose(event, id) {
  if (event.shiftKey) exchanges.markRange(openId.peek(), id);
  else if (event.ctrlKey || event.metaKey) exchanges.toggleMark(id);
  else {
    exchanges.mark([]);
    open(id);
  }
}

/** @param {{ exchange: Summary }} props */
function Took({ exchange }) {
  if (!exchange.open) return html`${duration(exchange.seconds)}`;
  tick.value;
  const seconds = Math.floor(Date.now() / 1000 - exchange.started);
  return html`<span class="live">${seconds < 1 ? "…" : duration(seconds)}</span>`;
}

/** @param {{ exchange: Summary }} props */
function Path({ exchange }) {
  const [path, query] = split(exchange.target);
  return html`<span class="path">
    ${exchange.replay_of && html`<span title="Replay of ${exchange.replay_of}${exchange.edited ? ", edited" : ""}"><${Icon} name="replay" /></span>`}
    ${exchange.origin === "inspector" && !exchange.replay_of && html`<span title="Composed here"><${Icon} name="edit" /></span>`}
    ${exchange.origin === "import" && html`<span title="Imported"><${Icon} name="upload" /></span>`}
    ${exchange.kept && html`<span title="Kept"><${Icon} name="pin" /></span>`}
    ${isSocket(exchange) && html`<span title="WebSocket"><${Icon} name="socket" /></span>`}
    <bdi class="cut text" title=${line(exchange.target, 2000)}>${line(path, 400)}<span class="query">${line(query, 200)}</span></bdi>
    ${exchange.cause && html`<bdi class="why" title=${line(exchange.cause.sentence, 500)}>${line(exchange.cause.sentence, 160)}</bdi>`}
  </span>`;
}

/** @param {{ exchange: Summary }} props */
function Type({ exchange }) {
  const { messages } = exchange;
  if (!messages) return html`<span class="small cut column-type">${typeWord(exchange)}</span>`;
  return html`<span class="flow column-type cut" title="Messages from the visitor, and to the visitor">
    <span class="in">↑${messages.from_visitor}</span> <span class="out">↓${messages.to_visitor}</span>
  </span>`;
}

/** @param {{ id: string }} props */
function Entry({ id }) {
  const exchange = exchanges.entry(id);
  if (!exchange) return null;
  const colour = tone(exchange);
  const chosen = openId.value === id;
  const marked = exchanges.marked.value.has(id);
  return html`<div id="entry-${id}" role="option" aria-selected=${String(chosen || marked)} data-id=${id}
    class=${classes("entry", { "open-one": chosen, marked })} onClick=${(/** @type {MouseEvent} */ event) => choose(event, id)}>
    <span class=${classes("status", colour)}>${exchange.open && isSocket(exchange) ? html`<span class="dot good pulse" title="Open"></span>` : null}${statusWord(exchange)}</span>
    <span class="method cut mono">${line(exchange.method, 20)}</span>
    <${Path} exchange=${exchange} />
    <${Type} exchange=${exchange} />
    <span class="small right column-size">${sizeWord(exchange)}</span>
    <span class="small right column-took"><${Took} exchange=${exchange} /></span>
    <span class="small right column-when">${time(exchange.started)}</span>
  </div>`;
}

/** Rows that are drawn, which are left alone while their entries are as they were. @type {Map<string, { version: number, row: any }>} */
const drawn = new Map();
const DRAWN = 500;

/** @param {number} index */
function rowAt(index) {
  const id = exchanges.idAt(index) ?? "";
  const version = exchanges.entry(id)?.version ?? -1;
  const known = drawn.get(id);
  if (known?.version === version) return known.row;
  if (drawn.size > DRAWN) drawn.clear();
  const row = html`<${Entry} id=${id} />`;
  drawn.set(id, { version, row });
  return row;
}

/** What is new, while the list stands still. */
function NewOnes() {
  const number = exchanges.unseen.value;
  if (!number) return null;
  return html`<button class="new-ones" data-testid="new-ones" onClick=${() => {
    exchanges.showNew();
    control.current?.scrollTo(0);
  }}><${Icon} name="up" />${number.toLocaleString("en")} new</button>`;
}

export function List() {
  const open = useRef(false);
  exchanges.revision.value;
  const length = exchanges.shown.value;
  const row = isNarrow.value ? 56 : 30;
  useEffect(() => {
    const timer = setInterval(() => (tick.value += 1), 1000);
    return () => clearInterval(timer);
  }, []);
  useEffect(() => {
    // An address that names an exchange shows where it is.
    if (!open.current && openId.value !== null && length) {
      open.current = true;
      control.current?.reveal(exchanges.placeOf(openId.value));
    }
  });
  const onScroll = (/** @type {number} */ top) => {
    const away = top > row / 2;
    if (exchanges.scrolled.peek() === away) return;
    exchanges.scrolled.value = away;
    exchanges.settle();
  };
  const active = openId.value !== null && exchanges.placeOf(openId.value) >= 0 ? `entry-${openId.value}` : undefined;
  return html`
    <div class="list-head" aria-hidden="true">
      <span>Status</span><span>Method</span><span>Path</span><span class="column-type">Type</span>
      <span class="right">Size</span><span class="right">Took</span><span class="right column-when">At</span>
    </div>
    <${Virtual} length=${length} row=${row} control=${control} onScroll=${onScroll}
      keyOf=${(/** @type {number} */ index) => exchanges.idAt(index) ?? index}
      render=${rowAt}
      attributes=${{ role: "listbox", tabIndex: 0, "aria-label": `Exchanges: ${count(length, "entry").replace("entrys", "entries")}`, "aria-multiselectable": "true", "aria-activedescendant": active, "data-testid": "list" }} />
    <${NewOnes} />
  `;
}
