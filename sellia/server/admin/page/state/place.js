// Which view is open: in the address, so that it can be linked to and gone back from.
import { signal } from "../ui/html.js";

/** @type {[id: string, name: string][]} */
export const VIEWS = [
  ["overview", "Overview"],
  ["sessions", "Sessions"],
  ["accounts", "Accounts"],
  ["keys", "Keys"],
  ["names", "Names"],
  ["events", "Events"],
  ["usage", "Usage"],
];

function named() {
  const [view, query] = location.hash.replace(/^#\/?/, "").split("?");
  const known = VIEWS.some(([id]) => id === view) ? /** @type {string} */ (view) : "overview";
  return { view: known, account: new URLSearchParams(query ?? "").get("account") ?? "" };
}

/** The view, and the account that it is about; empty for all. */
export const place = signal(named());

window.addEventListener("hashchange", () => (place.value = named()));

/** @param {string} view @param {string} [account] */
export function go(view, account = "") {
  location.hash = account ? `/${view}?account=${encodeURIComponent(account)}` : `/${view}`;
}
