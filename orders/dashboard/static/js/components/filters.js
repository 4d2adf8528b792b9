// The filters of a list. Their values stand in the query of the address, in the API's own form.

import { h } from "../dom.js";
import { fromLocalField, toLocalField, words } from "../format.js";

const APPLY_AFTER_MS = 400;

/**
 * Filters of a page. A filter is {name, label, kind} with the API parameter's name and a kind of "search", "text", "time",
 * "amount" or "choice" (with `options`: values, or pairs of value and words; `several` for a comma list).
 */
export class Filters {
  #timer = 0;

  constructor(page, filters) {
    this.page = page;
    this.controls = filters.map((filter) => ({ ...filter, ...KINDS[filter.kind](filter) }));
    for (const { name, element, kind } of this.controls) {
      element.id = `filter-${name}`;
      element.dataset.testid = name === "ordering" ? name : `filter-${name}`;
      element.addEventListener("change", () => this.#apply());
      if (kind !== "choice") element.addEventListener("input", () => this.#applySoon());
    }
    this.clearButton = h(
      "button",
      { hook: "filter-clear", type: "button", class: "button button-quiet", onclick: () => this.#clear() },
      "Clear filters",
    );
    const [first, ...others] = this.controls.map(({ name, label, element, kind }) =>
      h("div", { class: `filter filter-${kind}` }, h("label", { for: `filter-${name}` }, label), element),
    );
    const toggle = h(
      "button",
      { type: "button", class: "button filters-toggle", "aria-expanded": "false", onclick: () => this.#toggle() },
      "More filters",
    );
    const form = {
      class: "filters",
      role: "search",
      "aria-label": "Filters",
      onsubmit: (event) => this.#submit(event),
    };
    this.element = h("form", form, first, others.length > 0 && toggle, others, this.clearButton);
    this.toggle = toggle;
    this.update(page.query);
    page.signal.addEventListener("abort", () => clearTimeout(this.#timer));
  }

  /** Return the parameters for the API. */
  parameters(query = this.page.query) {
    return Object.fromEntries(this.controls.map(({ name }) => [name, query[name]]));
  }

  /** Return whether any filter is set. */
  isSet(query = this.page.query) {
    return this.controls.some(({ name }) => name !== "ordering" && query[name]);
  }

  /** Show the values of the address. */
  update(query) {
    for (const { name, read, write } of this.controls) {
      const value = query[name] ?? "";
      if (read() !== value) write(value);
    }
    this.clearButton.hidden = !this.isSet(query);
    if (this.controls.slice(1).some(({ name }) => query[name])) this.#toggle(true);
  }

  /** Show or hide all filters but the first, where there is little room. */
  #toggle(wanted) {
    const isOpen = this.element.toggleAttribute("data-open", wanted);
    this.toggle.setAttribute("aria-expanded", String(isOpen));
  }

  #applySoon() {
    clearTimeout(this.#timer);
    document.documentElement.dataset.ready = "false";
    this.#timer = setTimeout(() => this.#apply(), APPLY_AFTER_MS);
  }

  #apply() {
    clearTimeout(this.#timer);
    const values = Object.fromEntries(this.controls.map(({ name, read }) => [name, read()]));
    const isSame = this.controls.every(({ name }) => values[name] === (this.page.query[name] ?? ""));
    if (!isSame) this.page.setQuery({ ...values, cursor: "" });
  }

  #clear() {
    this.page.setQuery({ ...Object.fromEntries(this.controls.map(({ name }) => [name, ""])), cursor: "" });
    this.controls[0].element.focus();
  }

  #submit(event) {
    event.preventDefault();
    this.#apply();
  }
}

/** A filter's element, and how its value is read and written in the API's form. */
const KINDS = {
  search: ({ placeholder }) => input({ type: "search", maxlength: 100, placeholder }),
  text: () => input({ type: "text", maxlength: 100 }),
  amount: () => input({ type: "text", inputmode: "decimal", maxlength: 22 }),
  time: () => {
    const element = h("input", { type: "datetime-local" });
    return {
      element,
      read: () => fromLocalField(element.value),
      write: (value) => {
        element.value = toLocalField(value);
      },
    };
  },
  choice: ({ options, several, all = "All" }) => {
    const pairs = options.map((option) => (Array.isArray(option) ? option : [option, words(option)]));
    const element = h(
      "select",
      { multiple: several },
      [...(several ? [] : [["", all]]), ...pairs].map(([value, text]) => h("option", { value }, text)),
    );
    const read = () => [...element.selectedOptions].map((option) => option.value).join(",");
    const write = (value) => {
      for (const option of element.options) option.selected = value.split(",").includes(option.value);
    };
    return { element, read, write };
  },
};

function input(attributes) {
  const element = h("input", { autocomplete: "off", spellcheck: "false", ...attributes });
  const write = (value) => {
    element.value = value;
  };
  return { element, read: () => element.value.trim(), write };
}
