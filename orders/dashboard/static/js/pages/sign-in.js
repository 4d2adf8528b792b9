// Signing in with a token, which is tried at the API before anything is shown.

import { send } from "../api.js";
import { whileBusy } from "../components/button.js";
import { h } from "../dom.js";
import * as session from "../session.js";

const PROBES = { vendor: "/vendor-orders/summary", admin: "/orders?limit=1" };
const SENDABLE = /^[\x21-\x7e]+$/;

export default { name: "sign-in", title: "Sign in", roles: [], open };

function open(page, notice) {
  const error = h("p", { hook: "sign-in-error", class: "field-error", role: "alert", id: "token-error", hidden: true });
  const input = h("input", {
    hook: "token-input",
    id: "token",
    type: "password",
    autocomplete: "off",
    spellcheck: "false",
    "aria-describedby": "token-hint token-error",
  });
  const submit = h("button", { hook: "sign-in-submit", type: "submit", class: "button button-primary" }, "Sign in");
  const refuse = (reason) => {
    error.textContent = reason;
    error.hidden = !reason;
    if (reason) input.focus();
  };
  const onsubmit = (event) => {
    event.preventDefault();
    const token = input.value.trim();
    input.value = "";
    refuse("");
    if (!submit.disabled) whileBusy(submit, () => signIn(token, page.signal)).catch((reason) => refuse(reason.message));
  };
  const hint = h(
    "p",
    { class: "hint", id: "token-hint" },
    "An access token for a vendor or an admin. It stays in this page only: reloading means signing in again.",
  );
  const form = h(
    "form",
    { class: "card", onsubmit },
    h("div", { class: "field" }, h("label", { for: "token" }, "Access token"), input, hint, error),
    submit,
  );
  page.main.prepend(
    h("p", { class: "brand" }, h("span", { class: "brand-mark", "aria-hidden": "true" }), "Order Service"),
  );
  page.main.append(notice ? h("p", { hook: "sign-in-notice", class: "notice", role: "status" }, notice) : "", form);
}

/** Begin a session. Throw an Error with the words for a token that is refused. */
async function signIn(token, signal) {
  if (!token) throw new Error("Enter a token.");
  if (!SENDABLE.test(token)) throw new Error("This is not a token: it has characters that no token has.");
  const { role, exp } = session.claimsOf(token);
  if (role === "customer") throw new Error("These pages are for vendors and admins. This is the token of a customer.");
  const response = await send("GET", PROBES[role] ?? PROBES.vendor, { token, signal });
  const now = Date.parse(response.headers.get("Date")) || Date.now(); // the API's clock decides
  session.begin(token, exp - now / 1000);
}
