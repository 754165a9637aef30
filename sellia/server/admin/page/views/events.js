// Events: what happened, the newest first, with what is new as it comes.
import { date, line } from "../ui/format.js";
import { html, useEffect, useRef, useState } from "../ui/html.js";
import * as api from "../state/api.js";
import { AccountFilter, AccountName, seconds, Table, Text } from "./parts.js";

/** @typedef {import("../types").Event} Event */

const EVERY_MS = 3000;
const PAGE = 100;
/** Events that are shown at most while new ones come. */
const MOST = 2000;

const GROUPS = [["", "all"], ["key", "keys"], ["session", "sessions"], ["tunnel", "tunnels"], ["account", "accounts"], ["name", "names"], ["domain", "domains"], ["limits", "limits"], ["admin", "sign-ins"], ["backup", "backups"]];

/** What an event says beside its subject. @param {Event["detail"]} detail */
export function told(detail) {
  return Object.entries(detail).filter(([, value]) => value !== null && value !== "").map(([name, value]) => `${name}=${value}`).join(" ");
}

/** @param {{ account: string }} props */
export function EventsView({ account }) {
  const [kind, setKind] = useState("");
  const [items, setItems] = useState(/** @type {Event[] | null} */ (null));
  const [more, setMore] = useState(false);
  const [trouble, setTrouble] = useState("");
  const turn = useRef(0);
  const latest = useRef(items);
  latest.current = items;

  /** @param {number} mine @param {"first" | "new" | "older"} which */
  const load = async (mine, which) => {
    const have = latest.current ?? [];
    const about = { account, kind, limit: PAGE };
    try {
      const page = which === "new" && have.length ? await api.get("events", { ...about, after: have[0]?.id ?? 0 }) : await api.get("events", { ...about, newest: true, before: which === "older" ? have.at(-1)?.id : null });
      if (mine !== turn.current) return;
      if (which === "new" && have.length) setItems([...page.items.reverse(), ...have].slice(0, Math.max(MOST, have.length)));
      else {
        setItems(which === "older" ? [...have, ...page.items] : page.items);
        setMore(page.items.length === PAGE);
      }
      setTrouble("");
    } catch (error) {
      if (mine === turn.current) setTrouble(error instanceof Error ? error.message : String(error));
    }
  };
  useEffect(() => {
    turn.current += 1;
    const mine = turn.current;
    latest.current = null;
    void load(mine, "first");
    const timer = setInterval(() => document.visibilityState === "visible" && void load(mine, "new"), EVERY_MS);
    return () => {
      turn.current += 1;
      clearInterval(timer);
    };
  }, [account, kind]);

  const columns = [
    { title: "At", cell: (/** @type {Event} */ each) => html`<time datetime=${each.at} class="nowrap">${date(seconds(each.at)).split(".")[0]}</time>` },
    { title: "What", cell: (/** @type {Event} */ each) => html`<span class="mono">${line(each.kind)}</span>` },
    { title: "Account", cell: (/** @type {Event} */ each) => html`<${AccountName} id=${each.account} />` },
    { title: "Key", cell: (/** @type {Event} */ each) => html`<${Text} text=${each.key_prefix} mono />` },
    { title: "From", cell: (/** @type {Event} */ each) => html`<${Text} text=${each.address} mono />` },
    { title: "Subject", cell: (/** @type {Event} */ each) => html`<${Text} text=${each.subject} mono />` },
    { title: "Detail", cell: (/** @type {Event} */ each) => html`<${Text} text=${told(each.detail)} limit=${160} />` },
  ];
  return html`<div class="bar"><h1>Events</h1><${AccountFilter} view="events" account=${account} />
      <label><span class="label">About</span><select class="field" value=${kind} onChange=${(/** @type {{ currentTarget: HTMLSelectElement }} */ event) => setKind(event.currentTarget.value)}>
        ${GROUPS.map(([value, text]) => html`<option key=${value} value=${value}>${text}</option>`)}</select></label></div>
    ${trouble && html`<p class="note bad" role="alert">${line(trouble, 400)}</p>`}
    ${items === null && !trouble && html`<p class="muted" aria-busy="true">One moment.</p>`}
    ${items?.length === 0 && html`<p class="nothing">Nothing has happened.</p>`}
    ${items && items.length > 0 && html`<${Table} label="Events" columns=${columns} items=${items} keyOf=${(/** @type {Event} */ each) => each.id} testid="events" />`}
    ${more && html`<p><button type="button" class="button" onClick=${() => void load(turn.current, "older")}>Show older ones</button></p>`}`;
}
