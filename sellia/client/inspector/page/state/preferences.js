// What the reader has chosen for this page; only the theme outlives it.
import { signal } from "../ui/html.js";

/** Whether what leaves the page (copies, HAR files, tests) has its secrets replaced. On at every start, on purpose. */
export const redact = signal(true);

/** What a WebSocket's timeline shows besides messages. */
export const showControl = signal(false);
export const showFragments = signal(false);

/** Share of the window that the list has beside an exchange, in percent. */
export const listShare = signal(42);
