// Buttons whose work takes a while.

import { h } from "../dom.js";
import { waitFor } from "../ready.js";

/** Return a button; while `work` runs it is disabled, with `aria-busy`. `attributes` are those of `h`. */
export function button(text, attributes, work) {
  const element = h(
    "button",
    { type: "button", class: "button", ...attributes, onclick: () => whileBusy(element, work) },
    text,
  );
  return element;
}

/** Run `work` while a button is disabled, with `aria-busy`. It gets its focus back, if it had it and still exists. */
export async function whileBusy(element, work) {
  const hadFocus = element === document.activeElement;
  element.disabled = true;
  element.setAttribute("aria-busy", "true");
  try {
    return await waitFor(work);
  } finally {
    element.disabled = false;
    element.removeAttribute("aria-busy");
    if (hadFocus && element.isConnected && document.activeElement === document.body) element.focus();
  }
}
