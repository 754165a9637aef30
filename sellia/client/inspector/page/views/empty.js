// What is shown before anything has come: the address, in ways to try it.
import { copy } from "../ui/copy.js";
import { line } from "../ui/format.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { address } from "../state/api.js";
import { setFilter } from "../state/address.js";
import { status } from "../state/live.js";

/** @param {string} text quoted for a POSIX shell */
function quoted(text) {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

/** @param {{ text: string, what: string }} props */
function Try({ text, what }) {
  return html`<div class="try"><code tabindex="0" role="region" aria-label=${what}>${line(text, 500)}</code>
    <button class="icon" aria-label="Copy ${what}" title="Copy" onClick=${() => copy(text, what)}><${Icon} name="copy" /></button></div>`;
}

/** @param {{ tunnel: import("../types").Tunnel }} props */
function Card({ tunnel }) {
  const url = tunnel.url ?? "";
  const web = /^https?:/.test(url);
  const socket = url.replace(/^http/, "ws");
  return html`<section class="card" aria-label="Tunnel ${line(tunnel.name)}">
    <div class="grow">
      <div class="row-of"><bdi class="address">${line(url)}</bdi>
        <button class="icon" aria-label="Copy URL" title="Copy" onClick=${() => copy(url, "URL")}><${Icon} name="copy" /></button></div>
      <div class="muted">leads to <span class="mono">${line(tunnel.targets.map((each) => each.target).join(", "))}</span></div>
      ${web && html`<${Try} what="curl line" text="curl -i ${quoted(url)}" /><${Try} what="wscat line" text="wscat -c ${quoted(socket)}" />`}
    </div>
    <img class="qr" alt="QR code of ${line(url)}" width="132" height="132" src=${address("/api/qr", { text: url })} />
  </section>`;
}

export function Welcome() {
  const tunnels = status.value?.tunnels ?? [];
  const ready = tunnels.filter((each) => each.url);
  return html`<div class="nothing"><div class="welcome" data-testid="welcome">
    <div><h1>${ready.length ? "Waiting for the first request" : "No tunnel is open yet"}</h1>
      <p class="muted">${ready.length
        ? "Requests and WebSockets appear here as they come. Open the address, scan the code, or paste a line into a terminal."
        : "The address appears here as soon as the server has given one."}</p></div>
    ${ready.slice(0, 4).map((tunnel) => html`<${Card} key=${tunnel.name} tunnel=${tunnel} />`)}
  </div></div>`;
}

/** @param {{ text: string }} props */
export function NothingFound({ text }) {
  return html`<div class="nothing" data-testid="nothing-found"><div>
    <p>Nothing matches <code>${line(text, 200)}</code>.</p>
    <p><button class="link" onClick=${() => setFilter("")}>Show all</button></p>
  </div></div>`;
}
