// One message of a WebSocket: its content, and its fragments.
import { bytes, clock, line } from "../ui/format.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { Menu } from "../ui/controls.js";
import { actions } from "./actions.js";
import { Body, messageOf } from "./body.js";

/** @param {{ id: string, message: import("../types").Message, onClose: () => void }} props */
export function OpenMessage({ id, message, onClose }) {
  const info = { bytes: message.bytes, truncated: false, kept: 0, type: null, encoding: message.compressed ? "permessage-deflate" : null };
  return html`<section class="open-message" aria-label="Message ${message.number}" data-testid="message">
    <div class="row-of message-head">
      <strong>${line(message.kind, 20)}</strong>
      <span class="muted grow cut">${message.from_visitor ? "from the visitor" : "to the visitor"} · ${clock(message.at)} · ${bytes(message.bytes)}${message.compressed ? " compressed" : ""}${message.injected ? " · sent here" : ""}</span>
      <${Menu} label="Do with this message" icon="more" items=${actions.messageMenu(id, message)} />
      <button class="icon" aria-label="Close the message" onClick=${onClose}><${Icon} name="close" /></button>
    </div>
    <div class="message-body">
      ${message.truncated && html`<p class="note warn body-note">Not all of it is kept.</p>`}
      <${Body} label="Content of message ${message.number}" name=${`message-${id}-${message.number}.bin`} info=${info} stamp=${message.number} decoded=${messageOf(id, message.number)} />
      ${message.fragments.length > 0 &&
      html`<h3 class="inset">Fragments</h3><ol class="fragments">${message.fragments.map((each) => html`<li key=${each.number}><span class="mono">${clock(each.at)}</span> ${bytes(each.bytes)}${each.final ? ", final" : ""}</li>`)}</ol>`}
    </div>
  </section>`;
}
