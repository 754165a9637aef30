// Edits what is held, before it goes on.
import { html, useState } from "../ui/html.js";
import { Dialog } from "../ui/controls.js";
import { failed } from "../ui/toast.js";
import { base64, decide } from "../state/doing.js";
import { holds } from "../state/holds.js";
import { fromHex } from "./composer.js";
import { hide } from "./dialogs.js";
import { contentOf, draftOfBody, RequestForm } from "./editor.js";
import { Countdown } from "./holds.js";

/** @typedef {import("./editor.js").Draft} Draft */
/** @typedef {import("../types").Held} Held */

/** @param {import("../types").HeldContent} content */
function bodyOfHeld({ text, base64: encoded }) {
  if (text !== null) return { body: text, binary: false };
  return draftOfBody(Uint8Array.from(atob(encoded ?? ""), (each) => each.charCodeAt(0)));
}

/** @param {Held} held @returns {Draft} */
function draftOf({ request, message }) {
  if (request) return { method: request.method, target: request.target, headers: request.headers, ...bodyOfHeld(request) };
  return { method: "", target: "", headers: [], ...(message ? bodyOfHeld(message) : { body: "", binary: false }) };
}

/** @param {{ id: string }} props */
export function HeldDialog({ id }) {
  const held = holds.value.held.find((each) => each.id === id);
  // What is held may grow while somebody edits it: the edit begins with what there was.
  const [first] = useState(held);
  const [draft, setDraft] = useState(() => (held ? draftOf(held) : null));
  const [busy, setBusy] = useState(false);
  if (!held || !first || !draft) return html`<${Dialog} title="Held" onClose=${hide}><p>It is not held any more: its time was over, or somebody decided.</p><//>`;
  const { request, message } = first;
  const act = async (/** @type {"release" | "drop"} */ action) => {
    setBusy(true);
    try {
      await decide(id, action, action === "release" ? editsOf(first, draft) : {});
      hide();
    } catch (error) {
      failed(error, "Deciding");
      setBusy(false);
    }
  };
  const wrong = draft.binary && fromHex(draft.body) === null;
  return html`<${Dialog} title=${request ? "Held request" : "Held message"} onClose=${hide} testid="held-editor"
    footer=${html`<span class="grow muted">Goes on by itself in <${Countdown} until=${held.until} /></span>
      <button class="button danger" disabled=${busy} onClick=${() => act("drop")}>Drop</button><button class="button primary" disabled=${busy || wrong} onClick=${() => act("release")}>Let go</button>`}>
    ${request && !request.complete && html`<p class="note warn">Its body has not come whole: what you leave as it is goes on as it comes.</p>`}
    ${message && !message.changeable && html`<p class="note warn">This message cannot be changed, but let go of or dropped.</p>`}
    ${request
      ? html`<${RequestForm} draft=${draft} onChange=${setDraft} />`
      : html`<label><span class="label">Message${draft.binary ? ", in hexadecimal" : ""}</span><textarea class="field ${wrong ? "wrong" : ""}" rows="10" aria-label="Message" disabled=${!message?.changeable} value=${draft.body} onInput=${(/** @type {any} */ event) => setDraft({ ...draft, body: event.target.value })}></textarea></label>`}
  <//>`;
}

/** What is to be changed: nothing that was left as it was. @param {Held} held @param {Draft} draft */
function editsOf(held, draft) {
  const before = draftOf(held);
  const sameBody = draft.body === before.body && draft.binary === before.binary;
  if (held.message) {
    if (sameBody) return {};
    return draft.binary ? { payload_base64: base64(fromHex(draft.body) ?? new Uint8Array()) } : { payload: draft.body };
  }
  /** @type {Record<string, unknown>} */
  const edits = sameBody ? {} : contentOf(draft);
  if (draft.method !== before.method) edits.method = draft.method;
  if (draft.target !== before.target) edits.target = draft.target;
  if (JSON.stringify(draft.headers) !== JSON.stringify(before.headers)) edits.headers = draft.headers.filter(([name]) => name.trim());
  return edits;
}
