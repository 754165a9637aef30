// What every module of a page is written with: Preact's components in htm's templates, over signals.
import htm from "./vendor/htm.js";
import { Component, Fragment, h, render } from "./vendor/preact.js";
import { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect } from "./vendor/signals.js";

export const html = htm.bind(h);
export { Component, Fragment, render };
export { useCallback, useEffect, useErrorBoundary, useLayoutEffect, useMemo, useRef, useState } from "./vendor/hooks.js";
/** @template T @typedef {import("./vendor/signals.js").Signal<T>} Signal */
export { batch, computed, effect, signal, untracked, useComputed, useSignal, useSignalEffect };

/**
 * Names of classes, joined: `classes("row", { open })`.
 * @param {...(string | false | null | undefined | Record<string, unknown>)} names
 */
export function classes(...names) {
  const found = [];
  for (const name of names) {
    if (!name) continue;
    if (typeof name === "string") found.push(name);
    else for (const [key, on] of Object.entries(name)) if (on) found.push(key);
  }
  return found.join(" ");
}
