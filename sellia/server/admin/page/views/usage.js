// Usage: what was carried each day, and by whom.
import { bytes, duration, line } from "../ui/format.js";
import { html, useEffect, useState } from "../ui/html.js";
import { Segments } from "../ui/controls.js";
import * as api from "../state/api.js";
import { AccountFilter, AccountName, Table } from "./parts.js";

/** @typedef {import("../types").Totals} Totals */
/** @typedef {import("../types").Sums} Sums */

const DAY_MS = 86_400_000;
const WIDTH = 900;
const HEIGHT = 160;

/** @type {Record<string, { name: string, of: (sums: Sums) => number, show: (value: number) => string }>} */
const FIGURES = {
  bytes: { name: "Bytes", of: (sums) => sums.bytes_in + sums.bytes_out, show: bytes },
  requests: { name: "Requests", of: (sums) => sums.requests, show: (value) => value.toLocaleString("en") },
  messages: { name: "Messages", of: (sums) => sums.messages, show: (value) => value.toLocaleString("en") },
  connected: { name: "Connected", of: (sums) => sums.connected_seconds, show: duration },
};

/** The days from one to another, in UTC. @param {string} first @param {string} last */
export function daysBetween(first, last) {
  const found = [];
  for (let at = Date.parse(`${first}T00:00:00Z`); at <= Date.parse(`${last}T00:00:00Z`); at += DAY_MS) found.push(new Date(at).toISOString().slice(0, 10));
  return found;
}

/** @param {{ totals: Totals, days: string[], what: string }} props */
function Chart({ totals, days, what }) {
  const figure = FIGURES[what] ?? /** @type {typeof FIGURES[string]} */ (FIGURES.bytes);
  const byDay = new Map(totals.days.map((each) => [each.day, figure.of(each)]));
  const values = days.map((each) => byDay.get(each) ?? 0);
  const most = Math.max(...values, 0);
  const all = values.reduce((sum, each) => sum + each, 0);
  const width = WIDTH / days.length;
  return html`<figure class="card chart" data-testid="chart">
    <figcaption class="row-of"><span class="grow"><strong data-testid="total">${figure.show(all)}</strong> <span class="muted">in ${days.length} days, ${figure.show(most)} a day at most</span></span></figcaption>
    <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="${figure.name} by day: ${figure.show(all)} from ${days[0]} to ${days.at(-1)}, ${figure.show(most)} a day at most">
      ${values.map((value, index) => value > 0 && html`<rect key=${days[index]} class="chart-bar" x=${index * width + width * 0.1} width=${width * 0.8} y=${HEIGHT - 1 - Math.max(2, (value / most) * (HEIGHT - 6))} height=${Math.max(2, (value / most) * (HEIGHT - 6))}><title>${days[index]}: ${figure.show(value)}</title></rect>`)}
      <line class="axis" x1="0" x2=${WIDTH} y1=${HEIGHT - 0.5} y2=${HEIGHT - 0.5} /></svg>
    <div class="row-of muted small"><span class="grow">${days[0]}</span><span>${days.at(-1)}</span></div>
  </figure>`;
}

const SUMS = [
  { title: "Requests", class: "right", cell: (/** @type {Sums} */ each) => each.requests.toLocaleString("en") },
  { title: "Messages", class: "right", cell: (/** @type {Sums} */ each) => each.messages.toLocaleString("en") },
  { title: "In", class: "right", cell: (/** @type {Sums} */ each) => bytes(each.bytes_in) },
  { title: "Out", class: "right", cell: (/** @type {Sums} */ each) => bytes(each.bytes_out) },
  { title: "Connected", class: "right", cell: (/** @type {Sums} */ each) => duration(each.connected_seconds) },
];
const BY_ACCOUNT = [{ title: "Account", cell: (/** @type {Totals["accounts"][number]} */ each) => html`<${AccountName} id=${each.account} />` }, ...SUMS];
const BY_DAY = [{ title: "Day", cell: (/** @type {Totals["days"][number]} */ each) => html`<time datetime=${each.day}>${each.day}</time>` }, ...SUMS];

/** @param {{ account: string }} props */
export function UsageView({ account }) {
  const [span, setSpan] = useState("30");
  const [what, setWhat] = useState("bytes");
  const [totals, setTotals] = useState(/** @type {Totals | null} */ (null));
  const [trouble, setTrouble] = useState("");
  const last = new Date().toISOString().slice(0, 10);
  const first = new Date(Date.now() - (Number(span) - 1) * DAY_MS).toISOString().slice(0, 10);
  useEffect(() => {
    let gone = false;
    void (async () => {
      try {
        const found = await api.get("usage/totals", { from: first, to: last, account });
        if (!gone) {
          setTotals(found);
          setTrouble("");
        }
      } catch (error) {
        if (!gone) setTrouble(error instanceof Error ? error.message : String(error));
      }
    })();
    return () => {
      gone = true;
    };
  }, [first, last, account]);
  const nothing = totals !== null && totals.days.length === 0;
  return html`<div class="bar"><h1>Usage</h1><${AccountFilter} view="usage" account=${account} />
      <${Segments} label="Days" value=${span} choices=${[["7", "7 days"], ["30", "30 days"], ["90", "90 days"]]} onChoose=${setSpan} /></div>
    ${trouble && html`<p class="note bad" role="alert">${line(trouble, 400)}</p>`}
    ${nothing && html`<p class="nothing">Nothing was carried in these days.</p>`}
    ${totals && !nothing && html`
      <${Segments} label="Figure" value=${what} choices=${Object.entries(FIGURES).map(([id, { name }]) => [id, name])} onChoose=${setWhat} />
      <${Chart} totals=${totals} days=${daysBetween(first, last)} what=${what} />
      <h2>By account</h2>
      <${Table} label="Usage by account" columns=${BY_ACCOUNT} items=${totals.accounts} keyOf=${(/** @type {Totals["accounts"][number]} */ each) => each.account} testid="usage-accounts" />
      <h2>By day</h2>
      <${Table} label="Usage by day" columns=${BY_DAY} items=${[...totals.days].reverse()} keyOf=${(/** @type {Totals["days"][number]} */ each) => each.day} testid="usage-days" />`}`;
}
