// What a page has of its surroundings: its <main>, its address, and an AbortSignal that ends with it.

import * as api from "./api.js";
import { h } from "./dom.js";
import { navigate } from "./router.js";
import { load } from "./states.js";

const NAME = "Order Service";

/** An open page. `params` come from its path, `query` (an object) from its address, `person` is signed in. */
export class Page {
  #leaving = new AbortController();
  #count = 0;

  constructor(definition, { params, query, person, path }) {
    Object.assign(this, { definition, params, query, person, path });
    this.heading = h("h1", { tabindex: "-1" }, definition.title);
    this.headerActions = h("div", { class: "page-actions" });
    this.header = h("div", { class: "page-header" }, this.heading, this.headerActions);
    this.main = h(
      "main",
      { id: "main", hook: definition.name, "data-page": definition.name, tabindex: "-1" },
      this.header,
    );
    this.setTitle(definition.title);
  }

  /** The signal of everything that must end when the page is left. */
  get signal() {
    return this.#leaving.signal;
  }

  /** Set the heading and the title of the document. */
  setTitle(text) {
    this.heading.textContent = text;
    this.#showTitle();
  }

  /** Show a number, such as the orders to accept, in front of the title; none for 0. */
  setCount(count) {
    this.#count = count;
    this.#showTitle();
  }

  /** Fill `region` with the nodes that `work(signal)` returns; show its loading and its error there (states.js). */
  load(region, work) {
    return load(region, work, this);
  }

  /** Return the address of a page of the dashboard. Empty values of the query are left out. */
  href(path, query = {}) {
    const given = Object.entries(query).filter(([, value]) => value !== null && value !== undefined && value !== "");
    const text = new URLSearchParams(given).toString();
    return `${api.DASHBOARD}${path}${text && "?"}${text}`;
  }

  /** Return the address of this page with some values of its query changed. */
  hrefWith(changes) {
    return this.href(this.path, { ...this.query, ...changes });
  }

  /** Change values of the query: the address changes, and the page is updated by it. */
  setQuery(changes, options) {
    navigate(this.hrefWith(changes), options);
  }

  /** End the page. */
  leave() {
    this.#leaving.abort();
    for (const dialog of document.querySelectorAll("dialog[open]")) dialog.close();
  }

  #showTitle() {
    const count = this.#count ? `(${this.#count}) ` : "";
    document.title = `${count}${this.heading.textContent} · ${NAME}`;
  }
}
