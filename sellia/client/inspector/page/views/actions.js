// What buttons, menus and keys do: one place, so that they do the same.
import { copy, save } from "../ui/copy.js";
import { count } from "../ui/format.js";
import { failed, toast } from "../ui/toast.js";
import { filter, open, openId } from "../state/address.js";
import * as api from "../state/api.js";
import * as doing from "../state/doing.js";
import * as exchanges from "../state/exchanges.js";
import { status } from "../state/live.js";
import { redact } from "../state/preferences.js";
import { compose } from "./composer.js";
import { show } from "./dialogs.js";

/** @typedef {import("../types").Detail} Detail */
/** @typedef {import("../types").Summary} Summary */
/** @typedef {import("../ui/controls.js").Item} Item */

/** Forms of a request that are copied. */
const SNIPPETS = /** @type {[string, string][]} */ ([
  ["curl-bash", "cURL for bash"],
  ["curl-powershell", "cURL for PowerShell"],
  ["curl-cmd", "cURL for cmd"],
  ["fetch", "fetch"],
  ["httpie", "HTTPie"],
  ["python", "Python"],
]);
const SOCKET_SNIPPETS = /** @type {[string, string][]} */ ([
  ["wscat", "wscat"],
  ["websocat", "websocat"],
]);

/** @param {string} id */
function path(id) {
  return `/api/exchanges/${encodeURIComponent(id)}`;
}

/**
 * Do it, and show an error as one.
 * @template T @param {string} doingWhat @param {() => Promise<T>} run
 */
async function attempt(doingWhat, run) {
  try {
    return await run();
  } catch (error) {
    failed(error, doingWhat);
    return undefined;
  }
}

/** Words about what was left out of a copy. */
function withCare() {
  return redact.value ? ", secrets replaced" : "";
}

export const actions = {
  /** @param {Pick<Summary, "host" | "target" | "tunnel" | "kind">} exchange */
  urlOf(exchange) {
    const url = status.value?.tunnels.find((each) => each.subdomain === exchange.tunnel || each.name === exchange.tunnel)?.url ?? "";
    const secure = url.startsWith("https:");
    const scheme = exchange.kind === "websocket" ? (secure ? "wss" : "ws") : secure ? "https" : "http";
    return `${scheme}://${exchange.host}${exchange.target}`;
  },

  /** @param {string[]} ids */
  async replay(ids) {
    const sorted = [...ids].sort((one, other) => Number(one) - Number(other));
    const [only] = sorted;
    if (only === undefined) return;
    const made = sorted.length > 1 ? (await attempt("Replaying", () => doing.replayAll(sorted)))?.ids ?? [] : [(await attempt("Replaying", () => doing.replay(only)))?.id];
    const first = made[0];
    if (first === undefined) return;
    toast(made.length === 1 ? "Replayed" : `${count(made.length, "request")} replayed`, "good", { label: "Show", run: () => open(first) });
    if (ids.length === 1 && openId.peek() !== null) open(first);
  },

  /** @param {string[]} ids @param {boolean} kept */
  async keep(ids, kept) {
    await attempt("Keeping", () => Promise.all(ids.map((id) => doing.keep(id, kept))));
  },

  /** @param {string[]} ids */
  async remove(ids) {
    await attempt("Removing", () => Promise.all(ids.map((id) => doing.remove(id))));
    if (openId.peek() !== null && ids.includes(/** @type {string} */ (openId.peek()))) open(null);
  },

  async clear() {
    const found = await attempt("Clearing", doing.clear);
    if (found) toast(`${count(found.cleared, "exchange")} cleared`);
  },

  /** @param {Detail} exchange @returns {Item[]} */
  copyMenu(exchange) {
    const socket = exchange.kind === "websocket";
    return [
      ...(socket ? SOCKET_SNIPPETS : SNIPPETS).map(([key, label]) => ({ label, run: () => void actions.copySnippet(exchange.id, key, label) })),
      "line",
      { label: "URL", run: () => void copy(actions.urlOf(exchange), "URL") },
      { label: "Link to this view", run: () => void copy(location.href, "Link") },
    ];
  },

  /** @param {string} id @param {string} form @param {string} label */
  async copySnippet(id, form, label) {
    const text = await attempt("Copying", () => api.getText(`${path(id)}/snippet`, { form, redact: redact.value }));
    if (text !== undefined) await copy(text, `${label}${withCare()}`);
  },

  /** @param {Detail} exchange @returns {Item[]} */
  saveMenu(exchange) {
    return [{ label: "HAR file", icon: "download", run: () => void actions.saveHar([exchange.id]) }, "line", { title: "As a test" }, ...actions.testMenu([exchange.id])];
  },

  /** @param {string[]} ids @returns {Item[]} */
  testMenu(ids) {
    return [
      { label: "pytest", icon: "test", run: () => void actions.saveTest(ids, "pytest", "test_exchange.py") },
      { label: "node:test", icon: "test", run: () => void actions.saveTest(ids, "node", "exchange.test.mjs") },
    ];
  },

  /** @param {string[]} ids @param {string} form @param {string} name */
  async saveTest(ids, form, name) {
    const text = await attempt("Making a test", () => api.getText("/api/test", { ids: ids.join(","), form, redact: redact.value }));
    if (text === undefined) return;
    save(text, name, "text/plain");
    toast(`${name} saved${withCare()}`);
  },

  /** @param {string[] | null} ids null: all that match the filter */
  async saveHar(ids) {
    const query = ids ? { ids: ids.join(",") } : { filter: filter.peek() || null };
    const text = await attempt("Making a HAR file", () => api.getText("/api/har", { ...query, redact: redact.value }));
    if (text === undefined) return;
    save(text, "sellia.har", "application/json");
    toast(`sellia.har saved${withCare()}`);
  },

  /** @param {File} file */
  async importHar(file) {
    const found = await attempt("Importing", async () => api.send("POST", "/api/har", file));
    if (!found) return;
    const [first] = found.wrong;
    toast(`${count(found.imported, "exchange")} imported${first ? `. ${first}` : ""}`, first ? "bad" : "good");
  },

  /** @returns {Item[]} */
  listMenu() {
    return [
      { label: "Save all as HAR", icon: "download", run: () => void actions.saveHar(null) },
      { label: "Import HAR …", icon: "upload", run: () => show({ name: "import" }) },
      "line",
      { label: "Mark all", run: () => exchanges.mark(exchanges.all()) },
      { label: "Holds …", icon: "hand", hint: "h", run: () => show({ name: "holds" }) },
      { label: "Compose a request …", icon: "plus", hint: "c", run: () => show({ name: "compose" }) },
    ];
  },

  /** @param {Detail} exchange @returns {Item[]} */
  socketMenu(exchange) {
    return [
      { label: "Replay the visitor's side, with its timing", icon: "replay", run: () => void actions.replay([exchange.id]) },
      { label: "Save with messages as HAR", icon: "download", run: () => void actions.saveHar([exchange.id]) },
      { label: "Hold messages …", icon: "hand", run: () => show({ name: "holds" }) },
    ];
  },

  /** @param {string} id @param {import("../types").Message} message @returns {Item[]} */
  messageMenu(id, message) {
    const payload = `${path(id)}/messages/${message.number}`;
    return [
      { label: "Copy", icon: "copy", run: () => void attempt("Copying", async () => copy(await api.getText(payload), "Message")) },
      { label: "Save", icon: "download", run: () => void attempt("Saving", async () => save(/** @type {BlobPart} */ (await api.getBytes(payload)), `message-${id}-${message.number}.bin`)) },
      { label: "Send again, or edited", icon: "send", run: () => void attempt("Reading the message", async () => compose(await api.getText(payload), message.from_visitor)) },
    ];
  },
};
