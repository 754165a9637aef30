// The line at the foot: how much is shown, how much is kept, and what was let go of.
import { bytes, count } from "../ui/format.js";
import { html } from "../ui/html.js";
import { filter } from "../state/address.js";
import * as exchanges from "../state/exchanges.js";
import { connection, lost, status } from "../state/live.js";

export function StatusBar() {
  const kept = status.value?.store;
  const gone = lost.value;
  return html`<footer class="statusbar">
    <span data-testid="count">${exchanges.total.value.toLocaleString("en")} ${filter.value ? "match" : exchanges.total.value === 1 ? "entry" : "entries"}</span>
    ${gone.exchanges > 0 && html`<span class="warn" data-testid="let-go">${count(gone.exchanges, "older one")} let go of (${bytes(gone.bytes)}), to stay within ${bytes(kept?.memory)}</span>`}
    <span class="grow"></span>
    ${exchanges.paused.value && html`<span class="pill warn">paused</span>`}
    ${connection.value === "connecting" && html`<span>connecting …</span>`}
    ${status.value?.recording && html`<span class="wide">recording to ${status.value.recording}</span>`}
    <span class="wide">Sellia ${status.value?.version ?? ""}</span>
  </footer>`;
}
