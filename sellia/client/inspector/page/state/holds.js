// Holds: filters at which requests or messages are stopped, and what is stopped now.
import { signal } from "../ui/html.js";

/** @type {import("../ui/html.js").Signal<import("../types").Holds>} */
export const holds = signal({ holds: [], held: [] });

/** @param {import("../types").Holds} told */
export function takeHolds(told) {
  holds.value = told;
}
