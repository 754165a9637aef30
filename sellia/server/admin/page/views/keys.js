// Keys: made and shown once, replaced, revoked.
import { copy } from "../ui/copy.js";
import { html } from "../ui/html.js";
import { Dialog } from "../ui/controls.js";
import * as api from "../state/api.js";
import { nameOf } from "../state/accounts.js";
import { useList } from "../state/lists.js";
import { AccountField, AccountFilter, AccountName, close, confirm, dialog, Field, FormDialog, Listed, Text, When } from "./parts.js";

/** @typedef {import("../types").Key} Key */

const SCOPES = ["http", "tcp", "udp", "tls", "admin:read", "admin:write"];
const TONES = { active: "good", expired: "warn", revoked: "bad" };
const OVERLAPS = [["0", "none: it ends now"], ["3600", "an hour"], ["86400", "a day"], ["604800", "a week"]];

/** The words of a list that was typed. @param {FormDataEntryValue | null} text */
export function words(text) {
  return String(text ?? "").split(/[\s,]+/).filter(Boolean);
}

/** The only time that a key is shown. @param {{ made: import("../types").CreatedKey }} props */
function Shown({ made }) {
  return html`<${Dialog} title="The key, this once" onClose=${close} testid="shown-key"
    footer=${html`<button type="button" class="button" onClick=${() => void copy(made.key, "Key")}>Copy</button><button type="button" class="button primary" onClick=${close}>I have stored it</button>`}>
    <p>Store it now: the server has its SHA-256 alone, and nobody can see it again.</p>
    <code class="secret" data-testid="secret">${made.key}</code>
    <p class="hint">On the machine that is to use it: <code>sellia auth login</code></p>
  </${Dialog}>`;
}

/** @param {import("../types").CreatedKey} made */
function show(made) {
  dialog.value = () => html`<${Shown} made=${made} />`;
}

/** @param {{ account: string, reload: () => Promise<void> }} props */
function NewKey({ account, reload }) {
  let chosen = account;
  const run = async (/** @type {FormData} */ fields) => {
    const expires = String(fields.get("expires"));
    const made = await api.send("POST", "keys", {
      account: chosen,
      name: String(fields.get("name")).trim() || "key",
      scopes: fields.getAll("scope"),
      names: words(fields.get("names")),
      networks: words(fields.get("networks")),
      expires_at: expires ? new Date(`${expires}T23:59:59`).toISOString() : null,
    });
    show(made);
    await reload();
  };
  return html`<${FormDialog} title="New key" go="Make it" run=${run} testid="new-key">
    <${AccountField} label="Account" value=${account} required onChange=${(/** @type {string} */ value) => (chosen = value)} />
    <${Field} label="Name" name="name" placeholder="laptop" hint="What it is for; seen in lists only." />
    <fieldset><legend class="label">What it may do</legend><div class="row-of">${SCOPES.map(
      (scope) => html`<label key=${scope} class="check"><input type="checkbox" name="scope" value=${scope} defaultChecked=${scope === "http"} />${scope}</label>`,
    )}</div></fieldset>
    <${Field} label="Names that it may have" name="names" placeholder="any" hint="Names and patterns such as app-*, with spaces between them." />
    <${Field} label="Networks that it may come from" name="networks" placeholder="any" hint="Such as 198.51.100.0/24." />
    <${Field} label="Last day" name="expires" type="date" hint="None: it does not expire." />
  </${FormDialog}>`;
}

/** @param {{ each: Key, reload: () => Promise<void> }} props */
function Rotate({ each, reload }) {
  const run = async (/** @type {FormData} */ fields) => {
    const made = await api.send("POST", `keys/${api.segment(each.id)}/rotate`, { overlap_seconds: Number(fields.get("overlap")) });
    show(made);
    await reload();
  };
  return html`<${FormDialog} title="Replace ${each.prefix}…?" go="Replace it" run=${run} testid="rotate-key">
    <p>A new key with the same rights takes its place, and is shown once.</p>
    <label><span class="label">For how long the old one stays valid beside it</span>
      <select class="field" name="overlap">${OVERLAPS.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label>
  </${FormDialog}>`;
}

/** @param {{ account: string }} props */
export function KeysView({ account }) {
  const list = /** @type {ReturnType<typeof useList<Key>>} */ (useList("keys", { account }));
  const revoke = (/** @type {Key} */ each) =>
    confirm({
      title: `Revoke ${each.prefix}…?`,
      words: `The key "${each.name}" of ${nameOf(each.account)} opens nothing any more, and its sessions end within a second. This cannot be taken back.`,
      go: "Revoke it",
      run: async () => {
        await api.send("DELETE", `keys/${api.segment(each.id)}`);
        await list.reload();
      },
      done: "The key is revoked",
    });
  const columns = [
    { title: "Key", cell: (/** @type {Key} */ each) => html`<${Text} text=${each.prefix} mono />` },
    { title: "Name", cell: (/** @type {Key} */ each) => html`<${Text} text=${each.name} limit=${40} />` },
    { title: "Account", cell: (/** @type {Key} */ each) => html`<${AccountName} id=${each.account} />` },
    { title: "State", cell: (/** @type {Key} */ each) => html`<span class="pill ${TONES[each.state]}" title=${each.revoked_reason}>${each.state}</span>` },
    { title: "May", cell: (/** @type {Key} */ each) => html`<${Text} text=${each.scopes.join(", ")} />` },
    { title: "Names", cell: (/** @type {Key} */ each) => html`<${Text} text=${each.names.join(", ") || "any"} mono />` },
    { title: "Last use", cell: (/** @type {Key} */ each) => html`<${When} at=${each.last_used_at} none="never" />${each.last_used_from ? html` <span class="muted mono">${each.last_used_from}</span>` : null}` },
    { title: "Expires", cell: (/** @type {Key} */ each) => html`<${When} at=${each.expires_at} none="never" />` },
    ...(api.mayWrite() ? [{
      title: "",
      class: "actions",
      cell: (/** @type {Key} */ each) => each.state === "active" && html`
        <button type="button" class="button" aria-label="Replace the key ${each.prefix}" onClick=${() => (dialog.value = () => html`<${Rotate} each=${each} reload=${list.reload} />`)}>Replace</button>
        <button type="button" class="button danger" aria-label="Revoke the key ${each.prefix}" onClick=${() => revoke(each)}>Revoke</button>`,
    }] : []),
  ];
  const create = () => (dialog.value = () => html`<${NewKey} account=${account} reload=${list.reload} />`);
  return html`<div class="bar"><h1>Keys</h1><${AccountFilter} view="keys" account=${account} />${api.mayWrite() && html`<button type="button" class="button primary" onClick=${create}>New key</button>`}</div>
    <${Listed} list=${list} columns=${columns} keyOf=${(/** @type {Key} */ each) => each.id} label="Keys" testid="keys" none="There is no key." />`;
}
