// Content of a request, a response or a message: laid out, as it is, in hexadecimal, as an image; saved.
import { save } from "../ui/copy.js";
import { bytes, line, visible } from "../ui/format.js";
import { html, useEffect, useMemo, useState } from "../ui/html.js";
import { Segments } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { layOut } from "../ui/json.js";
import { HexView, plain, TextView } from "../ui/text_view.js";
import * as api from "../state/api.js";
import { Fields } from "./fields.js";

/** @typedef {import("../types").Content} Content */

const IMAGES = /^image\/(png|jpeg|gif|webp|avif|bmp|x-icon|vnd\.microsoft\.icon|svg\+xml)$/;

/** @param {Uint8Array} data */
function asText(data) {
  return new TextDecoder("utf-8").decode(data);
}

/** An image in a picture element: nothing in it runs. @param {{ data: Uint8Array, type: string }} props */
function Picture({ data, type }) {
  const [address, setAddress] = useState("");
  const [size, setSize] = useState("");
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([/** @type {BlobPart} */ (data)], { type }));
    setAddress(made);
    return () => URL.revokeObjectURL(made);
  }, [data, type]);
  const onLoad = (/** @type {any} */ event) => setSize(`${event.target.naturalWidth} × ${event.target.naturalHeight}`);
  return html`<figure class="picture">${address && html`<img src=${address} alt="The body, as an image" onLoad=${onLoad} onError=${() => setSize("The browser cannot show it.")} />`}<figcaption class="muted">${size}</figcaption></figure>`;
}

const TAG = /<[a-z](?:"[^"]*"|'[^']*'|[^>])*/gi;
const KEPT_OUT = "script, style, link, meta, base, iframe, frame, object, embed, portal, template, noscript, svg script, audio, video, source, track";
const PASSIVE = /^(?:alt|class|colspan|dir|height|id|lang|role|rowspan|span|start|title|type|value|width|aria-[a-z]+)$/;

/**
 * HTML without what runs, or asks for anything: that the frame forbids both is one more wall, and nothing runs into it.
 * @param {string} text
 */
export function still(text) {
  // A handler is reported by the browser as soon as it is read, so it is given another name before.
  const calm = text.replace(TAG, (tag) => tag.replace(/([\s"'/])(?=on[^\s=>]+\s*=)/gi, "$1x-"));
  const read = new DOMParser().parseFromString(calm, "text/html");
  for (const element of read.querySelectorAll(KEPT_OUT)) element.remove();
  for (const element of read.querySelectorAll("*"))
    for (const name of element.getAttributeNames())
      if (!PASSIVE.test(name) && !(name === "src" && /^data:image\/(?:png|jpeg|gif|webp);/.test(element.getAttribute(name) ?? ""))) element.removeAttribute(name);
  return `<!doctype html>${new XMLSerializer().serializeToString(read.documentElement)}`;
}

/** HTML in a frame without scripts, forms, names or addresses of its own. @param {{ text: string }} props */
function Preview({ text }) {
  const shown = useMemo(() => still(text), [text]);
  return html`<iframe class="page-preview" sandbox="" title="The body, as a page without scripts, styles and what is elsewhere" srcdoc=${shown}></iframe>`;
}

/**
 * What the client's decoders have found in a content.
 * @param {{ content: Content, label: string }} props
 */
export function Decoded({ content, label }) {
  const laid = useMemo(() => (content.text === null ? null : layOut(content.text) ?? plain(content.text)), [content.text]);
  return html`
    ${content.notes.map((note, index) => html`<p key=${index} class="note body-note">${visible(note)}</p>`)}
    ${content.title && html`<p class="content-title"><bdi>${line(content.title, 300)}</bdi></p>`}
    ${content.fields && html`<${Fields} fields=${content.fields} label=${label} />`}
    ${laid && html`<${TextView} lines=${laid} label=${label} />`}
  `;
}

/**
 * @param {{ label: string, name: string, info: { bytes: number, truncated: boolean, kept: number, type: string | null, encoding: string | null },
 *   decoded: () => Promise<Content>, stamp: unknown }} props
 *
 * `stamp` changes when the content has.
 */
export function Body({ label, name, info, decoded, stamp }) {
  const [content, setContent] = useState(/** @type {Content | null} */ (null));
  const [mode, setMode] = useState("pretty");
  const [wrong, setWrong] = useState("");
  useEffect(() => {
    let current = true;
    setWrong("");
    if (!info.bytes) return undefined;
    decoded().then(
      (found) => current && setContent(found),
      (error) => current && setWrong(error instanceof Error ? error.message : String(error)),
    );
    return () => {
      current = false;
    };
  }, [stamp, info.bytes]);

  if (!info.bytes) return html`<p class="empty muted">No content.</p>`;
  if (wrong) return html`<p class="note bad body-note" role="alert">The content cannot be shown: ${wrong}</p>`;
  if (!content) return html`<p class="empty muted">…</p>`;
  const plainData = content.bytes;
  const type = content.type ?? info.type ?? "";
  const image = IMAGES.test(type);
  const page = /html/.test(type);
  /** @type {[string, string][]} */
  const modes = [["pretty", image ? "Image" : content.decoder ? labelOf(content.decoder) : "Pretty"], ["raw", "Raw"], ["hex", "Hex"]];
  if (page) modes.push(["preview", "Preview"]);
  return html`<div class="body" data-testid="body">
    <div class="body-bar">
      <${Segments} label="Show ${label} as" value=${mode} choices=${modes} onChoose=${setMode} />
      <span class="muted cut grow">${bytes(info.bytes)}${info.encoding ? ` on the wire, ${bytes(plainData.length)} decoded (${line(info.encoding, 40)})` : ""}${type ? ` · ${type}` : ""}</span>
      <button class="icon" aria-label="Save ${label}" title="Save as a file" onClick=${() => save(/** @type {BlobPart} */ (plainData), name)}><${Icon} name="download" /></button>
    </div>
    ${info.truncated && html`<p class="note warn body-note">Of ${bytes(info.bytes)}, the first ${bytes(info.kept)} are kept.</p>`}
    ${mode === "hex"
      ? html`<${HexView} data=${plainData} label="${label}, hexadecimal" />`
      : mode === "raw"
        ? html`<${TextView} lines=${plain(asText(plainData))} label="${label}, raw" />`
        : mode === "preview"
          ? html`<${Preview} text=${asText(plainData)} />`
          : image
            ? html`<${Picture} data=${plainData} type=${type} />`
            : content.text === null && !content.fields
              ? html`${content.notes.map((note, index) => html`<p key=${index} class="note body-note">${visible(note)}</p>`)}<${HexView} data=${plainData} label="${label}, hexadecimal" />`
              : html`<${Decoded} content=${content} label=${label} />`}
  </div>`;
}

/** @type {Record<string, string>} */
const NAMES = { json: "JSON", xml: "XML", jwt: "JWT", sse: "Events", mcp: "MCP", graphql: "GraphQL", msgpack: "MessagePack", mqtt: "MQTT", stomp: "STOMP" };

/** @param {string} decoder */
function labelOf(decoder) {
  return NAMES[decoder] ?? decoder[0]?.toUpperCase() + decoder.slice(1);
}

/** @param {string} id @param {"request" | "response"} side */
export function bodyOf(id, side) {
  const base = `/api/exchanges/${encodeURIComponent(id)}/${side}-body`;
  return () => content(base);
}

/** Decoders that say no more than what the bytes are. */
const PLAIN = new Set(["json", "text", "binary", "image", "xml", "form"]);

/** @param {string} base @returns {Promise<Content>} */
export async function content(base) {
  const [told, data] = await Promise.all([api.get(`${base}/decoded`), api.getBytes(base, { decoded: true })]);
  const { decoder, title, value, text, note } = told.content;
  const notes = [told.problem, note, told.truncated && !told.problem ? "There is more of it than is shown." : ""].filter(Boolean);
  const found = { decoder, notes, bytes: data, fields: null, text: null, type: null, title: PLAIN.has(decoder) ? "" : title ?? "" };
  if (decoder === "image") return { ...found, type: value?.type ?? null };
  if (decoder === "binary") return found;
  if (decoder === "form" && Array.isArray(value)) return { ...found, fields: value };
  // Numbers, duplicate names and order are as they were in what was sent, not in what was read of it.
  const sent = decoder === "json" ? asText(data) : "";
  return { ...found, text: sent && layOut(sent) ? sent : text ?? "" };
}

/** @param {string} id @param {number} number */
export function messageOf(id, number) {
  const base = `/api/exchanges/${encodeURIComponent(id)}/messages/${number}`;
  return () => content(base);
}
