// The overview: what there is now, requests a second, clients with their round trips, and what was refused.
import { duration, line } from "../ui/format.js";
import { html } from "../ui/html.js";
import { overview, POINTS, rates, sessions, SESSIONS, trouble } from "../state/live.js";
import { go } from "../state/place.js";
import { AccountName, Table, Text } from "./parts.js";

const WIDTH = 600;
const HEIGHT = 60;

/** @param {{ label: string, value: string | number, view?: string, account?: string, note?: string, testid?: string }} props */
function Figure({ label, value, view, note, testid }) {
  const shown = typeof value === "number" ? value.toLocaleString("en") : value;
  const body = html`<span class="figure-value" data-testid=${testid}>${shown}</span><span class="figure-label">${label}</span>${note && html`<span class="hint">${note}</span>`}`;
  return view ? html`<button type="button" class="figure" onClick=${() => go(view)}>${body}</button>` : html`<div class="figure">${body}</div>`;
}

/** A rate with as many digits as it deserves. @param {number | undefined} rate */
function perSecond(rate) {
  if (rate === undefined) return "–";
  return rate === 0 || rate >= 10 ? Math.round(rate).toLocaleString("en") : rate.toFixed(1);
}

function Requests() {
  const points = rates.value;
  const most = Math.max(1, ...points);
  const at = (/** @type {number} */ index) => ((index + POINTS - points.length) / (POINTS - 1)) * WIDTH;
  const path = points.map((value, index) => `${index ? "L" : "M"}${at(index).toFixed(1)} ${(HEIGHT - (value / most) * (HEIGHT - 4) - 2).toFixed(1)}`).join("");
  return html`<section class="card" aria-labelledby="rate-title">
    <div class="row-of"><h2 id="rate-title" class="grow">Requests a second</h2><span class="muted">${perSecond(Math.max(0, ...points))} at most, in two minutes</span></div>
    <div class="rate"><span class="figure-value" data-testid="rate">${perSecond(points.at(-1))}</span>
      <svg viewBox="0 0 ${WIDTH} ${HEIGHT}" preserveAspectRatio="none" role="img" aria-label="Requests a second over two minutes: ${perSecond(points.at(-1))} now, ${perSecond(most)} at most">
        ${points.length > 1 && html`<path class="rate-line" d=${path} />`}
        <line class="axis" x1="0" x2=${WIDTH} y1=${HEIGHT - 1} y2=${HEIGHT - 1} />
      </svg></div>
  </section>`;
}

function Refusals() {
  const found = Object.entries(overview.value?.limits ?? {}).sort((one, other) => other[1] - one[1]);
  return html`<section class="card" aria-labelledby="refusals-title"><h2 id="refusals-title">Refused since the start, by limit</h2>
    ${found.length === 0
      ? html`<p class="muted">Nothing was refused.</p>`
      : html`<dl class="counts" data-testid="refusals">${found.map(([word, count]) => html`<div key=${word}><dt class="mono">${word}</dt><dd>${count.toLocaleString("en")}</dd></div>`)}</dl>`}
  </section>`;
}

const COLUMNS = [
  { title: "Client", cell: (/** @type {import("../types").Session} */ each) => html`<${Text} text=${each.tunnels.map((one) => one.name).join(", ") || each.name} />` },
  { title: "Account", cell: (/** @type {import("../types").Session} */ each) => html`<${AccountName} id=${each.account} />` },
  { title: "Address", cell: (/** @type {import("../types").Session} */ each) => html`<${Text} text=${each.address} mono />` },
  { title: "Round trip", class: "right", cell: (/** @type {import("../types").Session} */ each) => duration(each.rtt_seconds) },
  { title: "Streams", class: "right", cell: (/** @type {import("../types").Session} */ each) => each.streams.toLocaleString("en") },
];

function Links() {
  const found = sessions.value;
  return html`<section class="card wide" aria-labelledby="links-title">
    <div class="row-of"><h2 id="links-title" class="grow">Links</h2>${found.length >= SESSIONS && html`<span class="muted">the first ${SESSIONS}</span>`}</div>
    ${found.length === 0
      ? html`<p class="muted">No client is connected.</p>`
      : html`<${Table} label="Links" columns=${COLUMNS} items=${found} keyOf=${(/** @type {import("../types").Session} */ each) => each.id} testid="links" />`}
  </section>`;
}

export function OverviewView() {
  const now = overview.value;
  if (!now) return trouble.value ? html`<p class="note bad" role="alert">${line(trouble.value, 400)}</p>` : html`<p class="muted" aria-busy="true">One moment.</p>`;
  return html`
    ${trouble.value && html`<p class="note bad" role="alert" data-testid="trouble">${line(trouble.value, 400)} What is shown is what was known; this page goes on by itself.</p>`}
    ${now.draining && html`<p class="note warn">The server is about to stop: it takes no new clients.</p>`}
    ${now.database !== "well" && html`<p class="note warn" role="alert">The database is ${line(now.database)}: what runs goes on, and what would change something is refused.</p>`}
    <div class="figures">
      <${Figure} label="Clients" value=${now.sessions} view="sessions" testid="clients" note=${now.links < now.sessions ? `${now.sessions - now.links} expected back` : ""} />
      <${Figure} label="Tunnels" value=${now.tunnels} testid="tunnels" />
      <${Figure} label="Visitors' connections" value=${now.connections} testid="visitors" />
      <${Figure} label="Open streams" value=${now.streams} />
      <${Figure} label="Accounts" value=${now.accounts} view="accounts" />
      <${Figure} label="Keys" value=${now.keys} view="keys" />
      <${Figure} label="Names" value=${now.names} view="names" />
    </div>
    <div class="cards"><${Requests} /><${Refusals} /><${Links} /></div>
  `;
}
