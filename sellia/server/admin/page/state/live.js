// How the server is, asked again and again while somebody looks.
import { signal } from "../ui/html.js";
import * as api from "./api.js";

/** @typedef {import("../types").Overview} Overview */
/** @typedef {import("../types").Session} Session */

const EVERY_MS = 2000;

/** Points of the chart of requests: two minutes. */
export const POINTS = 60;

/** Sessions that are shown with the overview. */
export const SESSIONS = 100;

export const overview = signal(/** @type {Overview | null} */ (null));
export const sessions = signal(/** @type {Session[]} */ ([]));
/** Requests a second, the newest last. */
export const rates = signal(/** @type {number[]} */ ([]));
/** Why nothing is known; empty while the server answers. */
export const trouble = signal("");

/**
 * Requests a second between two looks; null where there is nothing to compare, or the server has begun anew.
 * @param {Pick<Overview, "at" | "requests"> | null} before @param {Pick<Overview, "at" | "requests">} now
 */
export function rateBetween(before, now) {
  if (!before) return null;
  const seconds = (Date.parse(now.at) - Date.parse(before.at)) / 1000;
  const more = now.requests - before.requests;
  return seconds > 0 && more >= 0 ? more / seconds : null;
}

let timer = 0;
let running = 0;

/** @param {number} mine */
async function ask(mine) {
  if (document.visibilityState === "visible") {
    try {
      const [now, page] = await Promise.all([api.get("overview"), api.get("sessions", { limit: SESSIONS })]);
      if (mine !== running) return;
      const rate = rateBetween(overview.peek(), now);
      if (rate !== null) rates.value = [...rates.peek(), rate].slice(-POINTS);
      overview.value = now;
      sessions.value = page.items;
      trouble.value = "";
    } catch (error) {
      if (mine !== running) return;
      trouble.value = error instanceof Error ? error.message : String(error);
    }
  }
  if (mine === running) timer = window.setTimeout(() => void ask(mine), EVERY_MS);
}

/** Ask from now on; returns what stops it. */
export function follow() {
  running += 1;
  void ask(running);
  const wake = () => {
    if (document.visibilityState !== "visible") return;
    clearTimeout(timer);
    running += 1;
    void ask(running);
  };
  document.addEventListener("visibilitychange", wake);
  return () => {
    running += 1;
    clearTimeout(timer);
    document.removeEventListener("visibilitychange", wake);
  };
}
