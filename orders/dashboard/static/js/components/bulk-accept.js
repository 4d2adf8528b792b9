// Accepting several vendor orders: one request for each, one after the other.

import { change } from "../api.js";
import { h } from "../dom.js";
import { counted } from "../format.js";
import { button } from "./button.js";
import { announce } from "./messages.js";

/** The `button` that accepts the records of a Selection, and its `result`. `changed(vendorOrder)` gets each one accepted. */
export class BulkAccept {
  constructor({ changed }) {
    this.changed = changed;
    this.button = button("Accept selected", { hook: "bulk-accept", class: "button button-primary", hidden: true }, () =>
      this.#accept(),
    );
    this.result = h("div", { hidden: true });
  }

  /** Offer to accept what is selected. */
  offer(selection) {
    this.selection = selection;
    this.button.hidden = selection.size === 0;
    if (!this.button.hasAttribute("aria-busy")) this.button.textContent = `Accept ${counted(selection.size, "order")}`;
  }

  async #accept() {
    const refusals = [];
    const chosen = this.selection.records;
    for (const vendorOrder of chosen) {
      try {
        this.changed(await change("POST", `/vendor-orders/${vendorOrder.id}/accept`, { version: vendorOrder.version }));
      } catch (problem) {
        if (!problem.code) throw problem;
        refusals.push([vendorOrder, problem]);
        if (problem.status === 401) break;
      }
    }
    this.selection.clear();
    this.#report(chosen.length - refusals.length, refusals);
  }

  #report(accepted, refusals) {
    const sentence = `${counted(accepted, "order")} accepted${refusals.length ? `, ${refusals.length} refused` : ""}.`;
    const reasons = refusals.map(([vendorOrder, problem]) =>
      h(
        "li",
        { "data-id": vendorOrder.id, "data-code": problem.code },
        `${vendorOrder.order_number}: ${problem.detail}`,
      ),
    );
    const close = h(
      "button",
      { type: "button", class: "button button-quiet", onclick: () => this.result.toggleAttribute("hidden", true) },
      "Close",
    );
    this.result.hidden = false;
    this.result.replaceChildren(
      h(
        "div",
        { hook: "bulk-result", class: "notice", "data-accepted": accepted, "data-refused": refusals.length },
        h("p", {}, sentence),
        reasons.length > 0 && h("ul", {}, reasons),
        close,
      ),
    );
    announce(sentence);
  }
}
