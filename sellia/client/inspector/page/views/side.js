// One side of an exchange, the request or the response: headers, query, cookies, form, body.
import { count } from "../ui/format.js";
import { html, useState } from "../ui/html.js";
import { Tabs } from "../ui/controls.js";
import { visible } from "../ui/format.js";
import { Body, bodyOf } from "./body.js";
import { cookiesOf, Fields, parameters, setCookiesOf } from "./fields.js";
import { split } from "./words.js";

/** @typedef {import("../types").Detail} Detail */
/** @typedef {import("../types").Field} Field */

/** Names of fields that were changed on the way. @param {Field[]} before @param {Field[]} after */
export function changedNames(before, after) {
  const told = (/** @type {Field[]} */ fields) => {
    const found = new Map();
    for (const [name, value] of fields) found.set(name.toLowerCase(), `${found.get(name.toLowerCase()) ?? ""}\n${value}`);
    return found;
  };
  const [one, other] = [told(before), told(after)];
  return new Set([...one.keys(), ...other.keys()].filter((name) => one.get(name) !== other.get(name)));
}

/** @param {{ exchange: Detail }} props */
function RequestHeaders({ exchange }) {
  const { request } = exchange;
  const [sent, setSent] = useState(false);
  const changed = request.sent_headers ? changedNames(request.headers, request.sent_headers) : undefined;
  const fields = sent && request.sent_headers ? request.sent_headers : request.headers;
  const target = sent && request.sent_target !== null ? request.sent_target : exchange.target;
  return html`
    <pre class="start-line">${visible(`${exchange.method} ${target} ${request.version}`)}</pre>
    ${request.sent_headers &&
    html`<label class="check inset"><input type="checkbox" checked=${sent} onChange=${() => setSent(!sent)} />as it was sent to the service${changed?.size ? ` (${count(changed.size, "field")} changed on the way)` : ""}</label>`}
    <${Fields} fields=${fields} label="Header fields of the request" changed=${changed} />
    ${request.trailers.length > 0 && html`<h3 class="inset">Trailers</h3><${Fields} fields=${request.trailers} label="Trailers of the request" />`}
  `;
}

/** @param {{ exchange: Detail }} props */
function ResponseHeaders({ exchange }) {
  const { response } = exchange;
  if (response.status === null) return html`<p class="empty muted">${exchange.open ? "No response yet." : "There was no response."}</p>`;
  return html`
    ${response.interim.map((each, index) => html`<pre key=${index} class="start-line muted">${visible(`${each.status} ${each.reason}`)}</pre><${Fields} fields=${each.headers} label="Header fields of the interim response" />`)}
    <pre class="start-line">${visible(`HTTP/1.1 ${response.status} ${response.reason}`)}</pre>
    <${Fields} fields=${response.headers} label="Header fields of the response" />
    ${response.trailers.length > 0 && html`<h3 class="inset">Trailers</h3><${Fields} fields=${response.trailers} label="Trailers of the response" />`}
  `;
}

/** @param {{ exchange: Detail, side: "request" | "response" }} props */
export function Side({ exchange, side }) {
  const request = side === "request";
  const part = exchange[side];
  const query = request ? parameters(split(exchange.target)[1].slice(1)) : [];
  const cookies = request ? cookiesOf(part.headers) : setCookiesOf(part.headers);
  const hasBody = part.body.bytes > 0;
  const tabs = /** @type {[string, string, (string | number | null)?][]} */ ([["headers", "Headers", part.headers.length || null]]);
  if (query.length) tabs.push(["query", "Query", query.length]);
  if (cookies.length) tabs.push(["cookies", "Cookies", cookies.length]);
  if (!exchange.messages) tabs.push(["body", "Body"]);
  const [wanted, setWanted] = useState(hasBody && !exchange.messages ? "body" : "headers");
  const tab = tabs.some(([key]) => key === wanted) ? wanted : "headers";
  const label = request ? "Request" : "Response";
  return html`<section class="side side-${side}" aria-label=${label}>
    <div class="side-head"><h3>${label}</h3>
      <${Tabs} id=${`tab-${side}`} label=${label} value=${tab} tabs=${tabs} onChoose=${setWanted} /></div>
    <div class="side-body" id=${`tab-${side}-panel`} role="tabpanel" aria-labelledby=${`tab-${side}-${tab}`} tabindex="0">
      ${tab === "headers" && (request ? html`<${RequestHeaders} exchange=${exchange} />` : html`<${ResponseHeaders} exchange=${exchange} />`)}
      ${tab === "query" && html`<${Fields} fields=${query} label="Query" />`}
      ${tab === "cookies" && html`<${Fields} fields=${cookies} label="Cookies" />`}
      ${tab === "body" && html`<${Body} label="${label} body" name=${fileName(exchange, side)} info=${part.body} stamp=${`${exchange.id} ${part.body.bytes} ${exchange.open}`} decoded=${bodyOf(exchange.id, side)} />`}
    </div>
  </section>`;
}

/** @param {Detail} exchange @param {"request" | "response"} side */
function fileName(exchange, side) {
  const last = split(exchange.target)[0].split("/").at(-1) ?? "";
  return side === "response" && /^[\w.-]+\.\w+$/.test(last) ? last : `${side}-${exchange.id}.bin`;
}
