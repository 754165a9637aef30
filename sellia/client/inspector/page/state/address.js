// The page's address: the filter and the exchange that is open, so that a link leads to the same view and Back goes back.
import { batch, signal } from "../ui/html.js";

export const filter = signal("");
export const openId = signal(/** @type {string | null} */ (null));

function read() {
  const query = new URLSearchParams(location.search);
  batch(() => {
    filter.value = query.get("filter") ?? "";
    openId.value = query.get("exchange");
  });
}

/** @param {boolean} push whether Back leads to what was shown before */
function write(push) {
  const query = new URLSearchParams();
  if (filter.value) query.set("filter", filter.value);
  if (openId.value) query.set("exchange", openId.value);
  const text = query.toString();
  const address = `${location.pathname}${text ? `?${text}` : ""}`;
  if (address === location.pathname + location.search) return;
  if (push) history.pushState(null, "", address);
  else history.replaceState(null, "", address);
}

export function start() {
  read();
  // The token has become a cookie by now: keep it out of what is copied and bookmarked.
  write(false);
  window.addEventListener("popstate", read);
}

/** @param {string} text */
export function setFilter(text) {
  filter.value = text;
  write(false);
}

/** @param {string | null} id */
export function open(id) {
  if (openId.value === id) return;
  const push = openId.value === null || id === null;
  openId.value = id;
  write(push);
}
