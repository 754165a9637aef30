// Why something ended: who, what, the evidence, and what to do.
import { copy } from "../ui/copy.js";
import { line, visible } from "../ui/format.js";
import { html, useState } from "../ui/html.js";
import { Icon } from "../ui/icons.js";
import { whoWord } from "./words.js";

/** @param {{ cause: import("../types").Cause }} props */
export function CauseCard({ cause }) {
  const [open, setOpen] = useState(false);
  const evidence = Object.entries(cause.evidence);
  return html`<section class="cause" aria-label="Why it ended" data-testid="cause">
    <${Icon} name="warn" />
    <div class="grow">
      <p><strong>${whoWord(cause.who)}</strong> <code>${line(cause.what, 80)}</code></p>
      <p><bdi>${visible(cause.sentence)}</bdi></p>
      ${cause.remedy && html`<p class="remedy"><bdi>${visible(cause.remedy)}</bdi></p>`}
      ${open &&
      html`<dl class="evidence">${evidence.map(([name, fact]) => html`<div key=${name}><dt>${line(name.replaceAll("_", " "), 80)}</dt><dd class="mono"><bdi>${line(fact, 400)}</bdi></dd></div>`)}
        <div><dt>id</dt><dd class="mono">${line(cause.id, 80)} <button class="link" onClick=${() => copy(`sellia why ${cause.id}`, "Command")}>copy “sellia why …”</button></dd></div></dl>`}
    </div>
    <button class="button" aria-expanded=${String(open)} onClick=${() => setOpen(!open)}>Evidence${evidence.length ? ` (${evidence.length})` : ""}</button>
  </section>`;
}

/** How an end reads where nothing was wrong. @param {import("../types").Summary} exchange */
export function endSentence(exchange) {
  const { end } = exchange;
  if (!end) return exchange.open ? "" : "It has ended.";
  const code = end.code === null ? "" : typeof end.code === "number" ? ` with close code ${end.code}` : ` (${line(end.code, 60)})`;
  const reason = end.reason ? `: ${line(end.reason, 200)}` : "";
  return `Ended by ${{ visitor: "the visitor", service: "the service" }[end.by] ?? line(end.by, 40)}${code}${reason}.`;
}
