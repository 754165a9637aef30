// The bar on top: the tunnels, the link, and what concerns the page as a whole.
import { copy } from "../ui/copy.js";
import { duration, line } from "../ui/format.js";
import { html } from "../ui/html.js";
import { Menu } from "../ui/controls.js";
import { Icon } from "../ui/icons.js";
import { setTheme, theme } from "../ui/theme.js";
import { holds } from "../state/holds.js";
import { connection, status } from "../state/live.js";
import { redact } from "../state/preferences.js";
import { show } from "./dialogs.js";

/** @param {import("../types").Tunnel} tunnel */
function targetOf(tunnel) {
  return tunnel.targets.map((each) => (each.path === "/" || !each.path ? each.target : `${each.path} → ${each.target}`)).join(", ");
}

function Tunnels() {
  const tunnels = status.value?.tunnels ?? [];
  const [first, ...others] = tunnels;
  if (!first) return html`<div class="tunnels"></div>`;
  const text = first.url ?? first.name;
  return html`<div class="tunnels">
    <button class="tunnel" title="Copy ${line(text)}" onClick=${() => copy(text, "URL")}>
      <span class="cut mono">${line(text)}</span><span class="to cut">→ ${line(targetOf(first))}</span><${Icon} name="copy" />
    </button>
    ${others.length > 0 &&
    html`<${Menu} left label="All tunnels" text="+${others.length}" items=${tunnels.map((each) => ({ label: line(`${each.url ?? each.name}  →  ${targetOf(each)}`), run: () => copy(each.url ?? each.name, "URL") }))} />`}
  </div>`;
}

function LinkState() {
  const link = status.value?.link;
  if (connection.value !== "live" || !link) return null;
  const [tone, words] = link.state === "up" ? ["good", "Connected"] : link.state === "lost" ? ["bad", "Link lost"] : ["warn", "Connecting"];
  const trip = link.round_trip === null ? "" : duration(link.round_trip);
  return html`<span class="linkstate" title="Link to ${line(status.value?.server ?? "the server")}${link.reason ? `: ${line(link.reason)}` : ""}">
    <span class="dot ${tone}"></span><span class="words">${words}</span>${trip && html`<span>${trip}</span>`}
  </span>`;
}

const THEMES = /** @type {const} */ ({ auto: ["auto", "as the system", "light"], light: ["sun", "light", "dark"], dark: ["moon", "dark", "auto"] });

export function Topbar() {
  const [icon, words, next] = THEMES[theme.value];
  const stopped = holds.value.holds.length;
  return html`<header class="topbar">
    <div class="brand"><img src="icon.svg" alt="" /><span>Sellia</span></div>
    <${Tunnels} />
    <${LinkState} />
    <button class="icon" aria-label="Hidden secrets" aria-pressed=${String(redact.value)} data-testid="redact"
      title=${redact.value ? "Secrets are replaced in all that leaves this page: copies, files, tests" : "Secrets leave this page as they are"}
      onClick=${() => (redact.value = !redact.value)}><${Icon} name="shield" /></button>
    <button class="icon" aria-label="Holds" aria-pressed=${String(stopped > 0)} title="Holds: stop requests and messages on their way (h)" onClick=${() => show({ name: "holds" })}><${Icon} name="hand" /></button>
    <button class="icon" aria-label="Compose" title="Compose a request (c)" onClick=${() => show({ name: "compose" })}><${Icon} name="plus" /></button>
    <button class="icon" aria-label="Colours: ${words}" title="Colours: ${words}" onClick=${() => setTheme(next)}><${Icon} name=${icon} /></button>
    <button class="icon" aria-label="Help" title="Keys and words (?)" onClick=${() => show({ name: "help" })}><${Icon} name="help" /></button>
  </header>`;
}

/** What the reader must know about the page's own connection. @param {{ onRetry: () => void, refusal: string }} props */
export function ConnectionBanner({ onRetry, refusal }) {
  const state = connection.value;
  if (state === "lost")
    return html`<div class="banner bad" role="alert" data-testid="lost"><${Icon} name="warn" /><span class="grow">The client does not answer. What is shown is what was known; this page goes on by itself when it is back.</span>
      <button class="button" onClick=${onRetry}>Try now</button></div>`;
  if (state === "refused")
    return html`<div class="banner bad" role="alert" data-testid="refused"><${Icon} name="warn" /><span class="grow">The client does not let this page in: ${line(refusal, 400)} If it was started anew, open the address that it has printed.</span>
      <button class="button" onClick=${onRetry}>Try now</button></div>`;
  const link = status.value?.link;
  if (state === "live" && link?.state === "lost")
    return html`<div class="banner" role="status" data-testid="link-lost"><${Icon} name="warn" /><span class="grow">The link to ${line(status.value?.server ?? "the server")} is lost${link.reason ? `: ${line(link.reason, 300)}` : ""}. Visitors wait; the client is connecting again.</span></div>`;
  return null;
}
