// What changes something: replays, messages that are sent, holds, keeping and removing. Each is one request to the API.
import * as api from "./api.js";
import { letGone } from "./holds.js";

/** @param {Uint8Array} data */
export function base64(data) {
  let text = "";
  for (let at = 0; at < data.length; at += 0x8000) text += String.fromCharCode(...data.subarray(at, at + 0x8000));
  return btoa(text);
}

/** @param {string} id */
function exchange(id) {
  return `/api/exchanges/${encodeURIComponent(id)}`;
}

/**
 * @typedef {{ method?: string, target?: string, headers?: import("../types").Field[], body?: string, body_base64?: string, tunnel?: string }} Edits
 */

/**
 * Replay a request, byte for byte or with edits.
 * @param {string} id @param {Edits} [edits]
 * @returns {Promise<{ id: string }>}
 */
export function replay(id, edits = {}) {
  return api.send("POST", `${exchange(id)}/replay`, edits);
}

/**
 * Replay requests, each once the one before has ended.
 * @param {string[]} ids
 * @returns {Promise<{ ids: string[] }>}
 */
export function replayAll(ids) {
  return api.send("POST", "/api/replay", { ids });
}

/** @param {Edits & { websocket?: boolean }} request @returns {Promise<{ id: string }>} */
export function composeRequest(request) {
  return api.send("POST", "/api/requests", request);
}

/** @param {string} id @param {boolean} toService @param {string} opcode @param {string | Uint8Array} payload */
export function sendMessage(id, toService, opcode, payload) {
  const content = typeof payload === "string" ? { payload } : { payload_base64: base64(payload) };
  return api.send("POST", `/api/websockets/${encodeURIComponent(id)}/send`, { direction: toService ? "to-service" : "to-visitor", opcode, ...content });
}

/** @param {string} id @param {boolean} kept */
export function keep(id, kept) {
  return api.send("POST", `${exchange(id)}/keep`, { kept });
}

/** @param {string} id */
export function remove(id) {
  return api.send("DELETE", exchange(id));
}

/** @returns {Promise<{ cleared: number }>} */
export function clear() {
  return api.send("DELETE", "/api/exchanges");
}

/** @param {Partial<import("../types").Hold>} hold */
export function addHold(hold) {
  return api.send("POST", "/api/holds", hold);
}

/** @param {string} id */
export function removeHold(id) {
  return api.send("DELETE", `/api/holds/${encodeURIComponent(id)}`);
}

/**
 * Let what is held go on, as it is or edited, or drop it.
 * @param {string} id @param {"release" | "drop"} action @param {Record<string, unknown>} [edits]
 */
export async function decide(id, action, edits = {}) {
  await api.send("POST", `/api/held/${encodeURIComponent(id)}`, { action, ...edits });
  letGone(id);
}
