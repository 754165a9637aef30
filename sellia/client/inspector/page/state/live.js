// The stream of what is new. It comes back by itself when the client does, and then asks for all that was missed.
import { effect, signal, untracked } from "../ui/html.js";
import { filter } from "./address.js";
import * as api from "./api.js";
import * as exchanges from "./exchanges.js";
import { takeHolds } from "./holds.js";

/** @typedef {import("../types").Status} Status */

/** Entries that are asked for at first, and in each answer after that. */
const FIRST = 300;
const PAGE = 2000;
const RETRY_MS = [500, 1000, 2000, 4000, 5000];

/** @type {import("../ui/html.js").Signal<"connecting" | "live" | "lost" | "refused">} */
export const connection = signal(/** @type {any} */ ("connecting"));
/** Why the client does not let this page in. */
export const refusal = signal("");
/** @type {import("../ui/html.js").Signal<Status | null>} */
export const status = signal(/** @type {any} */ (null));
/** What the store has let go of. */
export const lost = signal({ exchanges: 0, frames: 0, bytes: 0, until: 0 });
/** What is wrong with the filter. */
export const filterError = signal("");

/** @type {EventSource | null} */
let source = null;
let tries = 0;
let timer = 0;
/** Grows with each filter, so that answers for the last one are told apart. */
let generation = 0;

/** Follow the filter of the address, from now on. */
export function start() {
  effect(() => {
    filter.value;
    untracked(follow);
  });
}

/** Leave the stream, and open one for the filter as it is. */
function follow() {
  generation += 1;
  source?.close();
  clearTimeout(timer);
  exchanges.forget();
  filterError.value = "";
  open(generation);
}

/** @param {number} mine */
function open(mine) {
  const stream = new EventSource(api.address("/api/events", { filter: filter.peek() || null }));
  source = stream;
  stream.addEventListener("hello", (event) => {
    if (mine !== generation) return;
    tries = 0;
    connection.value = "live";
    status.value = JSON.parse(event.data);
    void catchUp(mine);
  });
  stream.addEventListener("exchanges", (event) => {
    if (mine !== generation) return;
    const told = JSON.parse(event.data);
    if (told.lost) lost.value = told.lost;
    exchanges.take(told.changed, told.gone);
  });
  stream.addEventListener("status", (event) => {
    status.value = JSON.parse(event.data);
  });
  stream.addEventListener("holds", (event) => takeHolds(JSON.parse(event.data)));
  stream.addEventListener("error", () => {
    if (mine !== generation) return;
    stream.close();
    void failed(mine);
  });
}

/**
 * Find out why there is no stream, and try again where that may help.
 * @param {number} mine
 */
async function failed(mine) {
  try {
    await api.get("/api/status");
    if (mine !== generation) return;
    if (filter.peek() && (await wrongFilter(mine))) return;
    connection.value = "connecting";
  } catch (error) {
    if (mine !== generation) return;
    if (error instanceof api.ApiError && error.status !== 0 && error.status < 500) {
      connection.value = "refused";
      refusal.value = error.message;
    } else connection.value = "lost";
  }
  const wait = RETRY_MS[Math.min(tries, RETRY_MS.length - 1)];
  tries += 1;
  timer = window.setTimeout(() => mine === generation && open(mine), wait);
}

/**
 * Whether the API does not understand the filter: then there is nothing to wait for.
 * @param {number} mine
 */
async function wrongFilter(mine) {
  try {
    await api.get("/api/exchanges", { filter: filter.peek(), limit: 1 });
    return false;
  } catch (error) {
    if (mine !== generation || !(error instanceof api.ApiError) || error.status !== 400) return false;
    filterError.value = error.message;
    exchanges.loaded.value = true;
    connection.value = "live";
    return true;
  }
}

/**
 * Ask for all entries: first the newest, which is what the reader sees, then those before them.
 * @param {number} mine
 */
async function catchUp(mine) {
  const asked = filter.peek() || null;
  const known = new Set();
  /** @param {Record<string, any>} query */
  const page = async (query) => {
    const found = await api.get("/api/exchanges", { filter: asked, ...query });
    if (mine !== generation) return null;
    for (const each of found.exchanges) known.add(each.id);
    exchanges.take(found.exchanges);
    exchanges.loaded.value = true;
    lost.value = found.lost;
    return found;
  };
  try {
    let found = await page({ last: true, limit: FIRST });
    const first = Number(found?.exchanges[0]?.id ?? 0);
    if (found?.more) {
      let after = 0;
      do {
        found = await page({ after, limit: PAGE });
        after = Number(found?.exchanges.at(-1)?.id ?? first);
      } while (found?.more && after < first);
    }
    if (mine === generation) exchanges.keepOnly(known);
  } catch (error) {
    if (mine !== generation) return;
    source?.close();
    void failed(mine);
  }
}

/** Try again now. */
export function retry() {
  clearTimeout(timer);
  tries = 0;
  open(generation);
}
