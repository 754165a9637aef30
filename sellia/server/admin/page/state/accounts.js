// Names of accounts, by their ids: lists say the id.
import { signal } from "../ui/html.js";
import * as api from "./api.js";

/** @typedef {import("../types").Account} Account */

const MOST = 1000;

/** @type {import("../ui/html.js").Signal<Account[]>} */
export const accounts = signal(/** @type {Account[]} */ ([]));

export async function loadAccounts() {
  accounts.value = (await api.get("accounts", { limit: MOST })).items;
}

/** What an account is called; its id where that is not known. @param {string | null} id */
export function nameOf(id) {
  if (id === null) return "";
  return accounts.value.find((each) => each.id === id)?.name ?? id;
}
