// Edits what is held, before it goes on.
import { html, useEffect, useState } from "../ui/html.js";
import { Dialog } from "../ui/controls.js";
import { failed } from "../ui/toast.js";
import * as api from "../state/api.js";
import { base64, decide } from "../state/doing.js";
import { holds } from "../state/holds.js";
import { fromHex } from "./composer.js";
import { hide } from "./dialogs.js";
import { contentOf, draftOfBody, RequestForm } from "./editor.js";
import { Countdown } from "./holds.js";

/** @typedef {import("./editor.js").Draft} Draft */

/** @param {{ id: string }} props */
export function HeldDialog({ id }) {
  const held = holds.value.held.find((each) => each.id === id);
  const [draft, setDraft] = useState(/** @type {Draft | null} */ (null));
  const [busy, setBusy] = useState(false);
  useEffect(() => {
    if (!held) return;
    const base = `/api/held/${encodeURIComponent(id)}`;
    const request = held.what === "request";
    Promise.all([api.get(base), api.getBytes(`${base}/content`)]).then(
      ([found, data]) => setDraft({ method: found.method ?? "", target: found.target ?? "", headers: request ? found.headers : [], ...draftOfBody(data) }),
      (error) => (failed(error, "Reading what is held"), hide()),
    );
  }, [id]);
  if (!held)
    return html`<${Dialog} title="Held" onClose=${hide}><p>It is not held any more: its time was over, or somebody decided.</p><//>`;
  if (!draft) return null;
  const act = async (/** @type {"release" | "drop"} */ action) => {
    setBusy(true);
    const payload = draft.binary ? { payload_base64: base64(fromHex(draft.body) ?? new Uint8Array()) } : { payload: draft.body };
    const edits = held.what === "request" ? { method: draft.method, target: draft.target, headers: draft.headers, ...contentOf(draft) } : payload;
    try {
      await decide(id, action, action === "release" ? edits : {});
      hide();
    } catch (error) {
      failed(error, "Deciding");
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${held.what === "request" ? "Held request" : "Held message"} onClose=${hide} testid="held-editor"
    footer=${html`<span class="grow muted">Goes on by itself in <${Countdown} until=${held.until} /></span>
      <button class="button danger" disabled=${busy} onClick=${() => act("drop")}>Drop</button><button class="button primary" disabled=${busy} onClick=${() => act("release")}>Let go</button>`}>
    ${held.what === "request"
      ? html`<${RequestForm} draft=${draft} onChange=${setDraft} />`
      : html`<label><span class="label">Message${draft.binary ? ", in hexadecimal" : ""}</span><textarea class="field" rows="10" aria-label="Message" value=${draft.body} onInput=${(/** @type {any} */ event) => setDraft({ ...draft, body: event.target.value })}></textarea></label>`}
  <//>`;
}
