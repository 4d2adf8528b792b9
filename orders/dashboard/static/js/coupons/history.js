// The history of a coupon's terms.

import { get } from "../api.js";
import { h } from "../dom.js";
import { time, words } from "../format.js";
import { changeElements } from "./changes.js";

/** The card with the history, oldest entry first, which `read()` reads anew. */
export class History {
  constructor(page, { code, currency }) {
    Object.assign(this, { page, code, currency });
    this.region = h("div");
    this.element = h("section", { class: "card", "aria-label": "History" }, h("h2", {}, "History"), this.region);
  }

  read() {
    this.page.load(this.region, async (signal) => {
      const { results } = await get(`/coupons/${this.code}/history`, { signal });
      return h(
        "ol",
        { hook: "coupon-history", class: "timeline" },
        results.map((entry) => this.#entry(entry)),
      );
    });
  }

  #entry({ sequence, type, actor_role: role, actor_id: id, at, changes }) {
    return h(
      "li",
      { hook: "history-entry", "data-sequence": sequence, "data-type": type },
      h("p", { class: "timeline-title" }, words(type.split(".")[1])),
      h(
        "p",
        { class: "muted" },
        time(at),
        " by ",
        h("span", { hook: "history-actor", "data-role": role }, id ? `${role} ${id}` : role),
      ),
      changeElements(changes, this.currency),
    );
  }
}
