// Accounts: made, closed and opened again.
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import * as api from "../state/api.js";
import { loadAccounts } from "../state/accounts.js";
import { useList } from "../state/lists.js";
import { go } from "../state/place.js";
import { close, confirm, dialog, Field, FormDialog, Listed, Text, When } from "./parts.js";

/** @typedef {import("../types").Account} Account */

export function AccountsView() {
  const list = /** @type {ReturnType<typeof useList<Account>>} */ (useList("accounts"));
  const again = async () => {
    await Promise.all([list.reload(), loadAccounts()]);
  };
  const create = () => {
    const run = async (/** @type {FormData} */ fields) => {
      const name = String(fields.get("name")).trim();
      await api.send("POST", "accounts", { name, limits: String(fields.get("limits")).trim() || null, note: String(fields.get("note")) });
      await again();
      close();
      toast(`The account ${name} was made`);
    };
    dialog.value = () => html`<${FormDialog} title="New account" go="Make it" run=${run} testid="new-account">
      <${Field} label="Name" name="name" required hint="A person or a team." />
      <${Field} label="Class of limits" name="limits" placeholder="default" />
      <${Field} label="Note" name="note" /></${FormDialog}>`;
  };
  const shut = (/** @type {Account} */ each) =>
    confirm({
      title: `Close ${each.name}?`,
      words: "All of its keys open nothing from now on, and its sessions end. Its names stay reserved. It can be opened again.",
      go: "Close it",
      run: async () => {
        await api.send("PATCH", `accounts/${api.segment(each.id)}`, { closed: true });
        await again();
      },
      done: `${each.name} is closed`,
    });
  const reopen = async (/** @type {Account} */ each) => {
    try {
      await api.send("PATCH", `accounts/${api.segment(each.id)}`, { closed: false });
      await again();
      toast(`${each.name} is open again`);
    } catch (error) {
      toast(error instanceof Error ? error.message : String(error), "bad");
    }
  };
  const columns = [
    { title: "Name", cell: (/** @type {Account} */ each) => html`<${Text} text=${each.name} />` },
    { title: "State", cell: (/** @type {Account} */ each) => (each.closed_at ? html`<span class="pill bad">closed</span>` : html`<span class="pill good">open</span>`) },
    { title: "Limits", cell: (/** @type {Account} */ each) => html`<${Text} text=${each.limits} />` },
    { title: "Note", cell: (/** @type {Account} */ each) => html`<${Text} text=${each.note} />` },
    { title: "Made", cell: (/** @type {Account} */ each) => html`<${When} at=${each.created_at} />` },
    {
      title: "",
      class: "actions",
      cell: (/** @type {Account} */ each) => html`<button type="button" class="button" aria-label="Keys of ${each.name}" onClick=${() => go("keys", each.name)}>Keys</button>
        <button type="button" class="button" aria-label="Usage of ${each.name}" onClick=${() => go("usage", each.name)}>Usage</button>
        ${api.mayWrite() && (each.closed_at
          ? html`<button type="button" class="button" aria-label="Open ${each.name} again" onClick=${() => void reopen(each)}>Open again</button>`
          : html`<button type="button" class="button danger" aria-label="Close ${each.name}" onClick=${() => shut(each)}>Close</button>`)}`,
    },
  ];
  return html`<div class="bar"><h1>Accounts</h1><span class="grow"></span>${api.mayWrite() && html`<button type="button" class="button primary" onClick=${create}>New account</button>`}</div>
    <${Listed} list=${list} columns=${columns} keyOf=${(/** @type {Account} */ each) => each.id} label="Accounts" testid="accounts" none="There is no account yet." />`;
}
