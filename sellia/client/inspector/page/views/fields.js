// Header fields, cookies, queries and forms: names and values in two columns, searched and copied.
import { copy } from "../ui/copy.js";
import { visible } from "../ui/format.js";
import { html } from "../ui/html.js";
import { Icon } from "../ui/icons.js";

/** @typedef {import("../types").Field} Field */

/** Fields that are shown at once; a head may have thousands. */
const SHOWN = 400;
/** Characters of a value that are shown. */
const LONG = 4000;

/**
 * @param {{ fields: Field[], label: string, changed?: ReadonlySet<string> }} props
 *
 * `changed` are lower-case names that are pointed out.
 */
export function Fields({ fields, label, changed }) {
  if (!fields.length) return html`<p class="empty muted">None.</p>`;
  return html`<dl class="fields" aria-label=${label}>
    ${fields.slice(0, SHOWN).map(([name, value], index) => {
      const long = value.length > LONG;
      return html`<div key=${index} class=${changed?.has(name.toLowerCase()) ? "changed" : ""}>
        <dt><bdi>${visible(name.slice(0, LONG))}</bdi></dt>
        <dd><bdi>${visible(long ? value.slice(0, LONG) : value)}</bdi>${long && html`<span class="muted">… ${value.length - LONG} more characters</span>`}
          <button class="icon copy-value" aria-label="Copy the value of ${visible(name.slice(0, 80))}" title="Copy" onClick=${() => copy(value, "Value")}><${Icon} name="copy" /></button></dd>
      </div>`;
    })}
  </dl>${fields.length > SHOWN && html`<p class="empty muted">… and ${fields.length - SHOWN} more.</p>`}`;
}

/** @param {Field[]} fields @param {string} name in lower case */
export function valueOf(fields, name) {
  return fields.find(([each]) => each.toLowerCase() === name)?.[1] ?? null;
}

/** @param {string} text */
function unescape(text) {
  try {
    return decodeURIComponent(text.replaceAll("+", " "));
  } catch {
    return text;
  }
}

/** Parameters of a query or of a form. @param {string} text @returns {Field[]} */
export function parameters(text) {
  if (!text) return [];
  return text.split("&").map((each) => {
    const at = each.indexOf("=");
    return at < 0 ? [unescape(each), ""] : [unescape(each.slice(0, at)), unescape(each.slice(at + 1))];
  });
}

/** Cookies of a request. @param {Field[]} headers @returns {Field[]} */
export function cookiesOf(headers) {
  return headers
    .filter(([name]) => name.toLowerCase() === "cookie")
    .flatMap(([, value]) => value.split(/;\s*/))
    .filter(Boolean)
    .map((each) => {
      const at = each.indexOf("=");
      return at < 0 ? ["", each] : [each.slice(0, at), each.slice(at + 1)];
    });
}

/** Cookies that a response sets, with their attributes. @param {Field[]} headers @returns {Field[]} */
export function setCookiesOf(headers) {
  return headers
    .filter(([name]) => name.toLowerCase() === "set-cookie")
    .map(([, value]) => {
      const at = value.indexOf("=");
      return at < 0 ? ["", value] : [value.slice(0, at), value.slice(at + 1)];
    });
}
