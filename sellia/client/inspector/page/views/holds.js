// Holds: what is stopped on its way, to be let go of, edited or dropped; and the filters that stop it.
import { bytes, duration, line } from "../ui/format.js";
import { html, useEffect, useState } from "../ui/html.js";
import { Dialog, Segments } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { failed } from "../ui/toast.js";
import * as doing from "../state/doing.js";
import { holds } from "../state/holds.js";
import { hide, show } from "./dialogs.js";

/** @typedef {import("../types").Held} Held */

/** Seconds that something is held unless somebody decides. */
const SECONDS = [10, 30, 60, 300];

/** @param {string} what @param {() => Promise<unknown>} run */
async function attempt(what, run) {
  try {
    await run();
    return true;
  } catch (error) {
    failed(error, what);
    return false;
  }
}

/** Seconds until something is let go of, counted down. @param {{ until: number }} props */
export function Countdown({ until }) {
  const [, draw] = useState(0);
  useEffect(() => {
    const timer = setInterval(() => draw((was) => was + 1), 500);
    return () => clearInterval(timer);
  }, []);
  return html`<span class="countdown" title="Then it goes on by itself">${duration(Math.max(0, Math.ceil(until - Date.now() / 1000)))}</span>`;
}

/** @param {Held} held */
function heldLine({ request, message }) {
  if (request) return line(`${request.method} ${request.target}`, 200);
  const arrow = message?.direction === "to-service" ? "↑" : "↓";
  return `${arrow} ${message?.text == null ? `${message?.opcode ?? ""}, ${bytes(message?.bytes)}` : line(message.text, 200)}`;
}

/** What is held now, above everything else: it has a time limit. */
export function HeldBar() {
  const { held } = holds.value;
  if (!held.length) return null;
  return html`<div class="held" role="region" aria-label="Held" data-testid="held">
    ${held.slice(0, 5).map((each) => html`<div key=${each.id} class="banner accent">
      <${Icon} name="hand" />
      <bdi class="grow cut"><strong>${each.request ? "Request held" : "Message held"}</strong> <span class="mono">${heldLine(each)}</span></bdi>
      <${Countdown} until=${each.until} />
      <button class="button primary" onClick=${() => attempt("Letting go", () => doing.decide(each.id, "release"))}>Let go</button>
      <button class="button" onClick=${() => show({ name: "held", id: each.id })}>Edit</button>
      <button class="button danger" onClick=${() => attempt("Dropping", () => doing.decide(each.id, "drop"))}>Drop</button>
    </div>`)}
    ${held.length > 5 && html`<div class="banner accent">… and ${held.length - 5} more</div>`}
  </div>`;
}

export function HoldsDialog() {
  const [filter, setFilter] = useState("");
  const [what, setWhat] = useState(/** @type {"requests" | "messages"} */ ("requests"));
  const [contains, setContains] = useState("");
  const [once, setOnce] = useState(false);
  const [direction, setDirection] = useState(/** @type {"both" | "to-service" | "to-visitor"} */ ("both"));
  const [seconds, setSeconds] = useState(30);
  const add = async (/** @type {Event} */ event) => {
    event.preventDefault();
    if (await attempt("Holding", () => doing.addHold({ filter: filter.trim(), what, seconds, once, ...(what === "messages" ? { direction, contains } : {}) }))) setFilter("");
  };
  const { holds: rules } = holds.value;
  return html`<${Dialog} title="Holds" onClose=${hide} testid="holds">
    <p class="muted">Requests or messages that match a filter are stopped before they reach the service, or the visitor. You let them go, edit them or drop them; after the time limit they go on by themselves.</p>
    <form class="hold-form" onSubmit=${add}>
      <${Segments} label="What is held" value=${what} choices=${[["requests", "Requests"], ["messages", "Messages"]]} onChoose=${setWhat} />
      <input class="field mono" aria-label="Filter of the hold" placeholder=${what === "requests" ? "method:POST path:/api" : "path:/socket; all of them if empty"} value=${filter} spellcheck=${false} onInput=${(/** @type {any} */ event) => setFilter(event.target.value)} />
      <select class="field" aria-label="Time limit" value=${String(seconds)} onChange=${(/** @type {any} */ event) => setSeconds(Number(event.target.value))}>${SECONDS.map((each) => html`<option key=${each} value=${String(each)}>${duration(each)}</option>`)}</select>
      ${what === "messages" &&
      html`<select class="field" aria-label="Direction of the messages" value=${direction} onChange=${(/** @type {any} */ event) => setDirection(event.target.value)}><option value="both">both ways</option><option value="to-service">to the service</option><option value="to-visitor">to the visitor</option></select>
        <input class="field mono" aria-label="Text in the messages" placeholder="text in it" value=${contains} onInput=${(/** @type {any} */ event) => setContains(event.target.value)} />`}
      <label class="check"><input type="checkbox" checked=${once} onChange=${() => setOnce(!once)} />the first one only</label>
      <button class="button primary"><${Icon} name="hand" />Hold</button>
    </form>
    ${rules.length === 0
      ? html`<p class="empty muted">Nothing is held.</p>`
      : html`<ul class="hold-list">${rules.map((rule) => html`<li key=${rule.id} class="row-of">
          <span class="pill accent">${rule.what}</span><code class="grow cut">${line([rule.filter || "all", rule.contains && `with “${rule.contains}”`, rule.direction !== "both" && rule.direction].filter(Boolean).join(", "), 300)}</code><span class="muted">at most ${duration(rule.seconds)} each</span>
          <button class="icon" aria-label="End this hold" onClick=${() => attempt("Ending the hold", () => doing.removeHold(rule.id))}><${Icon} name="trash" /></button></li>`)}</ul>`}
  <//>`;
}
