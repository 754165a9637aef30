// Where the time went: a bar of the moments of an exchange, and the link at that moment. Drawn with figures, not colours alone.
import { bytes, clock, count, duration } from "../ui/format.js";
import { html } from "../ui/html.js";

/** @typedef {import("../types").Detail} Detail */
/** @typedef {{ name: string, about: string, from: number, to: number, tone: string }} Part */

/**
 * The parts of an exchange's time, in seconds from its start.
 * @param {Detail} exchange @param {number} now
 * @returns {Part[]}
 */
export function partsOf(exchange, now) {
  const { timing } = exchange;
  const begin = timing.started;
  const end = timing.ended ?? now;
  const sent = timing.sent ?? end;
  const answered = timing.answered ?? (timing.sent === null ? null : end);
  /** @type {Part[]} */
  const parts = [{ name: "Arrived, to the service", about: "from the head's arrival until it was written to the service", from: 0, to: sent - begin, tone: "queue" }];
  if (timing.sent !== null && answered !== null) parts.push({ name: "Waiting for the service", about: "until the head of its response", from: sent - begin, to: answered - begin, tone: "wait" });
  if (timing.answered !== null) {
    const over = timing.last_byte ?? end;
    const word = exchange.messages ? "Open" : "Response";
    parts.push({ name: word, about: exchange.messages ? "from the 101 to its end" : "from the head to the last byte", from: timing.answered - begin, to: Math.max(timing.answered, exchange.messages ? end : over) - begin, tone: "body" });
  }
  return parts;
}

/** @param {{ exchange: Detail, now: number }} props */
export function TimingBar({ exchange, now }) {
  const parts = partsOf(exchange, now);
  const whole = Math.max(1e-9, (exchange.timing.ended ?? now) - exchange.timing.started);
  return html`<svg class="timing-bar" viewBox="0 0 1000 10" preserveAspectRatio="none" role="img"
    aria-label=${parts.map((each) => `${each.name}: ${duration(each.to - each.from)}`).join(", ")}>
    ${parts.map((part) => html`<rect key=${part.name} class="part-${part.tone}" x=${(part.from / whole) * 1000} y="0" width=${Math.max(2, ((part.to - part.from) / whole) * 1000)} height="10" rx="1" />`)}
  </svg>`;
}

/** @param {{ exchange: Detail, now: number }} props */
export function Timing({ exchange, now }) {
  const { timing, link } = exchange;
  const parts = partsOf(exchange, now);
  const whole = (timing.ended ?? now) - timing.started;
  return html`<div class="panel-body timing">
    <${TimingBar} exchange=${exchange} now=${now} />
    <table class="figures"><tbody>
      ${parts.map((part) => html`<tr key=${part.name}><th scope="row"><span class="swatch part-${part.tone}"></span>${part.name}</th><td class="num">${duration(part.to - part.from)}</td><td class="muted">${part.about}</td></tr>`)}
      <tr class="sum"><th scope="row">In all</th><td class="num">${duration(whole)}</td><td class="muted">${timing.ended === null ? "so far" : ""}</td></tr>
    </tbody></table>
    <h3>Moments</h3>
    <table class="figures"><tbody>
      ${/** @type {[string, number | null][]} */ ([
        ["Head arrived", timing.started],
        ["Last byte of the request", timing.request_ended],
        ["Sent to the service", timing.sent],
        ["Head of the response", timing.answered],
        ["First byte of its body", timing.first_byte],
        ["Last byte of its body", timing.last_byte],
        ["Ended", timing.ended],
      ]).map(([name, at]) => html`<tr key=${name}><th scope="row">${name}</th><td class="num">${at === null ? "–" : clock(at)}</td><td class="num muted">${at === null ? "" : `+${duration(at - timing.started)}`}</td></tr>`)}
    </tbody></table>
    <h3>The link at that moment</h3>
    ${link
      ? html`<table class="figures"><tbody>
          <tr><th scope="row">Round trip</th><td class="num">${duration(link.trip)}</td><td class="muted">${link.trip === null ? "not measured yet" : `a visitor waits about this long besides${whole > 0 && !exchange.messages ? `: ${Math.round((100 * link.trip) / (whole + link.trip))} % of the time in all` : ""}`}</td></tr>
          <tr><th scope="row">Credit</th><td class="num">${bytes(link.credit)}</td><td class="muted">that the server had allowed this stream to send</td></tr>
          ${!link.attached && html`<tr><th scope="row">State</th><td class="bad" colspan="2">There was no link</td></tr>`}
        </tbody></table>`
      : html`<p class="muted">Not known: this exchange did not come through the link.</p>`}
    ${exchange.marks.length > 0 &&
    html`<h3>What the link did meanwhile</h3><ul class="marks">${exchange.marks.map((mark, index) => html`<li key=${index}><span class="mono">${clock(mark.at)}</span> ${{ lost: "The link was lost", resumed: "The link was resumed", expired: "The session expired" }[mark.what] ?? mark.what}</li>`)}</ul>`}
    <h3>Sizes</h3>
    <table class="figures"><tbody>
      <tr><th scope="row">Request body</th><td class="num">${bytes(exchange.request.body.bytes)}</td><td class="muted">${kept(exchange.request.body)}</td></tr>
      <tr><th scope="row">Response body</th><td class="num">${bytes(exchange.response.body.bytes)}</td><td class="muted">${kept(exchange.response.body)}</td></tr>
      ${exchange.messages && html`<tr><th scope="row">Messages</th><td class="num">${bytes(exchange.messages.bytes_from_visitor + exchange.messages.bytes_to_visitor)}</td><td class="muted">${count(exchange.messages.frames, "frame")}</td></tr>`}
    </tbody></table>
  </div>`;
}

/** @param {import("../types").BodyInfo} body */
function kept(body) {
  const words = [];
  if (body.encoding) words.push(`on the wire, ${body.encoding}`);
  if (body.truncated) words.push(`the first ${bytes(body.kept)} are kept`);
  return words.join("; ");
}
