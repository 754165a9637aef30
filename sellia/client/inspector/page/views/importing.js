// Takes in a HAR file.
import { html, useState } from "../ui/html.js";
import { Dialog } from "../ui/controls.js";
import { actions } from "./actions.js";
import { hide } from "./dialogs.js";

export function ImportDialog() {
  const [busy, setBusy] = useState(false);
  const take = async (/** @type {File | undefined} */ file) => {
    if (!file) return;
    setBusy(true);
    await actions.importHar(file);
    hide();
  };
  return html`<${Dialog} title="Import a HAR file" onClose=${hide} testid="import">
    <p class="muted">Its requests and WebSockets appear in the list, marked as imported. They can be looked at, replayed to your service, and saved as tests.</p>
    <input type="file" aria-label="HAR file" accept=".har,application/json" disabled=${busy} onChange=${(/** @type {any} */ event) => take(event.target.files[0])} />
  <//>`;
}
