// Keys, and the words of the filter.
import { html } from "../ui/html.js";
import { Dialog } from "../ui/controls.js";
import { setFilter } from "../state/address.js";
import { hide } from "./dialogs.js";
import { WORDS } from "./words_of_filter.js";

export const KEYS = /** @type {[string, string][]} */ ([
  ["j, ↓", "next entry"],
  ["k, ↑", "the entry before"],
  ["Enter", "open, and look at it"],
  ["Escape", "close what is open"],
  ["/", "filter"],
  ["p", "pause, or go on"],
  ["r", "replay"],
  ["e", "edit, then send"],
  ["x", "mark"],
  ["m", "keep, or not any more"],
  ["c", "compose a request"],
  ["h", "holds"],
  ["g, G", "newest, oldest"],
  ["?", "this"],
]);

export function HelpDialog() {
  return html`<${Dialog} title="Keys and words" onClose=${hide} testid="help">
    <div class="help">
      <section><h3>Keys</h3><dl>${KEYS.map(([keys, about]) => html`<div key=${keys}><dt>${keys.split(", ").map((key) => html`<kbd>${key}</kbd> `)}</dt><dd>${about}</dd></div>`)}</dl></section>
      <section><h3>Words of the filter</h3>
        <p class="muted">Words are joined by “and”; a “-” in front of one turns it round; text without a colon is looked for in method, host and path.</p>
        <dl>${WORDS.map(([word, about]) => html`<div key=${word}><dt><button class="link mono" onClick=${() => (setFilter(word), hide())}>${word}</button></dt><dd>${about}</dd></div>`)}</dl></section>
    </div>
  <//>`;
}
