// The frame of every page: skip link, navigation, person, and the places of messages.

import { DASHBOARD } from "../api.js";
import { h } from "../dom.js";
import { navigate } from "../router.js";
import { LINKS } from "../routes.js";
import * as session from "../session.js";
import { messages, silence } from "./messages.js";

let main = null;
let header = null;

/** Show a page in the frame, which is that of the person signed in. */
export function show(page) {
  const wanted = page.person ? topBar(page) : null;
  if (main === null) document.body.replaceChildren(skipLink(), messages);
  header?.remove();
  main?.remove();
  [header, main] = [wanted, page.main];
  document.querySelector(".skip-link").after(...[header, main].filter(Boolean));
  if (!page.person) silence();
  window.scrollTo(0, 0);
}

function topBar(page) {
  const { person } = page;
  const links = LINKS.filter(([, , , roles]) => roles.includes(person.role)).map(([hook, text, path, , pages]) =>
    h(
      "li",
      {},
      h(
        "a",
        {
          hook,
          href: page.href(path),
          "data-anew": true,
          "aria-current": pages.includes(page.definition.name) && "page",
        },
        text,
      ),
    ),
  );
  return h(
    "header",
    { class: "top-bar" },
    h(
      "a",
      { class: "brand", href: page.href(""), "data-anew": true },
      h("span", { class: "brand-mark", "aria-hidden": "true" }),
      "Order Service",
    ),
    h("nav", { hook: "nav", "aria-label": "Pages" }, h("ul", {}, links)),
    h(
      "div",
      { class: "person" },
      h(
        "span",
        {
          hook: "who",
          class: "who",
          "data-role": person.role,
          "data-vendor-id": person.vendorId,
          title: titleOf(person),
        },
        person.subject,
      ),
      h("button", { hook: "sign-out", type: "button", class: "button button-quiet", onclick: signOut }, "Sign out"),
    ),
  );
}

function titleOf({ role, vendorId }) {
  return vendorId ? `Vendor ${vendorId}` : role;
}

function signOut() {
  session.end();
  navigate(DASHBOARD);
}

function skipLink() {
  const skip = (event) => {
    event.preventDefault();
    main.focus();
  };
  return h("a", { hook: "skip-link", class: "skip-link", href: "#main", onclick: skip }, "Skip to the content");
}
