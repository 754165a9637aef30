// A WebSocket: what it is like, its messages as they pass, and how it ended.
import { bytes, clock, count, duration, line } from "../ui/format.js";
import { classes, html, useEffect, useMemo, useRef, useState } from "../ui/html.js";
import { Menu, Segments } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { Virtual } from "../ui/virtual.js";
import { failure, gap, loading, messages, underWay } from "../state/messages.js";
import { showControl, showFragments } from "../state/preferences.js";
import { actions } from "./actions.js";
import { endSentence } from "./cause.js";
import { Chart } from "./chart.js";
import { Composer } from "./composer.js";
import { tick } from "./list.js";
import { OpenMessage } from "./message.js";
import { heartbeat } from "./rhythm.js";

/** @typedef {import("../types").Detail} Detail */
/** @typedef {import("../types").Message} Message */
/**
 * @typedef {{ what: "message", message: Message, since: number, open?: boolean } | { what: "fragment", message: Message, index: number } |
 *   { what: "gap", gap: import("../types").Gap } | { what: "mark", mark: import("../types").Mark } | { what: "end" }} Row
 */

const ROW = 26;
const CONTROL = new Set(["ping", "pong", "close"]);

/**
 * The rows of a timeline: messages, and between them what is missing and what the link did.
 * @param {Detail} exchange @param {Message[]} all @param {Message[]} open @param {import("../types").Gap | null} missing
 * @param {{ control: boolean, fragments: boolean, direction: string, text: string }} shown
 * @returns {Row[]}
 */
export function rowsOf(exchange, all, open, missing, { control, fragments, direction, text }) {
  /** @type {Row[]} */
  const rows = [];
  const wanted = text.toLowerCase();
  const marks = [...exchange.marks];
  let before = exchange.timing.answered ?? exchange.started;
  let told = !missing?.frames;
  const take = (/** @type {Message} */ message, /** @type {boolean} */ unfinished) => {
    if (!told && missing && message.number >= missing.begin) {
      rows.push({ what: "gap", gap: missing });
      told = true;
    }
    while (marks[0] && marks[0].at <= message.at) rows.push({ what: "mark", mark: /** @type {any} */ (marks.shift()) });
    const since = message.at - before;
    if (!control && CONTROL.has(message.kind) && message.kind !== "close") return;
    if (direction && (direction === "in") !== message.from_visitor) return;
    if (wanted && !`${message.text ?? ""}\n${message.title ?? ""}`.toLowerCase().includes(wanted)) return;
    before = message.at;
    rows.push({ what: "message", message, since, ...(unfinished ? { open: true } : {}) });
    if (fragments) message.fragments.forEach((_, index) => rows.push({ what: "fragment", message, index }));
  };
  for (const message of all) take(message, false);
  for (const message of open) take(message, true);
  if (!told && missing) rows.push({ what: "gap", gap: missing });
  for (const mark of marks) rows.push({ what: "mark", mark });
  if (!exchange.open) rows.push({ what: "end" });
  return rows;
}

/** Decoders whose names say no more than the preview. */
const PLAIN = new Set(["text", "binary", "json"]);

/** @param {Message} message */
export function previewOf(message) {
  return (message.decoder && message.decoder !== "text" ? message.title : message.text) ?? message.text ?? "";
}

/** @param {{ message: Message, since: number, chosen: boolean, open: boolean, onChoose: () => void }} props */
function MessageRow({ message, since, chosen, open, onChoose }) {
  const visitor = message.from_visitor;
  return html`<div role="option" aria-selected=${String(chosen)} class=${classes("message", visitor ? "from" : "to", { chosen, control: CONTROL.has(message.kind) })} onClick=${onChoose} data-number=${message.number}>
    <span class="arrow" title=${visitor ? "from the visitor" : "to the visitor"}><${Icon} name=${visitor ? "up" : "down"} /><span class="sr-only">${visitor ? "from the visitor" : "to the visitor"}</span></span>
    <span class="kind">${line(message.kind, 20)}</span>
    <bdi class="preview mono cut">${line(previewOf(message), 400)}</bdi>
    <span class="flags">${message.injected && html`<span class="pill accent">sent here</span>`}${message.fragments.length > 0 && html`<span class="pill">${message.fragments.length} parts</span>`}${message.truncated && html`<span class="pill warn">cut</span>`}${open && html`<span class="pill accent">under way</span>`}${message.decoder && !PLAIN.has(message.decoder) && html`<span class="pill other">${line(message.decoder, 30)}</span>`}</span>
    <span class="size">${bytes(message.bytes)}${message.compressed ? html`<span title=${message.inflated != null ? `${bytes(message.inflated)} when inflated` : "compressed"}>·z</span>` : ""}</span>
    <span class="since" title=${clock(message.at)}>+${duration(since)}</span>
  </div>`;
}

/** @param {{ row: Row, exchange: Detail, chosen: number | null, onChoose: (number: number | null) => void }} props */
function TimelineRow({ row, exchange, chosen, onChoose }) {
  if (row.what === "message") {
    const { message } = row;
    return html`<${MessageRow} message=${message} since=${row.since} chosen=${chosen === message.number} open=${Boolean(row.open)} onChoose=${() => onChoose(chosen === message.number ? null : message.number)} />`;
  }
  if (row.what === "fragment") {
    const part = row.message.fragments[row.index];
    return html`<div class="message fragment" role="option" aria-selected="false"><span></span><span class="kind">part ${row.index + 1}</span><span class="preview muted">frame ${part?.number}${part?.final ? ", final" : ""}</span><span></span><span class="size">${bytes(part?.bytes)}</span><span class="since">${clock(part?.at)}</span></div>`;
  }
  if (row.what === "gap") {
    const { gap: missing } = row;
    return html`<div class="timeline-note gap" role="option" aria-selected="false" data-testid="gap">${count(missing.frames, "frame")} left out (${bytes(missing.bytes_from_visitor + missing.bytes_to_visitor)}), of ${clock(missing.since)} to ${clock(missing.until)}</div>`;
  }
  if (row.what === "mark")
    return html`<div class="timeline-note mark ${row.mark.what}" role="option" aria-selected="false">${clock(row.mark.at)} · ${{ lost: "the link was lost", resumed: "the link was resumed", expired: "the session expired" }[row.mark.what] ?? row.mark.what}</div>`;
  return html`<div class=${classes("timeline-note end", { bad: exchange.cause })} role="option" aria-selected="false" data-testid="end">${line(exchange.cause?.sentence ?? endSentence(exchange), 400)}</div>`;
}

/** @param {{ exchange: Detail }} props */
function Facts({ exchange }) {
  const { timeline, messages: told } = exchange;
  const beat = useMemo(() => heartbeat(messages.value), [messages.value]);
  const deflate = timeline?.deflate;
  return html`<p class="socket-facts muted">
    <span class="pill ${exchange.open ? "good" : exchange.cause ? "bad" : ""}" data-testid="socket-state">${exchange.open ? "open" : "closed"}</span>
    <span>${told ? `${bytes(told.bytes_from_visitor)} up, ${bytes(told.bytes_to_visitor)} down` : ""}</span>
    ${timeline?.subprotocol && html`<span>subprotocol <code>${line(timeline.subprotocol, 80)}</code></span>`}
    <span>${deflate ? `permessage-deflate, windows ${deflate.client_max_window_bits} and ${deflate.server_max_window_bits}${deflate.client_no_context_takeover || deflate.server_no_context_takeover ? ", without context takeover" : ""}` : "not compressed"}</span>
    ${beat && html`<span data-testid="heartbeat">${beat.what} of the ${beat.from} every ${duration(beat.interval)}${beat.answered === null ? "" : `, answered after ${duration(beat.answered)}`}</span>`}
  </p>`;
}

/** @param {{ exchange: Detail }} props */
export function Socket({ exchange }) {
  const [chosen, setChosen] = useState(/** @type {number | null} */ (null));
  const [direction, setDirection] = useState("");
  const [text, setText] = useState("");
  const [atEnd, setAtEnd] = useState(exchange.open);
  const control = useRef(/** @type {any} */ (null));
  if (exchange.open) tick.value;
  const shown = { control: showControl.value, fragments: showFragments.value, direction, text };
  const rows = useMemo(
    () => rowsOf(exchange, messages.value, underWay.value, gap.value, shown),
    [exchange, messages.value, underWay.value, gap.value, shown.control, shown.fragments, direction, text],
  );
  const message = chosen === null ? undefined : messages.value.find((each) => each.number === chosen);
  useEffect(() => {
    if (chosen !== null) control.current?.reveal(rows.findIndex((row) => row.what === "message" && row.message.number === chosen));
  }, [chosen]);
  const step = (/** @type {KeyboardEvent} */ event) => {
    const by = event.key === "ArrowDown" ? 1 : event.key === "ArrowUp" ? -1 : 0;
    if (!by) return;
    event.preventDefault();
    const all = rows.filter((row) => row.what === "message");
    const place = all.findIndex((row) => row.what === "message" && row.message.number === chosen);
    const next = all[place < 0 ? (by > 0 ? 0 : all.length - 1) : Math.max(0, Math.min(all.length - 1, place + by))];
    if (next?.what === "message") setChosen(next.message.number);
  };
  return html`<div class="socket">
    <${Facts} exchange=${exchange} />
    <${Chart} exchange=${exchange} messages=${messages.value} gap=${gap.value} now=${Date.now() / 1000} />
    <div class="timeline-bar">
      <${Segments} label="Direction" value=${direction} choices=${[["", "Both"], ["in", "↑ From visitor"], ["out", "↓ To visitor"]]} onChoose=${setDirection} />
      <input class="field" type="search" aria-label="Find in messages" placeholder="Find in messages" value=${text} onInput=${(/** @type {any} */ event) => setText(event.target.value)} />
      <label class="check"><input type="checkbox" checked=${shown.control} onChange=${() => (showControl.value = !shown.control)} />Pings</label>
      <label class="check"><input type="checkbox" checked=${shown.fragments} onChange=${() => (showFragments.value = !shown.fragments)} />Fragments</label>
      <${Menu} label="More about messages" icon="more" items=${actions.socketMenu(exchange)} />
    </div>
    ${failure.value && html`<p class="note bad body-note" role="alert">The messages cannot be read: ${failure.value}</p>`}
    <div class="timeline-split">
      ${rows.length === 0 ? html`<p class="empty muted grow">${loading.value ? "…" : text || direction ? "No message matches." : "No messages yet."}</p>` : html`<${Virtual} length=${rows.length} row=${ROW} atEnd=${atEnd && exchange.open && chosen === null} control=${control}
        onScroll=${(/** @type {number} */ _top, /** @type {boolean} */ end) => setAtEnd(end)}
        keyOf=${(/** @type {number} */ index) => keyOf(rows[index], index)}
        render=${(/** @type {number} */ index) => rows[index] && html`<${TimelineRow} row=${rows[index]} exchange=${exchange} chosen=${chosen} onChoose=${setChosen} />`}
        attributes=${{ class: "virtual timeline", role: "listbox", tabIndex: 0, "aria-label": "Messages", "data-testid": "timeline", onKeyDown: step }} />`}
      ${message && html`<${OpenMessage} key=${`${exchange.id}-${message.number}`} id=${exchange.id} message=${message} onClose=${() => setChosen(null)} />`}
    </div>
    ${exchange.open && html`<${Composer} exchange=${exchange} like=${message ?? null} />`}
  </div>`;
}

/** @param {Row | undefined} row @param {number} index */
function keyOf(row, index) {
  if (row?.what === "message") return `m${row.message.number}${row.open ? "o" : ""}`;
  if (row?.what === "fragment") return `f${row.message.number}-${row.index}`;
  return `${row?.what ?? ""}${index}`;
}
