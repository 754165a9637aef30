// The exchange that is open: its head, what can be done with it, why it ended, and its parts.
import { copy } from "../ui/copy.js";
import { bytes, date, duration, line } from "../ui/format.js";
import { html, signal, useState } from "../ui/html.js";
import { Menu, Tabs } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { open } from "../state/address.js";
import * as exchanges from "../state/exchanges.js";
import { detail, failure } from "../state/opened.js";
import { actions } from "./actions.js";
import { CauseCard } from "./cause.js";
import { show } from "./dialogs.js";
import { tick } from "./list.js";
import { Side } from "./side.js";
import { Socket } from "./socket.js";
import { Timing, TimingBar } from "./timing.js";
import { isSocket, tone } from "./words.js";

/** @typedef {import("../types").Detail} Detail */

/** The tab that was chosen last, for each kind. */
const chosen = { http: signal("both"), socket: signal("messages") };

/** @param {{ exchange: Detail }} props */
function Head({ exchange }) {
  const url = `${exchange.host}${exchange.target}`;
  const origin = exchange.replay_of;
  return html`<header class="open-head">
    <div class="row-of head-line">
      <button class="icon" aria-label="Close" title="Close (Escape)" onClick=${() => open(null)}><${Icon} name="left" /></button>
      <span class="pill ${tone(exchange)}">${exchange.status ?? (exchange.open ? "under way" : "no response")}</span>
      <h2 class="grow url"><span class="mono muted">${line(exchange.method, 30)}</span> <bdi title=${line(url, 3000)}>${line(url, 600)}</bdi></h2>
      <button class="icon" aria-label="Copy URL" title="Copy URL" onClick=${() => copy(actions.urlOf(exchange), "URL")}><${Icon} name="copy" /></button>
    </div>
    <div class="row-of">
      <button class="button primary" disabled=${!exchange.replayable} title=${exchange.replayable ? "Replay, byte for byte (r)" : "It cannot be replayed: not all of the request is kept"} onClick=${() => actions.replay([exchange.id])}><${Icon} name="replay" />Replay</button>
      <button class="button" title="Edit, then send (e)" onClick=${() => show({ name: "edit", id: exchange.id })}><${Icon} name="edit" />Edit</button>
      <${Menu} label="Copy as" icon="copy" text="Copy as" left items=${actions.copyMenu(exchange)} />
      <${Menu} label="Save" icon="download" text="Save" left items=${actions.saveMenu(exchange)} />
      <button class="icon" aria-label="Keep" aria-pressed=${String(exchange.kept)} title="Keep: clearing and making room leave it alone (k is taken: use m)" onClick=${() => actions.keep([exchange.id], !exchange.kept)}><${Icon} name="pin" /></button>
      <button class="icon" aria-label="Remove" title="Remove" onClick=${() => actions.remove([exchange.id])}><${Icon} name="trash" /></button>
      <span class="grow"></span>
      ${origin && html`<button class="link" data-testid="origin" onClick=${() => open(origin)}>Replay of ${origin}${exchange.edited ? ", edited" : ""}</button>`}
      <span class="muted when" title=${date(exchange.started)}>${exchange.seconds === null ? "" : `${duration(exchange.seconds)} · `}${exchange.visitor ? `from ${line(exchange.visitor, 60)}` : ""}</span>
    </div>
  </header>`;
}

/** @param {{ exchange: Detail }} props */
function Http({ exchange }) {
  const tab = chosen.http.value;
  if (exchange.open) tick.value;
  const now = Date.now() / 1000;
  const tabs = /** @type {[string, string, (string | number | null)?][]} */ ([["both", "Request and response"], ["timing", "Timing", exchange.seconds === null ? null : duration(exchange.seconds)]]);
  return html`
    ${tab !== "timing" && html`<div class="bar-line"><${TimingBar} exchange=${exchange} now=${now} /></div>`}
    <${Tabs} id="part" label="Parts" value=${tab} tabs=${tabs} onChoose=${(/** @type {string} */ key) => (chosen.http.value = key)} />
    <div class="part" id="part-panel" role="tabpanel" tabindex="0" aria-labelledby=${`part-${tab}`}>
      ${tab === "timing" ? html`<${Timing} exchange=${exchange} now=${now} />` : html`<div class="sides"><${Side} key=${`${exchange.id}-request`} exchange=${exchange} side="request" /><${Side} key=${`${exchange.id}-response-${exchange.response.body.bytes > 0}`} exchange=${exchange} side="response" /></div>`}
    </div>
  `;
}

/** @param {{ exchange: Detail }} props */
function SocketParts({ exchange }) {
  const tab = chosen.socket.value;
  const messages = exchange.messages;
  const tabs = /** @type {[string, string, (string | number | null)?][]} */ ([
    ["messages", "Messages", messages ? (messages.from_visitor + messages.to_visitor).toLocaleString("en") : null],
    ["handshake", "Handshake"],
    ["timing", "Timing"],
  ]);
  if (exchange.open && tab === "timing") tick.value;
  return html`
    <${Tabs} id="part" label="Parts" value=${tab} tabs=${tabs} onChoose=${(/** @type {string} */ key) => (chosen.socket.value = key)} />
    <div class="part" id="part-panel" role="tabpanel" tabindex="0" aria-labelledby=${`part-${tab}`}>
      ${tab === "messages" && html`<${Socket} key=${exchange.id} exchange=${exchange} />`}
      ${tab === "handshake" && html`<div class="sides"><${Side} exchange=${exchange} side="request" /><${Side} exchange=${exchange} side="response" /></div>`}
      ${tab === "timing" && html`<${Timing} exchange=${exchange} now=${Date.now() / 1000} />`}
    </div>
  `;
}

export function OpenExchange() {
  const exchange = detail.value;
  if (failure.value)
    return html`<section class="pane-open" aria-label="Exchange"><div class="nothing"><div><p>${failure.value}</p><p><button class="link" onClick=${() => open(null)}>Close</button></p></div></div></section>`;
  if (!exchange) return html`<section class="pane-open" aria-label="Exchange" aria-busy="true"></section>`;
  return html`<section class="pane-open" aria-label="Exchange" data-testid="exchange" data-id=${exchange.id}>
    <${Head} exchange=${exchange} />
    ${exchange.cause && html`<${CauseCard} key=${exchange.cause.id} cause=${exchange.cause} />`}
    ${isSocket(exchange) && exchange.messages ? html`<${SocketParts} exchange=${exchange} />` : html`<${Http} exchange=${exchange} />`}
  </section>`;
}

/** What is done with several at once. */
export function MarkedBar() {
  const ids = [...exchanges.marked.value];
  const [busy, setBusy] = useState(false);
  if (!ids.length) return null;
  const sum = ids.reduce((all, id) => all + (exchanges.entry(id)?.response_bytes ?? 0), 0);
  const act = (/** @type {() => Promise<unknown>} */ run) => () => {
    setBusy(true);
    void run().finally(() => setBusy(false));
  };
  return html`<div class="marked-bar" role="toolbar" aria-label="Marked exchanges" data-testid="marked">
    <span class="grow">${ids.length} marked · ${bytes(sum)}</span>
    <button class="button" disabled=${busy} onClick=${act(() => actions.replay(ids))}><${Icon} name="replay" />Replay</button>
    <button class="button" onClick=${act(() => actions.saveHar(ids))}>HAR</button>
    <${Menu} label="Save as a test" text="Test" items=${actions.testMenu(ids)} />
    <button class="button" onClick=${act(() => actions.keep(ids, true))}>Keep</button>
    <button class="button" onClick=${act(() => actions.remove(ids))}>Remove</button>
    <button class="icon" aria-label="Mark none" onClick=${() => exchanges.mark([])}><${Icon} name="close" /></button>
  </div>`;
}
