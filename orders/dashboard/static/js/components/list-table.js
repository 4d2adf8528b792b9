// Tables of records: one row each, which is a card on a phone.

import { focusWithin, h, keepingFocus, reconcile, setAttribute } from "../dom.js";

const NEW_MS = 10_000;

/**
 * A table. A column is {field, label, render(record)}, and optionally `value(record)` and `currency(record)`, the API's own text
 * for `data-value` and `data-currency`, `numeric`, and `header: true` for the one that names the row. `select` is a Selection;
 * `statusOf(record)` returns the row's `data-status`, `stateOf(record)` its `data-state`: what has been asked for and has no
 * outcome yet.
 */
export class ListTable {
  #records = new WeakMap();

  constructor({
    caption,
    columns,
    select,
    keyOf = (record) => record.id,
    statusOf = (record) => record.status,
    stateOf = () => undefined,
  }) {
    this.columns = select ? [select.column(), ...columns] : columns;
    Object.assign(this, { keyOf, statusOf, stateOf });
    this.body = h("tbody", { role: "rowgroup" });
    const headers = this.columns.map(({ field, label, numeric, heading }) =>
      h(
        "th",
        { scope: "col", role: "columnheader", class: numeric ? "numeric" : null, "data-field": field },
        heading ?? label,
      ),
    );
    const table = h(
      "table",
      { role: "table", class: "list" },
      h("caption", { class: "visually-hidden" }, caption),
      h("thead", { role: "rowgroup" }, h("tr", { role: "row" }, headers)),
      this.body,
    );
    this.element = h("div", { class: "table-region", role: "region", "aria-label": caption, tabindex: "0" }, table);
  }

  /** Show these records. Those with an id in `fresh` are marked as new for 10 s. */
  show(records, fresh = new Set()) {
    keepingFocus(this.element, () =>
      reconcile(this.body, records, {
        key: this.keyOf,
        create: (record) => this.#create(record, fresh.has(this.keyOf(record))),
        update: (row, record) => this.#fill(row, record),
      }),
    );
  }

  /** Show a record in its row, if it has one: no row moves. */
  update(record) {
    const row = this.rowOf(this.keyOf(record));
    if (row) this.#fill(row, record);
  }

  /** Remove the rows that have a state, and whose record is not among these any more: that is their outcome. */
  removeGone(records) {
    const kept = new Set(records.map(this.keyOf));
    const gone = [...this.body.children].filter((row) => row.dataset.state && !kept.has(row.dataset.id));
    for (const row of gone) {
      const neighbour = row.nextElementSibling ?? row.previousElementSibling ?? this.element;
      const focused = row.contains(document.activeElement) ? document.activeElement : null;
      row.remove();
      if (focused) focusWithin(neighbour, focused.dataset.testid);
    }
  }

  rowOf(key) {
    return [...this.body.children].find((row) => row.dataset.id === key);
  }

  #create(record, isNew) {
    const cells = this.columns.map(({ field, header }) =>
      h(header ? "th" : "td", {
        hook: `cell-${field}`,
        "data-field": field,
        role: header ? "rowheader" : "cell",
        scope: header && "row",
      }),
    );
    const row = h(
      "tr",
      { hook: "row", role: "row", "data-id": this.keyOf(record), "data-new": isNew && "true" },
      cells,
    );
    if (isNew) setTimeout(() => row.removeAttribute("data-new"), NEW_MS);
    this.#fill(row, record);
    return row;
  }

  /** Fill the cells whose content has changed. A row whose action is under way is left alone: its answer fills it. */
  #fill(row, record) {
    const state = this.stateOf(record);
    const content = JSON.stringify([record, state]);
    if (this.#records.get(row) === content || row.querySelector("button[aria-busy]")) return;
    this.#records.set(row, content);
    setAttribute(row, "data-state", state);
    setAttribute(row, "data-status", this.statusOf(record));
    setAttribute(row, "data-version", record.version);
    keepingFocus(row, () => {
      for (const [index, column] of this.columns.entries()) fillCell(row.cells[index], column, record);
    });
  }
}

function fillCell(cell, column, record) {
  const filled = cell.cloneNode(false);
  setAttribute(filled, "data-label", column.label);
  setAttribute(filled, "data-value", column.value?.(record));
  setAttribute(filled, "data-currency", column.currency?.(record));
  setAttribute(filled, "class", column.numeric ? "numeric" : null);
  const content = [column.render(record)].flat().filter((child) => child !== null && child !== undefined);
  // Beside the label of a card is one place.
  filled.append(...(content.length > 1 ? [h("div", {}, content)] : content));
  filled.querySelector("details")?.toggleAttribute("open", cell.querySelector("details")?.open ?? false);
  if (!filled.isEqualNode(cell) || filled.querySelector("button")) cell.replaceWith(filled);
}
