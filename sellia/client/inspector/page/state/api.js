// Requests to the inspector's API.
import { ask } from "../ui/asking.js";

export { ApiError } from "../ui/asking.js";

/**
 * @param {string} path
 * @param {RequestInit} [options]
 */
function request(path, options) {
  return ask(path, options, "the client does not answer: has it ended?", (status, said) => said.detail ?? `the client answered ${status}`);
}

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query] what is null or undefined is left out
 */
export function address(path, query = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) {
    if (value == null) continue;
    found.set(name, typeof value === "boolean" ? (value ? "1" : "0") : String(value));
  }
  const text = found.toString();
  return text ? `${path}?${text}` : path;
}

/**
 * @param {string} path
 * @param {Parameters<typeof address>[1]} [query]
 * @param {AbortSignal} [signal]
 * @returns {Promise<any>}
 */
export async function get(path, query, signal) {
  const response = await request(address(path, query), signal ? { signal } : {});
  return response.json();
}

/**
 * @param {string} path
 * @param {Parameters<typeof address>[1]} [query]
 */
export async function getBytes(path, query) {
  const response = await request(address(path, query));
  return new Uint8Array(await response.arrayBuffer());
}

/**
 * @param {string} path
 * @param {Parameters<typeof address>[1]} [query]
 */
export async function getText(path, query) {
  return (await request(address(path, query))).text();
}

/**
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON; a file is, as it is
 * @returns {Promise<any>} what is answered, if it is JSON
 */
export async function send(method, path, body) {
  const options = body === undefined ? { method } : { method, headers: { "Content-Type": "application/json" }, body: body instanceof Blob ? body : JSON.stringify(body) };
  const response = await request(path, options);
  const type = response.headers.get("Content-Type") ?? "";
  return type.includes("json") ? response.json() : null;
}
