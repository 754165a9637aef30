// Sessions of clients, and how one is ended.
import { bytes, duration, line } from "../ui/format.js";
import { html } from "../ui/html.js";
import * as api from "../state/api.js";
import { useList } from "../state/lists.js";
import { AccountFilter, AccountName, confirm, Listed, Text, When } from "./parts.js";

/** @typedef {import("../types").Session} Session */

const EVERY_MS = 3000;

/** @param {{ account: string }} props */
export function SessionsView({ account }) {
  const list = /** @type {ReturnType<typeof useList<Session>>} */ (useList("sessions", { account }, EVERY_MS));
  const end = (/** @type {Session} */ each) =>
    confirm({
      title: "End this session?",
      words: `The client ${each.name} at ${line(each.address)} is told that an operator ended its session, and does not come back by itself. Its key stays valid.`,
      go: "End the session",
      run: async () => {
        await api.send("DELETE", `sessions/${api.segment(each.id)}`);
        await list.reload();
      },
      done: "The session has ended",
    });
  const columns = [
    { title: "Tunnels", cell: (/** @type {Session} */ each) => html`<span class="stack">${each.tunnels.length === 0 ? "–" : each.tunnels.map((one) => html`<span key=${`${one.kind} ${one.name}`}><${Text} text=${one.name} mono /> <span class="pill">${one.kind}</span></span>`)}</span>` },
    { title: "Account", cell: (/** @type {Session} */ each) => html`<${AccountName} id=${each.account} />` },
    { title: "Key", cell: (/** @type {Session} */ each) => html`<${Text} text=${each.key_prefix} mono />` },
    { title: "Address", cell: (/** @type {Session} */ each) => html`<${Text} text=${each.address} mono />` },
    { title: "Client", cell: (/** @type {Session} */ each) => html`<${Text} text=${each.client} limit=${40} />${each.dialect === "original" ? html` <span class="pill">original</span>` : null}` },
    { title: "State", cell: (/** @type {Session} */ each) => html`<span class=${each.state === "attached" ? "pill good" : "pill warn"}>${line(each.state)}</span>` },
    { title: "Since", cell: (/** @type {Session} */ each) => html`<${When} at=${each.since} />` },
    { title: "Round trip", class: "right", cell: (/** @type {Session} */ each) => duration(each.rtt_seconds) },
    { title: "Streams", class: "right", cell: (/** @type {Session} */ each) => each.streams.toLocaleString("en") },
    { title: "In", class: "right", cell: (/** @type {Session} */ each) => bytes(each.bytes_in) },
    { title: "Out", class: "right", cell: (/** @type {Session} */ each) => bytes(each.bytes_out) },
    ...(api.mayWrite() ? [{ title: "", class: "actions", cell: (/** @type {Session} */ each) => html`<button type="button" class="button danger" aria-label="End the session ${each.name}" onClick=${() => end(each)}>End</button>` }] : []),
  ];
  return html`<div class="bar"><h1>Sessions</h1><${AccountFilter} view="sessions" account=${account} /></div>
    <${Listed} list=${list} columns=${columns} keyOf=${(/** @type {Session} */ each) => each.id} label="Sessions" testid="sessions" none="No client is connected." />`;
}
