// How exchanges are put into words and colours: one place, for list, heads and menus. Pure.
import { bytes, line } from "../ui/format.js";

/** @typedef {import("../types").Summary} Summary */

/** @param {Pick<Summary, "status" | "end" | "open" | "cause">} exchange */
export function tone(exchange) {
  const { status, cause } = exchange;
  if (cause) return "bad";
  if (status === null) return exchange.open ? "" : "bad";
  if (status >= 500) return "bad";
  if (status >= 400) return "warn";
  if (status >= 300) return "other";
  return "good";
}

/** What the list shows as the status: a code, or why there is none. @param {Summary} exchange */
export function statusWord(exchange) {
  if (exchange.status !== null) return String(exchange.status);
  return exchange.open ? "…" : "–";
}

/** @param {Summary} exchange */
export function isSocket(exchange) {
  return exchange.messages !== null || exchange.kind === "websocket";
}

const TYPES = /** @type {[RegExp, string][]} */ ([
  [/^text\/event-stream/, "events"],
  [/json/, "JSON"],
  [/html/, "HTML"],
  [/javascript|ecmascript/, "script"],
  [/css/, "CSS"],
  [/^image\//, "image"],
  [/^font\/|woff/, "font"],
  [/xml/, "XML"],
  [/^text\//, "text"],
  [/^(audio|video)\//, "media"],
  [/form/, "form"],
]);

/** @param {Summary} exchange */
export function typeWord(exchange) {
  if (exchange.kind === "websocket") return "WebSocket";
  if (exchange.kind !== "http") return exchange.kind.toUpperCase();
  if (!exchange.type) return "";
  for (const [pattern, word] of TYPES) if (pattern.test(exchange.type)) return word;
  return line(exchange.type, 40);
}

/** @param {Summary} exchange */
export function sizeWord(exchange) {
  if (exchange.messages) return bytes(exchange.messages.bytes_from_visitor + exchange.messages.bytes_to_visitor);
  return exchange.status === null && !exchange.response_bytes ? "" : bytes(exchange.response_bytes);
}

/** Path and query apart. @param {string} target */
export function split(target) {
  const at = target.indexOf("?");
  return at < 0 ? [target, ""] : [target.slice(0, at), target.slice(at)];
}

/** Who it was, as people say it. @param {string} who */
export function whoWord(who) {
  return { unknown: "Nobody knows who", proxy: "A proxy in front", visitor: "The visitor", link: "The link", server: "The server", client: "The client", service: "The service" }[who] ?? who;
}
