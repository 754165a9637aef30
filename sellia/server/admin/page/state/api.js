// Requests to the admin API.
import { ask } from "../ui/asking.js";
import { signal } from "../ui/html.js";

/** @typedef {import("../types").SignIn} SignIn */

const ROOT = "/api/v1/";

/** Who is signed in; null: not known yet. */
export const here = signal(/** @type {SignIn | null} */ (null));

/** Why nobody is signed in any more; empty where nobody was. */
export const farewell = signal("");

/** Whether whoever is signed in may change things; the API decides, this only hides what it would refuse. */
export function mayWrite() {
  return here.value?.scopes.includes("admin:write") ?? false;
}

/**
 * @param {string} path below the root
 * @param {RequestInit} [options]
 */
function request(path, options) {
  return ask(ROOT + path, options, "the server does not answer", (status, said) => {
    if (status === 401 && here.peek()?.signed_in) {
      farewell.value = said.detail ?? said.title ?? "The sign-in is over.";
      here.value = { signed_in: false, prefix: null, account: null, scopes: [], ends_at: null };
    }
    return [said.title, said.detail].filter(Boolean).join(" ") || `the server answered ${status}`;
  });
}

/**
 * @param {string} path
 * @param {Record<string, string | number | boolean | null | undefined>} [query] what is null, undefined or empty is left out
 * @returns {Promise<any>}
 */
export async function get(path, query = {}) {
  const found = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value != null && value !== "") found.set(name, String(value));
  const text = found.toString();
  return (await request(text ? `${path}?${text}` : path)).json();
}

/**
 * @param {"POST" | "PUT" | "PATCH" | "DELETE"} method
 * @param {string} path
 * @param {unknown} [body] sent as JSON
 * @returns {Promise<any>} what is answered, if it is JSON
 */
export async function send(method, path, body) {
  const options = body === undefined ? { method } : { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const response = await request(path, options);
  return response.status === 204 ? null : response.json();
}

/** A segment of a path. @param {string} text */
export function segment(text) {
  return encodeURIComponent(text);
}

export async function look() {
  here.value = await get("sign-in");
}

/** @param {string} key */
export async function signIn(key) {
  here.value = await send("POST", "sign-in", { key });
  farewell.value = "";
}

export async function signOut() {
  await send("DELETE", "sign-in");
  farewell.value = "";
  here.value = { signed_in: false, prefix: null, account: null, scopes: [], ends_at: null };
}
