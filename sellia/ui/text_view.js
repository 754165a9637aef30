// Text and bytes of any length: lines with colours, and hexadecimal with ASCII beside it.
import { html } from "./html.js";
import { visible } from "./format.js";
import { Virtual } from "./virtual.js";

/** @typedef {import("./json.js").Token} Token */

/** Lines and characters up to which text is shown at once, and wrapped; longer ones scroll line by line. */
const WRAPPED_LINES = 600;
const WRAPPED_CHARACTERS = 120_000;
/** Characters of a line that are shown. */
const LONGEST_LINE = 20_000;
const ROW = 18;

/** @param {string} text @returns {Token[][]} */
export function plain(text) {
  return text.split(/\r\n|\n|\r/).map((line) => [["", line]]);
}

/** @param {{ tokens: Token[] }} props */
function Line({ tokens }) {
  let room = LONGEST_LINE;
  const shown = [];
  for (const [kind, text] of tokens) {
    if (room <= 0) break;
    const part = visible(text.length > room ? `${text.slice(0, room)}…` : text);
    room -= text.length;
    shown.push(kind ? html`<span class="tok-${kind}">${part}</span>` : part);
  }
  return shown;
}

/** @param {{ lines: Token[][], label: string }} props */
export function TextView({ lines, label }) {
  let characters = 0;
  for (const line of lines) for (const [, text] of line) characters += text.length;
  if (lines.length <= WRAPPED_LINES && characters <= WRAPPED_CHARACTERS)
    return html`<pre class="text-view" tabindex="0" role="region" aria-label=${label}>${lines.map((tokens, index) => [html`<${Line} key=${index} tokens=${tokens} />`, "\n"])}</pre>`;
  return html`<${Virtual} length=${lines.length} row=${ROW} keyOf=${(/** @type {number} */ index) => index}
    render=${(/** @type {number} */ index) => html`<pre class="text-line"><${Line} tokens=${lines[index] ?? []} /></pre>`}
    attributes=${{ class: "virtual text-lines", tabIndex: 0, role: "region", "aria-label": label }} />`;
}

/** @param {Uint8Array} data @param {number} offset */
export function hexLine(data, offset) {
  const part = data.subarray(offset, offset + 16);
  const pairs = [...part].map((each) => each.toString(16).padStart(2, "0"));
  const ascii = [...part].map((each) => (each >= 32 && each < 127 ? String.fromCharCode(each) : "·")).join("");
  const hex = `${pairs.slice(0, 8).join(" ")}  ${pairs.slice(8).join(" ")}`.padEnd(48);
  return { place: offset.toString(16).padStart(8, "0"), hex, ascii };
}

/** @param {{ data: Uint8Array, label: string }} props */
export function HexView({ data, label }) {
  const rows = Math.ceil(data.length / 16);
  const render = (/** @type {number} */ index) => {
    const { place, hex, ascii } = hexLine(data, index * 16);
    return html`<pre class="text-line hex"><span class="muted">${place}</span>  ${hex}  <span class="tok-string">${ascii}</span></pre>`;
  };
  if (rows <= 200)
    return html`<div class="text-view hex-all" tabindex="0" role="region" aria-label=${label}>${Array.from({ length: rows }, (_, index) => render(index))}</div>`;
  return html`<${Virtual} length=${rows} row=${ROW} keyOf=${(/** @type {number} */ index) => index} render=${render}
    attributes=${{ class: "virtual text-lines", tabIndex: 0, role: "region", "aria-label": label }} />`;
}
