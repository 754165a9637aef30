// The exchange that is open: all that is known of it, asked for again as it changes.
import { effect, signal, untracked } from "../ui/html.js";
import { openId } from "./address.js";
import * as api from "./api.js";
import * as exchanges from "./exchanges.js";

/** @typedef {import("../types").Detail} Detail */

/** @type {import("../ui/html.js").Signal<Detail | null>} */
export const detail = signal(/** @type {any} */ (null));
/** Why it cannot be shown. */
export const failure = signal("");

/** Milliseconds between two questions about an exchange that goes on changing. */
const PACE_MS = 250;

/** @type {string | null} */
let wanted = null;
let asked = 0;
let busy = false;
let version = -1;
let timer = 0;

export function start() {
  effect(() => {
    const id = openId.value;
    exchanges.revision.value;
    untracked(() => look(id));
  });
}

/** @param {string | null} id */
function look(id) {
  const known = id === null ? undefined : exchanges.entry(id);
  if (id === null) {
    wanted = null;
    asked += 1;
    detail.value = null;
    failure.value = "";
    version = -1;
    return;
  }
  if (wanted !== id) {
    wanted = id;
    detail.value = null;
    version = -1;
    asked += 1;
    busy = false;
    failure.value = "";
    clearTimeout(timer);
    timer = 0;
    void ask(id);
  } else if (known && known.version > version) soon(id);
}

/** @param {string} id */
function soon(id) {
  if (busy || timer) return;
  timer = window.setTimeout(() => {
    timer = 0;
    if (openId.peek() === id) void ask(id);
  }, PACE_MS);
}

/** @param {string} id */
async function ask(id) {
  const mine = asked;
  busy = true;
  try {
    const found = await api.get(`/api/exchanges/${encodeURIComponent(id)}`);
    if (mine !== asked) return;
    detail.value = found;
    version = found.version;
    failure.value = "";
  } catch (error) {
    if (mine !== asked) return;
    // What was seen stays in sight when the store has let go of it, or the client is away.
    if (!detail.peek()) failure.value = error instanceof Error ? error.message : String(error);
  } finally {
    if (mine === asked) busy = false;
  }
  const known = exchanges.entry(id);
  if (mine === asked && known && known.version > version && version >= 0) soon(id);
}
