// The batches of codes: the filter of the list by one of them, and its panel with the file of its codes.

import { change, get } from "../api.js";
import { whileBusy } from "../components/button.js";
import { csvButton } from "../components/csv-button.js";
import { confirm } from "../components/dialog.js";
import { toast } from "../components/messages.js";
import { h } from "../dom.js";
import { counted, number, time } from "../format.js";

const MAX_OPTIONS = 100;

/** The batches of a page with a list of coupons. `changed()` is called when all codes of one have changed. */
export class Batches {
  #newest = null;

  constructor(page, { changed }) {
    Object.assign(this, { page, changed });
    this.element = h("div", { hidden: true });
  }

  /** Return the filter for `Filters`; its options are set by `read`. */
  filter() {
    const { batch_id: chosen } = this.page.query;
    return { name: "batch_id", label: "Batch", kind: "choice", options: chosen ? [[chosen, "This batch"]] : [] };
  }

  /** Read the newest batches, once, for the filter, and show the chosen one. */
  read(filters) {
    this.element.hidden = !this.page.query.batch_id;
    return this.page.load(this.element, async (signal) => {
      try {
        const chosen = await this.#read(filters, signal);
        return chosen ? this.#panel(chosen) : [];
      } catch (error) {
        this.element.hidden = false;
        throw error;
      }
    });
  }

  async #read(filters, signal) {
    const { batch_id: id } = this.page.query;
    const [{ results }, chosen] = await Promise.all([
      this.#newest ?? get("/coupon-batches", { query: { limit: MAX_OPTIONS }, signal }),
      id ? get(`/coupon-batches/${encodeURIComponent(id)}`, { signal }) : null,
    ]);
    this.#newest = { results };
    const options = [...(chosen ? [chosen] : []), ...results.filter((batch) => batch.id !== id)];
    filters.setOptions(
      "batch_id",
      options.map((batch) => [batch.id, nameOf(batch)]),
    );
    return chosen;
  }

  #panel(batch) {
    const { id, count, prefix, times_used: used, created_at: createdAt } = batch;
    const rows = [
      ["Codes", number(count, { hook: "batch-codes" })],
      ["Prefix", prefix || "none"],
      ["Uses", number(used, { hook: "batch-times_used" })],
      ["Created", time(createdAt)],
    ];
    return h(
      "section",
      { hook: "batch", class: "card", "data-id": id, "aria-label": "Batch" },
      h("h2", {}, batch.name || "Batch"),
      h(
        "dl",
        { class: "coupon-facts" },
        rows.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))),
      ),
      h(
        "div",
        { class: "form-buttons" },
        csvButton(
          "Save the codes as CSV",
          { hook: "batch-csv", class: "button button-primary" },
          { page: this.page, path: "/coupons", query: () => ({ batch_id: id }) },
        ),
        this.#switch(batch, { hook: "batch-enable", text: "Enable all", isActive: true }),
        this.#switch(batch, { hook: "batch-disable", text: "Disable all", isActive: false }),
      ),
    );
  }

  #switch(batch, { hook, text, isActive }) {
    const title = `${text} ${counted(batch.count, "code")}?`;
    const kind = isActive ? "button" : "button button-quiet button-danger-quiet";
    const press = async ({ currentTarget: pressed }) => {
      const isSure =
        isActive ||
        (await confirm({ title, text: "No order can use them until they are enabled again.", yes: text })) !==
          undefined;
      if (isSure) await whileBusy(pressed, () => this.#change(batch, { is_active: isActive }));
    };
    return h("button", { hook, type: "button", class: kind, onclick: press }, text);
  }

  async #change({ id }, body) {
    try {
      const { changed } = await change("PATCH", `/coupon-batches/${id}`, { body });
      toast("ok", `${counted(changed, "code")} changed.`);
    } catch (problem) {
      if (!problem.code) throw problem;
      toast("error", problem.detail);
    }
    this.changed();
  }
}

function nameOf({ name, prefix, count, created_at: createdAt }) {
  return [name || prefix || "Batch", counted(count, "code"), time(createdAt).textContent].join(" · ");
}
