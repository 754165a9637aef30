// What repeats in a WebSocket: the interval of its heartbeat, whoever makes it. Pure.

/** @typedef {import("../types").Message} Message */
/** @typedef {{ interval: number, from: string, what: string, count: number, answered: number | null }} Heartbeat */

/** Repetitions that make a heartbeat, and how far each may be off the middle one, as a share. */
const LEAST = 3;
const SLACK = 0.25;
/** Messages, from the last on, that are looked at. */
const LOOKED_AT = 2000;

/** @param {number[]} values */
function middle(values) {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[sorted.length >> 1] ?? 0;
}

/** Known texts of heartbeats, and whose they are. */
const KNOWN = /** @type {[RegExp, string][]} */ ([
  [/^2$/, "Engine.IO ping"],
  [/^3$/, "Engine.IO pong"],
  [/"heartbeat"/, "heartbeat"],
  [/"(type|op|event|method)"\s*:\s*"(ping|pong|ka|connection_ack_keep_alive)"/, "ping in JSON"],
  [/^\n$/, "STOMP heartbeat"],
  [/^(ping|pong)$/i, "ping as text"],
]);

/** @param {Message} message */
function keyOf(message) {
  if (message.kind === "ping") return "ping frame";
  if (message.kind !== "text" || !message.text || message.bytes > 300) return null;
  const text = message.text;
  return KNOWN.find(([pattern]) => pattern.test(text))?.[1] ?? null;
}

/** @param {Message[]} messages @returns {Heartbeat | null} */
export function heartbeat(messages) {
  /** @type {Map<string, Message[]>} */
  const groups = new Map();
  const looked = messages.slice(-LOOKED_AT);
  for (const each of looked) {
    const key = keyOf(each);
    if (key === null) continue;
    const group = `${each.from_visitor ? "visitor" : "service"}|${key}`;
    const found = groups.get(group);
    if (found) found.push(each);
    else groups.set(group, [each]);
  }
  let best = /** @type {Heartbeat | null} */ (null);
  for (const [key, group] of groups) {
    if (group.length < LEAST) continue;
    const gaps = group.slice(1).map((each, index) => each.at - /** @type {Message} */ (group[index]).at);
    const interval = middle(gaps);
    const regular = gaps.filter((each) => Math.abs(each - interval) <= interval * SLACK).length;
    if (interval < 0.05 || regular < gaps.length * 0.7) continue;
    const [from = "", what = ""] = key.split("|");
    const first = /** @type {Message} */ (group[0]);
    if (best && first.at > (looked.find((each) => keyOf(each))?.at ?? 0)) continue;
    best = { interval, from, what, count: group.length, answered: what === "ping frame" ? answerTime(looked, first.from_visitor) : null };
  }
  return best;
}

/** Seconds from a ping to its pong, the middle of all. @param {Message[]} messages @param {boolean} fromVisitor */
function answerTime(messages, fromVisitor) {
  const found = [];
  let asked = /** @type {number | null} */ (null);
  for (const each of messages) {
    if (each.kind === "ping" && each.from_visitor === fromVisitor) asked = each.at;
    else if (each.kind === "pong" && each.from_visitor !== fromVisitor && asked !== null) {
      found.push(each.at - asked);
      asked = null;
    }
  }
  return found.length ? middle(found) : null;
}
