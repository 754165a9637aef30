// The admin page: who may connect to a server, what is there now, and what happened.
import { date, line } from "./ui/format.js";
import { html, render, useEffect, useErrorBoundary } from "./ui/html.js";
import { Icon } from "./ui/icons.js";
import { failed, Toasts, watchErrors } from "./ui/toast.js";
import { apply as applyTheme, setTheme, theme } from "./ui/theme.js";
import { loadAccounts } from "./state/accounts.js";
import { here, look, mayWrite, signOut } from "./state/api.js";
import { follow, overview } from "./state/live.js";
import { place, VIEWS } from "./state/place.js";
import { AccountsView } from "./views/accounts.js";
import { EventsView } from "./views/events.js";
import { KeysView } from "./views/keys.js";
import { NamesView } from "./views/names.js";
import { OverviewView } from "./views/overview.js";
import { dialog, seconds } from "./views/parts.js";
import { SessionsView } from "./views/sessions.js";
import { SignInView } from "./views/sign_in.js";
import { UsageView } from "./views/usage.js";

const THEMES = /** @type {const} */ ({ auto: ["auto", "as the system", "light"], light: ["sun", "light", "dark"], dark: ["moon", "dark", "auto"] });

function View() {
  const { view, account } = place.value;
  switch (view) {
    case "sessions":
      return html`<${SessionsView} account=${account} />`;
    case "accounts":
      return html`<${AccountsView} />`;
    case "keys":
      return html`<${KeysView} account=${account} />`;
    case "names":
      return html`<${NamesView} account=${account} />`;
    case "events":
      return html`<${EventsView} account=${account} />`;
    case "usage":
      return html`<${UsageView} account=${account} />`;
    default:
      return html`<h1 class="sr-only">Overview</h1><${OverviewView} />`;
  }
}

function Topbar() {
  const [icon, words, next] = THEMES[theme.value];
  const who = here.value;
  const leave = () => signOut().catch((error) => failed(error, "Signing out"));
  return html`<header class="topbar">
    <div class="brand"><img src="icon.svg" alt="" /><span>Sellia admin</span></div>
    <span class="grow"></span>
    ${overview.value && html`<span class="muted version">${line(overview.value.version)}</span>`}
    <span class="who cut" title=${who?.ends_at ? `Signed in until ${date(seconds(who.ends_at))} at most` : ""}><bdi class="mono">${line(who?.prefix ?? "")}</bdi>${!mayWrite() && html` <span class="pill">sees, changes nothing</span>`}</span>
    <button type="button" class="icon" aria-label="Colours: ${words}" title="Colours: ${words}" onClick=${() => setTheme(next)}><${Icon} name=${icon} /></button>
    <button type="button" class="button" onClick=${leave}>Sign out</button>
  </header>`;
}

function Shell() {
  useEffect(() => {
    loadAccounts().catch((error) => failed(error, "Looking for accounts"));
    return follow();
  }, []);
  const { view } = place.value;
  useEffect(() => {
    document.title = `${VIEWS.find(([id]) => id === view)?.[1]} – Sellia admin`;
  }, [view]);
  return html`<${Topbar} />
    <nav class="views" aria-label="Views">${VIEWS.map(([id, name]) => html`<a key=${id} href="#/${id}" aria-current=${id === view ? "page" : undefined}>${name}</a>`)}</nav>
    <main class="view"><${View} key=${view} /></main>
    ${dialog.value?.()}`;
}

function App() {
  const [fault, clear] = useErrorBoundary((error) => console.error(error));
  if (fault)
    return html`<main class="nothing" role="alert"><h1>This page has a fault</h1><p><code>${String(fault.message ?? fault)}</code></p>
      <p><button type="button" class="button primary" onClick=${clear}>Go on</button> <button type="button" class="button" onClick=${() => location.reload()}>Reload</button></p></main>`;
  const who = here.value;
  return html`${who === null ? html`<main class="nothing" aria-busy="true"><h1 class="sr-only">Sellia admin</h1></main>` : who.signed_in ? html`<${Shell} />` : html`<${SignInView} />`}<${Toasts} />`;
}

watchErrors();
applyTheme();
const root = document.getElementById("app");
if (root) render(html`<${App} />`, root);
look().catch((error) => failed(error, "Looking who is signed in"));
