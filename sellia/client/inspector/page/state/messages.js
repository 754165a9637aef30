// The messages of the WebSocket that is open, followed as they come. Together with what the gap counts they are all that passed.
import { batch, effect, signal, untracked } from "../ui/html.js";
import * as api from "./api.js";
import { detail } from "./opened.js";

/** @typedef {import("../types").Message} Message */
/** @typedef {import("../types").Gap} Gap */

/** Messages in one answer. */
const PAGE = 2000;

/** @type {import("../ui/html.js").Signal<Message[]>} */
export const messages = signal(/** @type {Message[]} */ ([]));
/** @type {import("../ui/html.js").Signal<Message[]>} */
export const underWay = signal(/** @type {Message[]} */ ([]));
/** @type {import("../ui/html.js").Signal<Gap | null>} */
export const gap = signal(/** @type {any} */ (null));
export const loading = signal(false);
export const failure = signal("");

let id = /** @type {string | null} */ (null);
let busy = false;
let again = false;

export function start() {
  effect(() => {
    const exchange = detail.value;
    untracked(() => look(exchange?.timeline ? exchange.id : null));
  });
}

/** @param {string | null} socket */
function look(socket) {
  if (socket !== id) {
    id = socket;
    batch(() => {
      messages.value = [];
      underWay.value = [];
      gap.value = null;
      failure.value = "";
      loading.value = socket !== null;
    });
  }
  if (socket !== null) void follow(socket);
}

/**
 * What is shown of the messages that are known, now that the gap has grown.
 * @param {Message[]} known @param {Gap | null} found
 */
export function outside(known, found) {
  if (!found?.frames) return known;
  const end = found.begin + found.frames;
  return known.some((each) => each.number >= found.begin && each.number < end) ? known.filter((each) => each.number < found.begin || each.number >= end) : known;
}

/** @param {string} mine */
async function follow(mine) {
  if (busy) {
    again = true;
    return;
  }
  busy = true;
  try {
    do {
      again = false;
      for (;;) {
        const after = messages.peek().at(-1)?.number ?? -1;
        const found = await api.get(`/api/exchanges/${encodeURIComponent(mine)}/messages`, { after, limit: PAGE, decoded: true });
        if (mine !== id) return;
        batch(() => {
          const known = found.messages.length ? messages.peek().concat(found.messages) : messages.peek();
          messages.value = outside(known, found.gap);
          underWay.value = found.under_way;
          gap.value = found.gap;
          failure.value = "";
        });
        if (found.messages.length < PAGE) break;
      }
    } while (again);
  } catch (error) {
    if (mine === id) failure.value = error instanceof Error ? error.message : String(error);
  } finally {
    busy = false;
    if (mine === id) loading.value = false;
    else if (id !== null) void follow(id);
  }
}
