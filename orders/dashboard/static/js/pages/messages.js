// The pages for an address that has none, and for one that is not for one's role.

import { h } from "../dom.js";

function message(name, title, text) {
  const open = (page) => {
    page.main.append(
      h(
        "div",
        { class: "state" },
        h("p", {}, text),
        h("a", { class: "button", href: page.href("") }, "Go to the start page"),
      ),
    );
  };
  return { name, title, roles: ["vendor", "admin"], open };
}

export const notFound = message("not-found", "Page not found", "There is no page at this address.");
export const forbidden = message("forbidden", "Not for your role", "This page is not for the role of your token.");
