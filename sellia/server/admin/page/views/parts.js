// Parts that several views are made of: tables, times, states, and dialogs that ask or confirm.
import { date, line } from "../ui/format.js";
import { html, signal, useMemo, useState } from "../ui/html.js";
import { Dialog } from "../ui/controls.js";
import { toast } from "../ui/toast.js";
import { accounts, nameOf } from "../state/accounts.js";
import { go } from "../state/place.js";

/** What is open over the page: a function that draws it. @type {import("../ui/html.js").Signal<(() => any) | null>} */
export const dialog = signal(/** @type {(() => any) | null} */ (null));

export function close() {
  dialog.value = null;
}

/** Seconds since 1970. @param {string | null} time */
export function seconds(time) {
  return time === null ? null : Date.parse(time) / 1000;
}

/** How long ago, or until when, in a word. @param {number} ago in seconds */
export function roughly(ago) {
  const size = Math.abs(ago);
  const [value, unit] = size < 90 ? [size, "s"] : size < 5400 ? [size / 60, "min"] : size < 129_600 ? [size / 3600, "h"] : [size / 86_400, "d"];
  const words = `${Math.round(value)} ${unit}`;
  return ago < 0 ? `in ${words}` : `${words} ago`;
}

/** A time, roughly; in full when it is pointed at. @param {{ at: string | null, none?: string }} props */
export function When({ at, none = "–" }) {
  if (at === null) return html`<span class="muted">${none}</span>`;
  const when = seconds(at) ?? 0;
  return html`<time datetime=${at} title=${date(when)}>${roughly(Date.now() / 1000 - when)}</time>`;
}

/** Text from outside. @param {{ text: string | null | undefined, mono?: boolean, limit?: number }} props */
export function Text({ text, mono = false, limit = 120 }) {
  if (!text) return html`<span class="muted">–</span>`;
  return html`<bdi class=${mono ? "mono text" : "text"} title=${line(text, 1000)}>${line(text, limit)}</bdi>`;
}

/** @param {{ id: string | null }} props */
export function AccountName({ id }) {
  if (id === null) return html`<span class="muted">–</span>`;
  const name = nameOf(id);
  return html`<button type="button" class="link" title="Keys of ${line(name)}" onClick=${() => go("keys", name)}><bdi>${line(name, 60)}</bdi></button>`;
}

/**
 * @template Item
 * @typedef {{ title: string, cell: (item: Item) => any, class?: string }} Column
 */

/**
 * A table; on a telephone each row is a card.
 * @template Item
 * @param {{ label: string, columns: Column<Item>[], items: Item[], keyOf: (item: Item) => string | number, testid?: string }} props
 */
export function Table({ label, columns, items, keyOf, testid }) {
  return html`<div class="table-frame" tabindex="0" role="region" aria-label=${label}><table data-testid=${testid}>
    <thead><tr>${columns.map((each) => html`<th key=${each.title} scope="col" class=${each.class ?? ""}>${each.title || html`<span class="sr-only">Actions</span>`}</th>`)}</tr></thead>
    <tbody>${items.map((item) => html`<tr key=${keyOf(item)}>${columns.map(
      (each) => html`<td key=${each.title} data-title=${each.title} class=${each.class ?? ""}>${each.cell(item)}</td>`,
    )}</tr>`)}</tbody>
  </table></div>`;
}

/**
 * The list of a view, with what is to be said where there is none.
 * @param {{ list: ReturnType<typeof import("../state/lists.js").useList<any>>, columns: Column<any>[], keyOf: (item: any) => string | number,
 *   label: string, none: any, testid: string }} props
 */
export function Listed({ list, columns, keyOf, label, none, testid }) {
  const { items, more, trouble } = list;
  return html`
    ${trouble && html`<p class="note bad" role="alert">${line(trouble, 400)} <button type="button" class="link" onClick=${() => void list.reload()}>Try again</button></p>`}
    ${items === null && !trouble && html`<p class="muted" aria-busy="true">One moment.</p>`}
    ${items?.length === 0 && html`<p class="nothing" data-testid="${testid}-none">${none}</p>`}
    ${items && items.length > 0 && html`<${Table} label=${label} columns=${columns} items=${items} keyOf=${keyOf} testid=${testid} />`}
    ${more && html`<p class="row-of"><button type="button" class="button" onClick=${() => void list.next()}>Show more</button><span class="muted">${items?.length.toLocaleString("en")} are shown</span></p>`}
  `;
}

/** Choose the account that a list is about. @param {{ view: string, account: string }} props */
export function AccountFilter({ view, account }) {
  return html`<div class="account-filter">
    <${AccountField} label="Account" value=${account} placeholder="all" onChange=${(/** @type {string} */ value) => go(view, value)} />
    ${account && html`<button type="button" class="button" onClick=${() => go(view)}>All accounts</button>`}
  </div>`;
}

/** @param {{ label: string, value: string, onChange: (value: string) => void, placeholder?: string, required?: boolean }} props */
export function AccountField({ label, value, onChange, placeholder = "", required = false }) {
  const id = useId("account");
  return html`<div class="grow"><label class="label" for=${id}>${label}</label>
    <input id=${id} class="field" list="${id}-names" value=${value} placeholder=${placeholder} required=${required} autocomplete="off" spellcheck=${false}
      onChange=${(/** @type {{ currentTarget: HTMLInputElement }} */ event) => onChange(event.currentTarget.value.trim())} />
    <datalist id="${id}-names">${accounts.value.map((each) => html`<option key=${each.id} value=${each.name} />`)}</datalist></div>`;
}

let numbered = 0;

/** An id that no other part of the page has. @param {string} name */
function useId(name) {
  return useMemo(() => {
    numbered += 1;
    return `${name}-${numbered}`;
  }, [name]);
}

/** @param {{ label: string, name: string, value?: string, hint?: string, required?: boolean, type?: string, placeholder?: string }} props */
export function Field({ label, name, value = "", hint, required = false, type = "text", placeholder = "" }) {
  const id = useId(name);
  return html`<div><label class="label" for=${id}>${label}</label>
    <input id=${id} aria-describedby=${hint ? `${id}-hint` : undefined} class="field" name=${name} type=${type} defaultValue=${value} required=${required} placeholder=${placeholder} autocomplete="off" spellcheck=${false} />
    ${hint && html`<span id="${id}-hint" class="hint">${hint}</span>`}</div>`;
}

/**
 * A dialog with a form: `run` is given its fields, and what it throws is shown above the buttons.
 * @param {{ title: string, go: string, run: (fields: FormData) => Promise<unknown>, children?: any, danger?: boolean, testid: string }} props
 */
export function FormDialog({ title, go: word, run, children, danger = false, testid }) {
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    setBusy(true);
    try {
      await run(new FormData(/** @type {HTMLFormElement} */ (event.target)));
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
      setBusy(false);
    }
  };
  return html`<${Dialog} title=${title} onClose=${close} testid=${testid}>
    <form class="form" onSubmit=${submit}>
      ${children}
      ${trouble && html`<p class="note bad" role="alert">${line(trouble, 500)}</p>`}
      <div class="row-of buttons"><button type="button" class="button" onClick=${close}>Cancel</button>
        <button class=${danger ? "button danger" : "button primary"} disabled=${busy}>${word}</button></div>
    </form>
  </${Dialog}>`;
}

/**
 * Ask before something that cannot be taken back.
 * @param {{ title: string, words: string, go: string, run: () => Promise<unknown>, done: string }} what
 */
export function confirm({ title, words, go: word, run, done }) {
  const act = async () => {
    await run();
    close();
    toast(done);
  };
  dialog.value = () => html`<${FormDialog} title=${title} go=${word} run=${act} danger testid="confirm"><p>${words}</p></${FormDialog}>`;
}
