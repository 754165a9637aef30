// Signing in, with an admin key.
import { line } from "../ui/format.js";
import { html, useState } from "../ui/html.js";
import { farewell, signIn } from "../state/api.js";

export function SignInView() {
  const [trouble, setTrouble] = useState("");
  const [busy, setBusy] = useState(false);
  const submit = async (/** @type {SubmitEvent} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.target);
    setBusy(true);
    try {
      await signIn(String(new FormData(form).get("key")).trim());
    } catch (error) {
      setTrouble(error instanceof Error ? error.message : String(error));
      setBusy(false);
      form.querySelector("input")?.select();
    }
  };
  return html`<main class="sign-in"><form class="card form" onSubmit=${submit} data-testid="sign-in">
    <div class="brand"><img src="icon.svg" alt="" /><h1>Sellia admin</h1></div>
    ${farewell.value && !trouble && html`<p class="note warn" role="status">${line(farewell.value, 300)}</p>`}
    <label><span class="label">Admin key</span>
      <input class="field mono" name="key" type="password" required autocomplete="off" autofocus spellcheck=${false} /></label>
    ${trouble && html`<p class="note bad" role="alert">${line(trouble, 400)}</p>`}
    <button class="button primary" disabled=${busy}>Sign in</button>
    <p class="hint">A key with the scope <code>admin:read</code> sees everything; one with <code>admin:write</code> changes it as well. The first key is in <code>first-admin-key</code> of the server's state directory, or was shown on its terminal.</p>
  </form></main>`;
}
