// Sends a message into an open WebSocket, to either end.
import { html, signal, useEffect, useState } from "../ui/html.js";
import { Segments } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { failed } from "../ui/toast.js";
import { sendMessage } from "../state/doing.js";

/** What is being written; it survives a look at another exchange. */
const draft = signal("");
const kind = signal("text");
const direction = signal("to-service");

/** Put a text into the composer. @param {string} text @param {boolean} fromVisitor */
export function compose(text, fromVisitor) {
  draft.value = text;
  kind.value = "text";
  direction.value = fromVisitor ? "to-service" : "to-visitor";
}

/** @param {string} text @returns {Uint8Array | null} */
export function fromHex(text) {
  const digits = text.replace(/[\s:,]|0x/g, "");
  if (digits.length % 2 || !/^[0-9a-fA-F]*$/.test(digits)) return null;
  return Uint8Array.from({ length: digits.length / 2 }, (_, index) => Number.parseInt(digits.slice(index * 2, index * 2 + 2), 16));
}

/** @param {{ exchange: import("../types").Detail }} props */
export function Composer({ exchange }) {
  const [busy, setBusy] = useState(false);
  const wrong = kind.value === "binary" && fromHex(draft.value) === null;
  useEffect(() => setBusy(false), [exchange.id]);
  const send = async () => {
    if (busy || wrong) return;
    setBusy(true);
    try {
      const payload = kind.value === "binary" ? fromHex(draft.value) ?? new Uint8Array() : kind.value === "text" ? draft.value : "";
      await sendMessage(exchange.id, direction.value === "to-service", kind.value, payload);
    } catch (error) {
      failed(error, "Sending");
    } finally {
      setBusy(false);
    }
  };
  const onKeyDown = (/** @type {KeyboardEvent} */ event) => {
    if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
      event.preventDefault();
      void send();
    }
  };
  return html`<form class="composer" aria-label="Send a message" onSubmit=${(/** @type {Event} */ event) => (event.preventDefault(), void send())}>
    <${Segments} label="Direction to send" value=${direction.value} choices=${[["to-service", "↑ To service"], ["to-visitor", "↓ To visitor"]]} onChoose=${(/** @type {string} */ value) => (direction.value = value)} />
    <select class="field" aria-label="Kind of message" value=${kind.value} onChange=${(/** @type {any} */ event) => (kind.value = event.target.value)}>
      <option value="text">Text</option><option value="binary">Binary, in hex</option><option value="ping">Ping</option>
    </select>
    <textarea class="field ${wrong ? "wrong" : ""}" rows="1" aria-label="Message to send" aria-invalid=${String(wrong)} placeholder=${kind.value === "binary" ? "de ad be ef" : "Message; Enter sends"} value=${draft.value}
      onInput=${(/** @type {any} */ event) => (draft.value = event.target.value)} onKeyDown=${onKeyDown}></textarea>
    <button class="button primary" disabled=${busy || wrong}><${Icon} name="send" />Send</button>
  </form>`;
}
