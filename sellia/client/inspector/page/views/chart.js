// Messages and bytes of a WebSocket over time: up from the visitor, down to the visitor, with what happened to the link.
import { bytes, clock, count, duration } from "../ui/format.js";
import { html, useMemo, useState } from "../ui/html.js";
import { Segments } from "../ui/controls.js";

/** @typedef {import("../types").Message} Message */
/** @typedef {import("../types").Detail} Detail */

const BUCKETS = 96;
const WIDTH = 960;
const HALF = 30;

/**
 * Sums by direction for each part of the time.
 * @param {Message[]} messages @param {number} since @param {number} until @param {"messages" | "bytes"} what
 */
export function buckets(messages, since, until, what) {
  const up = new Array(BUCKETS).fill(0);
  const down = new Array(BUCKETS).fill(0);
  const span = Math.max(1e-6, until - since);
  for (const each of messages) {
    const place = Math.max(0, Math.min(BUCKETS - 1, Math.floor(((each.at - since) / span) * BUCKETS)));
    (each.from_visitor ? up : down)[place] += what === "bytes" ? each.bytes : 1;
  }
  return { up, down, most: Math.max(1, ...up, ...down) };
}

/** @param {{ exchange: Detail, messages: Message[], gap: import("../types").Gap | null, now: number }} props */
export function Chart({ exchange, messages, gap, now }) {
  const [what, setWhat] = useState(/** @type {"messages" | "bytes"} */ ("messages"));
  const since = exchange.timing.answered ?? exchange.started;
  const last = messages.at(-1)?.at ?? since;
  const until = Math.max(since + 1, exchange.timing.ended ?? now, last);
  const { up, down, most } = useMemo(() => buckets(messages, since, until, what), [messages, since, until, what]);
  const width = WIDTH / BUCKETS;
  const at = (/** @type {number} */ moment) => ((moment - since) / (until - since)) * WIDTH;
  const figure = (/** @type {number} */ value) => (what === "bytes" ? bytes(value) : count(value, "message"));
  return html`<figure class="chart" data-testid="chart">
    <div class="row-of"><span class="muted grow cut">${clock(since).slice(0, 8)} to ${clock(until).slice(0, 8)} · ${duration((until - since) / BUCKETS)} a bar, ${figure(most)} at most</span>
      <${Segments} label="Chart of" value=${what} choices=${[["messages", "Messages"], ["bytes", "Bytes"]]} onChoose=${setWhat} /></div>
    <svg viewBox="0 0 ${WIDTH} ${HALF * 2 + 2}" preserveAspectRatio="none" role="img" aria-label="${figure(up.reduce((all, each) => all + each, 0))} from the visitor above the line, ${figure(down.reduce((all, each) => all + each, 0))} to the visitor below it">
      ${gap && gap.frames > 0 && html`<rect class="chart-gap" x=${at(gap.since)} y="0" width=${Math.max(3, at(gap.until) - at(gap.since))} height=${HALF * 2 + 2}><title>${count(gap.frames, "frame")} are not kept</title></rect>`}
      <line class="chart-axis" x1="0" x2=${WIDTH} y1=${HALF + 1} y2=${HALF + 1} />
      ${up.map((value, index) => value > 0 && html`<rect key=${`u${index}`} class="chart-in" x=${index * width + 1} width=${width - 2} y=${HALF - (value / most) * HALF} height=${Math.max(1, (value / most) * HALF)} />`)}
      ${down.map((value, index) => value > 0 && html`<rect key=${`d${index}`} class="chart-out" x=${index * width + 1} width=${width - 2} y=${HALF + 2} height=${Math.max(1, (value / most) * HALF)} />`)}
      ${exchange.marks.map((mark, index) => html`<line key=${`m${index}`} class="chart-mark ${mark.what}" x1=${at(mark.at)} x2=${at(mark.at)} y1="0" y2=${HALF * 2 + 2}><title>${clock(mark.at)}: the link was ${mark.what}</title></line>`)}
    </svg>
    ${exchange.marks.length > 0 && html`<figcaption class="muted legend"><span class="swatch lost"></span>link lost <span class="swatch resumed"></span>resumed</figcaption>`}
  </figure>`;
}
