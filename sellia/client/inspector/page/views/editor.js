// Writes a request: from nothing, from one that came in, or one that is held.
import { html, useEffect, useState } from "../ui/html.js";
import { Dialog, Segments } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { failed, toast } from "../ui/toast.js";
import { open } from "../state/address.js";
import * as api from "../state/api.js";
import * as doing from "../state/doing.js";
import { status } from "../state/live.js";
import { base64 } from "../state/doing.js";
import { fromHex } from "./composer.js";
import { hide } from "./dialogs.js";

/** @typedef {import("../types").Field} Field */
/**
 * @typedef {{ method: string, target: string, headers: Field[], body: string, binary: boolean }} Draft
 */

const METHODS = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

/** @param {Uint8Array} data */
export function draftOfBody(data) {
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(data);
    if (!text.includes("\u0000")) return { body: text, binary: false };
  } catch {
    // Bytes that are no text are edited in hexadecimal.
  }
  return { body: [...data].map((each) => each.toString(16).padStart(2, "0")).join(" "), binary: true };
}

/** @param {Draft} draft */
export function contentOf(draft) {
  return draft.binary ? { body_base64: base64(fromHex(draft.body) ?? new Uint8Array()) } : { body: draft.body };
}

/** @param {{ draft: Draft, onChange: (draft: Draft) => void, body?: boolean }} props */
export function RequestForm({ draft, onChange, body = true }) {
  const change = (/** @type {Partial<Draft>} */ part) => onChange({ ...draft, ...part });
  const field = (/** @type {number} */ index, /** @type {0 | 1} */ place, /** @type {string} */ value) =>
    change({ headers: draft.headers.map((each, at) => (at === index ? /** @type {Field} */ (place ? [each[0], value] : [value, each[1]]) : each)) });
  const wrong = draft.binary && fromHex(draft.body) === null;
  return html`
    <div class="row-of">
      <input class="field method-field" aria-label="Method" list="methods" value=${draft.method} spellcheck=${false} onInput=${(/** @type {any} */ event) => change({ method: event.target.value })} />
      <datalist id="methods">${METHODS.map((each) => html`<option value=${each} />`)}</datalist>
      <input class="field grow mono" aria-label="Target" placeholder="/path?query" value=${draft.target} spellcheck=${false} onInput=${(/** @type {any} */ event) => change({ target: event.target.value })} />
    </div>
    <fieldset class="header-fields"><legend class="label">Header fields</legend>
      ${draft.headers.map(
        ([name, value], index) => html`<div key=${index} class="header-field">
          <input class="field mono" aria-label="Name of field ${index + 1}" value=${name} spellcheck=${false} onInput=${(/** @type {any} */ event) => field(index, 0, event.target.value)} />
          <input class="field mono" aria-label="Value of field ${index + 1}" value=${value} spellcheck=${false} onInput=${(/** @type {any} */ event) => field(index, 1, event.target.value)} />
          <button type="button" class="icon" aria-label="Remove field ${index + 1}" onClick=${() => change({ headers: draft.headers.filter((_, at) => at !== index) })}><${Icon} name="close" /></button>
        </div>`,
      )}
      <button type="button" class="button" onClick=${() => change({ headers: [...draft.headers, ["", ""]] })}><${Icon} name="plus" />Add a field</button>
    </fieldset>
    ${body && html`<label><span class="label">Body${draft.binary ? ", in hexadecimal" : ""}</span>
      <textarea class="field ${wrong ? "wrong" : ""}" rows="8" aria-label="Body" spellcheck=${false} value=${draft.body} onInput=${(/** @type {any} */ event) => change({ body: event.target.value })}></textarea></label>
    <label class="check"><input type="checkbox" checked=${draft.binary} onChange=${() => change({ binary: !draft.binary })} />The body is written in hexadecimal</label>`}
  `;
}

/** Fields that follow from the body, or belong to one connection: they are made anew. */
const MADE_ANEW = new Set(["content-length", "transfer-encoding", "connection", "keep-alive", "te", "trailer", "upgrade"]);

/** @param {{ id: string | null }} props the exchange that is edited; null: compose from nothing */
export function EditDialog({ id }) {
  const tunnels = (status.value?.tunnels ?? []).filter((each) => each.kind === "http");
  const [draft, setDraft] = useState(/** @type {Draft | null} */ (id === null ? { method: "GET", target: "/", headers: [], body: "", binary: false } : null));
  const [websocket, setWebsocket] = useState(false);
  const [tunnel, setTunnel] = useState(tunnels[0]?.name ?? "");
  const [busy, setBusy] = useState(false);
  const [wrong, setWrong] = useState("");
  const [origin, setOrigin] = useState("");
  useEffect(() => {
    if (id === null) return;
    const base = `/api/exchanges/${encodeURIComponent(id)}`;
    Promise.all([api.get(base), api.getBytes(`${base}/request-body`)]).then(
      ([found, data]) => {
        const headers = found.request.headers.filter((/** @type {Field} */ [name]) => found.kind === "websocket" || !MADE_ANEW.has(name.toLowerCase()));
        const made = { method: found.method, target: found.target, headers, ...draftOfBody(data) };
        setDraft(made);
        setOrigin(JSON.stringify(made.body));
        if (found.request.body.truncated) setWrong("Not all of the body was kept: what you send is the beginning of it.");
      },
      (error) => (failed(error, "Reading the request"), hide()),
    );
  }, [id]);
  if (!draft) return null;
  const send = async () => {
    setBusy(true);
    setWrong("");
    const headers = draft.headers.filter(([name]) => name.trim());
    try {
      const request = { method: draft.method.trim(), target: draft.target.trim(), headers };
      // A body that was left alone is sent as its bytes were.
      const body = JSON.stringify(draft.body) === origin ? {} : contentOf(draft);
      const made = id === null ? await doing.composeRequest(websocket ? { tunnel, websocket, target: request.target, headers } : { tunnel, ...request, ...contentOf(draft) }) : await doing.replay(id, { ...request, ...body });
      hide();
      toast("Sent", "good", { label: "Show", run: () => open(made.id) });
      open(made.id);
    } catch (error) {
      setWrong(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  const invalid = draft.binary && fromHex(draft.body) === null;
  return html`<${Dialog} title=${id === null ? "Compose a request" : "Edit and send"} onClose=${hide} testid="editor"
    footer=${html`<span class="grow muted">It goes to the service only, as if it came through the tunnel.</span><button class="button" onClick=${hide}>Cancel</button>
      <button class="button primary" disabled=${busy || invalid || (id === null && !tunnel)} onClick=${send}><${Icon} name="send" />Send</button>`}>
    ${wrong && html`<p class="note bad" role="alert">${wrong}</p>`}
    ${id === null &&
    (tunnels.length
      ? html`<label><span class="label">Tunnel</span><select class="field" aria-label="Tunnel" value=${tunnel} onChange=${(/** @type {any} */ event) => setTunnel(event.target.value)}>${tunnels.map((each) => html`<option key=${each.name} value=${each.name}>${each.name} → ${each.targets.map((to) => to.target).join(", ")}</option>`)}</select></label>`
      : html`<p class="note warn">There is no tunnel for requests.</p>`)}
    ${id === null && html`<${Segments} label="What is opened" value=${websocket ? "websocket" : "request"} choices=${[["request", "Request"], ["websocket", "WebSocket"]]} onChoose=${(/** @type {string} */ value) => setWebsocket(value === "websocket")} />`}
    <${RequestForm} draft=${draft} onChange=${setDraft} body=${!websocket} />
  <//>`;
}
