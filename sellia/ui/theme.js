// Light, dark, or as the system has it; remembered by the browser.
import { signal } from "./html.js";

/** @typedef {"auto" | "light" | "dark"} Theme */

const KEY = "sellia-theme";

/** @returns {Theme} */
function remembered() {
  try {
    const found = localStorage.getItem(KEY);
    return found === "light" || found === "dark" ? found : "auto";
  } catch {
    return "auto";
  }
}

export const theme = signal(remembered());

/** @param {Theme} wanted */
export function setTheme(wanted) {
  theme.value = wanted;
  apply();
  try {
    localStorage.setItem(KEY, wanted);
  } catch {
    // The browser keeps nothing for this page: the choice holds until it is closed.
  }
}

export function apply() {
  if (theme.value === "auto") delete document.documentElement.dataset.theme;
  else document.documentElement.dataset.theme = theme.value;
}
