// Asking for a token, where the cluster serves only those who show one.

import { useSignal } from "@preact/signals";
import { t } from "../i18n";
import { logIn } from "../node/session";
import { Card } from "../parts/bits";

export function Login() {
  const token = useSignal("");
  const wrong = useSignal<string | null>(null);
  const busy = useSignal(false);
  const submit = async (event: Event) => {
    event.preventDefault();
    busy.value = true;
    wrong.value = await logIn(token.value.trim());
    busy.value = false;
    // All pages begin anew, as somebody who is known.
    if (!wrong.value) location.reload();
  };
  return (
    <>
      <h1 tabIndex={-1}>{t("login_title")}</h1>
      <Card id="login">
        <p>{t("login_why")}</p>
        <form class="form-grid" onSubmit={submit}>
          <label>
            <span>{t("login_token")}</span>
            <input type="password" name="token" autocomplete="current-password" required spellcheck={false} value={token.value} onInput={(event) => (token.value = event.currentTarget.value)} />
          </label>
          <button type="submit" disabled={busy.value}>{t("login_do")}</button>
        </form>
        {wrong.value && <p class="warn-line" role="alert">{wrong.value}</p>}
        <p class="soft">{t("login_how")} <code>alianza token create --name … --scope admin</code></p>
      </Card>
    </>
  );
}
