// The rows of a table that are selected for an action on several.

import { h } from "../dom.js";

/** `isSelectable(record)` says for which rows there is a checkbox; `changed()` is called after each change. */
export class Selection {
  #records = new Map();
  #selected = new Set();

  constructor({ isSelectable, nameOf, changed }) {
    Object.assign(this, { isSelectable, nameOf, changed });
    this.all = h("input", {
      hook: "select-page",
      type: "checkbox",
      "aria-label": "Select all on this page",
      onchange: () => this.#selectAll(this.all.checked),
    });
  }

  get records() {
    return [...this.#selected].map((id) => this.#records.get(id));
  }

  get size() {
    return this.#selected.size;
  }

  /** Return the column of checkboxes. */
  column() {
    return {
      field: "select",
      label: "Select",
      heading: h("label", { class: "check" }, this.all, h("span", { class: "check-text" }, "Select all")),
      render: (record) => this.#checkbox(record),
    };
  }

  /** Keep what is selected among the records on the page. */
  keep(records) {
    this.#records = new Map(records.filter(this.isSelectable).map((record) => [record.id, record]));
    this.#selected = new Set([...this.#selected].filter((id) => this.#records.has(id)));
    this.#show();
  }

  clear() {
    this.#selectAll(false);
  }

  #checkbox(record) {
    if (!this.isSelectable(record)) return null;
    const onchange = (event) => this.#select(record.id, event.target.checked);
    const input = h("input", {
      hook: "select-row",
      type: "checkbox",
      "aria-label": `Select ${this.nameOf(record)}`,
      onchange,
    });
    input.checked = this.#selected.has(record.id);
    return h("label", { class: "check" }, input);
  }

  #select(id, isSelected) {
    if (isSelected) this.#selected.add(id);
    else this.#selected.delete(id);
    this.#show();
  }

  #selectAll(isSelected) {
    this.#selected = new Set(isSelected ? this.#records.keys() : []);
    this.#show();
  }

  #show() {
    for (const input of document.querySelectorAll("[data-testid=select-row]")) {
      input.checked = this.#selected.has(input.closest("[data-id]").dataset.id);
    }
    this.all.checked = this.size > 0 && this.size === this.#records.size;
    this.all.indeterminate = this.size > 0 && !this.all.checked;
    this.all.disabled = this.#records.size === 0;
    this.changed();
  }
}
