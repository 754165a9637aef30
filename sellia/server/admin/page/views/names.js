// Names: subdomains, wildcards and ports that are reserved or kept, and domains of accounts' own.
import { html } from "../ui/html.js";
import { toast } from "../ui/toast.js";
import * as api from "../state/api.js";
import { useList } from "../state/lists.js";
import { AccountField, AccountFilter, AccountName, close, confirm, dialog, Field, FormDialog, Listed, Text, When } from "./parts.js";

/** @typedef {import("../types").Name} Name */
/** @typedef {import("../types").Domain} Domain */

/** What kind of name a text is. @param {string} text */
export function kindOf(text) {
  return text.startsWith("*.") ? "wildcard" : text.includes("/") ? "port" : "subdomain";
}

/** @param {{ account: string, reload: () => Promise<void> }} props */
function Reserve({ account, reload }) {
  let chosen = account;
  const run = async (/** @type {FormData} */ fields) => {
    const name = String(fields.get("name")).trim();
    await api.send("POST", "names", { account: chosen || null, name, kind: kindOf(name), note: String(fields.get("note")), force: fields.get("force") !== null });
    await reload();
    close();
    toast(`${name} is reserved`);
  };
  return html`<${FormDialog} title="Reserve a name" go="Reserve it" run=${run} testid="reserve">
    <${Field} label="Name" name="name" required hint="Such as myapp, *.myapp, or tcp/20000." />
    <${AccountField} label="Account" value=${account} placeholder="nobody: it is taken out of use" onChange=${(/** @type {string} */ value) => (chosen = value)} />
    <${Field} label="Note" name="note" />
    <label class="check"><input type="checkbox" name="force" />Also if it is kept for whoever used it last</label>
  </${FormDialog}>`;
}

/** @param {{ account: string }} props */
function Domains({ account }) {
  const list = /** @type {ReturnType<typeof useList<Domain>>} */ (useList("domains", { account }));
  const columns = [
    { title: "Domain", cell: (/** @type {Domain} */ each) => html`<${Text} text=${each.domain} mono />` },
    { title: "Account", cell: (/** @type {Domain} */ each) => html`<${AccountName} id=${each.account} />` },
    { title: "Proof", cell: (/** @type {Domain} */ each) => (each.proved_at ? html`<span class="pill good">proved</span>` : html`<span class="stack"><span class="pill warn">waits for a record</span>${each.records.map((one) => html`<code key=${one.type}>${one.type} ${one.name} ${one.value}</code>`)}</span>`) },
    { title: "Since", cell: (/** @type {Domain} */ each) => html`<${When} at=${each.created_at} />` },
  ];
  return html`<h2>Domains</h2><${Listed} list=${list} columns=${columns} keyOf=${(/** @type {Domain} */ each) => each.domain} label="Domains" testid="domains" none="No account has a domain of its own." />`;
}

/** @param {{ account: string }} props */
export function NamesView({ account }) {
  const list = /** @type {ReturnType<typeof useList<Name>>} */ (useList("names", { account }));
  const release = (/** @type {Name} */ each) =>
    confirm({
      title: `Release ${each.name}?`,
      words: "Whoever asks for it first has it then.",
      go: "Release it",
      run: async () => {
        await api.send("DELETE", `names/${api.segment(each.kind)}/${api.segment(each.name)}`);
        await list.reload();
      },
      done: `${each.name} is released`,
    });
  const columns = [
    { title: "Name", cell: (/** @type {Name} */ each) => html`<${Text} text=${each.name} mono />` },
    { title: "Kind", cell: (/** @type {Name} */ each) => html`<span class="pill">${each.kind}</span>` },
    { title: "Account", cell: (/** @type {Name} */ each) => html`<${AccountName} id=${each.account} />` },
    { title: "State", cell: (/** @type {Name} */ each) => (each.expires_at ? html`<span class="pill warn">kept</span> <${When} at=${each.expires_at} />` : html`<span class="pill good">${each.account ? "reserved" : "out of use"}</span>`) },
    { title: "Note", cell: (/** @type {Name} */ each) => html`<${Text} text=${each.note} />` },
    ...(api.mayWrite() ? [{ title: "", class: "actions", cell: (/** @type {Name} */ each) => html`<button type="button" class="button danger" aria-label="Release ${each.name}" onClick=${() => release(each)}>Release</button>` }] : []),
  ];
  const reserve = () => (dialog.value = () => html`<${Reserve} account=${account} reload=${list.reload} />`);
  return html`<div class="bar"><h1>Names</h1><${AccountFilter} view="names" account=${account} />${api.mayWrite() && html`<button type="button" class="button primary" onClick=${reserve}>Reserve a name</button>`}</div>
    <${Listed} list=${list} columns=${columns} keyOf=${(/** @type {Name} */ each) => `${each.kind} ${each.name}`} label="Names" testid="names" none="No name is reserved." />
    <${Domains} account=${account} />`;
}
