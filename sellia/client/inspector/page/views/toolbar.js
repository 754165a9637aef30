// The filter, with words to choose from, and what is done with the list as a whole.
import { html, useEffect, useRef, useState } from "../ui/html.js";
import { Menu, Segments } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { filter, openId, setFilter } from "../state/address.js";
import * as exchanges from "../state/exchanges.js";
import { filterError } from "../state/live.js";
import { actions } from "./actions.js";
import { WORDS } from "./words_of_filter.js";

/** @param {string} text up to the caret @returns {[string, string]} what is before the word, and the word */
function lastWord(text) {
  const quotes = text.split('"').length - 1;
  if (quotes % 2) return [text, ""];
  const at = text.lastIndexOf(" ") + 1;
  return [text.slice(0, at), text.slice(at)];
}

/** Short ways to a filter; each replaces those of the others. */
const QUICK = /** @type {[string, string][]} */ ([
  ["", "All"],
  ["is:http", "HTTP"],
  ["is:websocket", "WebSocket"],
  ["has:error", "Errors"],
]);

/** @param {{ field: { current: HTMLInputElement | null } }} props */
function Filter({ field }) {
  const [text, setText] = useState(filter.value);
  const [chosen, setChosen] = useState(-1);
  const [open, setOpen] = useState(false);
  const timer = useRef(0);
  useEffect(() => {
    if (!timer.current) setText(filter.value); // not over what was typed meanwhile
  }, [filter.value]);
  const [before, word] = lastWord(text);
  const negated = word.startsWith("-") ? "-" : "";
  const found = open ? WORDS.filter(([each]) => each.startsWith(word.slice(negated.length)) && each !== word) : [];

  /** @param {string} value @param {number} wait */
  const change = (value, wait) => {
    setText(value);
    setChosen(-1);
    clearTimeout(timer.current);
    timer.current = window.setTimeout(() => {
      timer.current = 0;
      setFilter(value.trim());
    }, wait);
  };
  /** @param {string} suggestion */
  const take = (suggestion) => {
    change(before + negated + suggestion, 0);
    field.current?.focus();
  };
  /** @param {KeyboardEvent} event */
  const onKeyDown = (event) => {
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      setOpen(true);
      const step = event.key === "ArrowDown" ? 1 : -1;
      setChosen(Math.max(-1, Math.min(found.length - 1, chosen + step)));
    } else if (event.key === "Enter") {
      const suggestion = found[chosen];
      if (suggestion) take(suggestion[0]);
      else change(/** @type {HTMLInputElement} */ (event.target).value, 0);
      setOpen(false);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (open && found.length) setOpen(false);
      else if (text) change("", 0);
      else field.current?.blur();
    }
  };
  return html`<div class="filter">
    <${Icon} name="search" />
    <input class="field ${filterError.value ? "wrong" : ""}" type="search" role="combobox" aria-label="Filter" aria-expanded=${String(found.length > 0)}
      aria-controls="suggestions" aria-autocomplete="list" aria-invalid=${String(Boolean(filterError.value))} autocomplete="off" spellcheck=${false}
      aria-activedescendant=${chosen >= 0 ? `suggestion-${chosen}` : undefined}
      placeholder=${'Filter: status:5xx path:/api body:"text"'} value=${text} ref=${field}
      onInput=${(/** @type {any} */ event) => (setOpen(true), change(event.target.value, 250))}
      onFocus=${() => setOpen(true)} onBlur=${() => setOpen(false)} onKeyDown=${onKeyDown} />
    ${text && html`<button class="icon" aria-label="Clear the filter" onClick=${() => change("", 0)}><${Icon} name="close" /></button>`}
    ${found.length > 0
      ? html`<ul class="suggestions" role="listbox" id="suggestions" aria-label="Words of the filter">
          ${found.map(
            ([each, about], index) => html`<li key=${each} id="suggestion-${index}" role="option" aria-selected=${String(index === chosen)}
              onPointerDown=${(/** @type {Event} */ event) => (event.preventDefault(), take(each))}><code>${each}</code><span class="muted">${about}</span></li>`,
          )}
        </ul>`
      : filterError.value && html`<div class="wrong-why" role="alert" data-testid="filter-error">${filterError.value}</div>`}
  </div>`;
}

/** @param {{ field: { current: HTMLInputElement | null } }} props */
export function Toolbar({ field }) {
  const paused = exchanges.paused.value;
  const quick = QUICK.some(([each]) => each === filter.value) ? filter.value : "?";
  return html`<section class=${openId.value === null ? "toolbar" : "toolbar split"} aria-label="Filter and list">
    <${Filter} field=${field} />
    <${Segments} label="Kinds" value=${quick} choices=${QUICK} onChoose=${setFilter} />
    <button class="button" aria-pressed=${String(paused)} aria-label=${paused ? "Go on" : "Pause"} title="Pause the list (p)" onClick=${() => exchanges.pause(!paused)}
      ><${Icon} name=${paused ? "play" : "pause"} /><span class="words">${paused ? "Go on" : "Pause"}</span></button>
    <button class="icon" aria-label="Clear the list" title="Clear: forget all that is over and not kept" onClick=${actions.clear}><${Icon} name="trash" /></button>
    <${Menu} label="More" icon="more" items=${actions.listMenu()} />
  </section>`;
}
