// The dialog that asks for the service's token.

import { byId, complain } from "./markup.js";

let pending = null;

/** The token that the user gives, or null; questions at the same time share one dialog. */
export function askForToken(isWrong) {
  pending ??= open(isWrong).finally(() => {
    pending = null;
  });
  return pending;
}

function open(isWrong) {
  const [dialog, form, input] = ["token-dialog", "token-form", "token"].map(byId);
  complain("token-error", isWrong ? "The service did not take that token." : null);
  input.value = "";
  dialog.showModal();
  return new Promise((resolve) => {
    let given = null;
    // The policy allows no form to be sent; this one never is.
    form.onsubmit = (event) => {
      event.preventDefault();
      given = input.value.trim() || null;
      dialog.close();
    };
    byId("token-cancel").onclick = () => dialog.close();
    dialog.onclose = () => resolve(given);
  });
}
