// Links to the next and the previous page of a list, by the cursors in the API's own links.

import { h, show } from "../dom.js";

/** Return the cursor in a link of the API, "" for no link. */
export function cursorOf(link) {
  return link ? new URL(link, location.href).searchParams.get("cursor") : "";
}

/** The links below a list; a page that does not exist has none. */
export class Pager {
  constructor(page) {
    this.page = page;
    this.next = h("a", { hook: "next", class: "button", rel: "next" }, "Next page");
    this.previous = h("a", { hook: "previous", class: "button", rel: "prev" }, "Previous page");
    this.element = h("nav", { class: "pager", "aria-label": "Pages of the list" });
  }

  show({ next, previous }) {
    for (const [link, element] of [
      [next, this.next],
      [previous, this.previous],
    ]) {
      if (link) element.href = this.page.hrefWith({ cursor: cursorOf(link) });
    }
    show(this.element, previous && this.previous, next && this.next);
  }
}
