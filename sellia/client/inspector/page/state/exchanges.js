// The exchanges that the page knows, newest first, and which of them the list shows.
//
// While the list is paused, or scrolled away from its top, nothing moves in it: what is new is counted instead. Entries that
// are shown go on changing.
import { batch, computed, signal } from "../ui/html.js";

/** @typedef {import("../types").Summary} Summary */

/** @type {Map<string, Summary>} */
const entries = new Map();
/** Ids that match the filter, oldest first. @type {string[]} */
let order = [];

/** Grows with each change to the entries. */
export const revision = signal(0);
/** Whether the first answer for the filter has come. */
export const loaded = signal(false);
/** Whether the reader has paused the list. */
export const paused = signal(false);
/** Whether the list is scrolled away from its top. */
export const scrolled = signal(false);
/** The newest id that is shown while nothing moves; null: all are shown. */
const held = signal(/** @type {string | null} */ (null));
/** Ids that are marked, for doing something with several. */
export const marked = signal(/** @type {ReadonlySet<string>} */ (new Set()));

/** @param {string} id */
function number(id) {
  return Number(id);
}

/** @param {string | null} id place of the first id above it in `order` */
function placeAfter(id) {
  if (id === null) return order.length;
  let low = 0;
  let high = order.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (number(order[middle] ?? "") <= number(id)) low = middle + 1;
    else high = middle;
  }
  return low;
}

/** How many are shown. */
export const shown = computed(() => {
  revision.value;
  return placeAfter(held.value);
});

/** How many have come since the list stopped moving. */
export const unseen = computed(() => {
  revision.value;
  return order.length - placeAfter(held.value);
});

/** How many match the filter. */
export const total = computed(() => {
  revision.value;
  return order.length;
});

/**
 * The id at a place of the list, from its top.
 * @param {number} index
 */
export function idAt(index) {
  return order[shown.peek() - 1 - index];
}

/** @param {string | null} id @returns {number} its place from the top; -1: it is not shown */
export function placeOf(id) {
  if (id === null) return -1;
  const after = placeAfter(id);
  return order[after - 1] === id && after <= shown.peek() ? shown.peek() - after : -1;
}

/** @param {string} id */
export function entry(id) {
  return entries.get(id);
}

/** Ids that match the filter, newest first. */
export function all() {
  return order.slice(0, shown.peek()).reverse();
}

/** Stop or go on moving, as pause and scrolling say. */
export function settle() {
  const still = paused.value || scrolled.value;
  if (still && held.value === null) held.value = order.at(-1) ?? "0";
  else if (!still) held.value = null;
}

/** @param {boolean} on */
export function pause(on) {
  batch(() => {
    paused.value = on;
    settle();
  });
}

/** Show what is new. */
export function showNew() {
  batch(() => {
    if (paused.value || scrolled.value) held.value = order.at(-1) ?? "0";
  });
}

/**
 * Take entries that are new or have changed, and forget those that are gone.
 * @param {Summary[]} changed
 * @param {(string | number)[]} gone
 */
export function take(changed, gone = []) {
  let sorted = true;
  let last = number(order.at(-1) ?? "0");
  for (const each of changed) {
    const known = entries.get(each.id);
    if (known && known.version > each.version) continue;
    entries.set(each.id, each);
    if (known) continue;
    order.push(each.id);
    if (number(each.id) < last) sorted = false;
    last = number(each.id);
  }
  if (!sorted) order.sort((one, other) => number(one) - number(other));
  if (gone.length) {
    const missing = new Set(gone.map(String));
    for (const id of missing) entries.delete(id);
    order = order.filter((id) => !missing.has(id));
    if ([...marked.value].some((id) => missing.has(id))) mark([...marked.value].filter((id) => !missing.has(id)));
  }
  if (changed.length || gone.length) revision.value += 1;
}

/** Forget all, as for another filter. */
export function forget() {
  entries.clear();
  order = [];
  batch(() => {
    loaded.value = false;
    held.value = null;
    marked.value = new Set();
    revision.value += 1;
  });
}

/**
 * Forget what a full answer does not know, but for what is newer than it.
 * @param {ReadonlySet<string>} known
 */
export function keepOnly(known) {
  let newest = 0;
  for (const id of known) newest = Math.max(newest, number(id));
  const gone = order.filter((id) => !known.has(id) && number(id) <= newest);
  take([], gone);
}

/** @param {Iterable<string>} ids */
export function mark(ids) {
  marked.value = new Set(ids);
}

/** @param {string} id */
export function toggleMark(id) {
  const found = new Set(marked.value);
  if (!found.delete(id)) found.add(id);
  marked.value = found;
}

/**
 * Mark all from one to another.
 * @param {string | null} from
 * @param {string} to
 */
export function markRange(from, to) {
  const ends = [placeOf(from), placeOf(to)];
  const [first, last] = [Math.min(...ends), Math.max(...ends)];
  if (first < 0) {
    toggleMark(to);
    return;
  }
  const found = new Set(marked.value);
  for (let index = first; index <= last; index += 1) found.add(/** @type {string} */ (idAt(index)));
  marked.value = found;
}
