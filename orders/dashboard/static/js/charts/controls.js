// What the reports are about: range, interval, currency, time zone and vendor. The choices stand in the query of the address.

import { h } from "../dom.js";
import { wait } from "../ready.js";
import { addDays, DEFAULT_RANGE, INTERVALS, intervalsOf, RANGES } from "./ranges.js";
import { zoneGroups } from "./zones.js";

const APPLY_AFTER_MS = 500; // dates and ids are typed digit by digit
const FIRST_DATE = "2000-01-01";
const LAST_DATE = "2100-12-30";

export class Controls {
  #timer = 0;
  #done = () => {};
  #vendors = new Set();

  constructor(page) {
    this.page = page;
    this.range = select("range", () => this.#chooseRange());
    this.from = dateField("range-from", () => this.#chooseDates(this.from));
    this.to = dateField("range-to", () => this.#chooseDates(this.to));
    this.interval = select("interval", () => page.setQuery({ interval: this.interval.value }));
    this.currency = select("currency", () => page.setQuery({ currency: this.currency.value }));
    this.timezone = select("timezone", () => page.setQuery({ timezone: this.timezone.value }));
    this.currency.disabled = true; // until they are known
    this.timezone.append(...zoneGroups());
    this.vendor = textField("vendor", { maxlength: 64, list: "vendors", placeholder: "All vendors" });
    for (const event of ["input", "change"])
      this.vendor.addEventListener(event, () => this.#applySoon(() => this.#chosenVendor));
    this.vendorIds = h("datalist", { id: "vendors" });
    this.dates = [filter("From", this.from), filter("To", this.to)];
    const forAdmins = page.person.role === "admin" && filter("Vendor", this.vendor, this.vendorIds);
    this.element = h(
      "form",
      { class: "filters", "aria-label": "What the reports are about", onsubmit: (event) => this.#submit(event) },
      filter("Range", this.range),
      this.dates,
      filter("Interval", this.interval),
      filter("Currency", this.currency),
      filter("Time zone", this.timezone),
      forAdmins,
    );
    page.signal.addEventListener("abort", () => this.#forget());
  }

  /** Show what these reports are about. */
  show({ range, interval, zone, vendor }) {
    this.#forget();
    const ranges = [...Object.entries(RANGES).map(([name, [words]]) => [name, words]), ["custom", "Custom"]];
    fill(this.range, ranges, range.name);
    fill(
      this.interval,
      intervalsOf(range).map((name) => [name, INTERVALS[name]]),
      interval,
    );
    choose(this.timezone, zone);
    for (const field of this.dates) field.hidden = range.name !== "custom";
    setValue(this.from, range.from);
    setValue(this.to, addDays(range.to, -1));
    setValue(this.vendor, vendor);
  }

  /** Offer these currencies; `chosen` is null without any. */
  showCurrencies(currencies, chosen) {
    const all = chosen === null ? [] : [...new Set([...currencies, chosen])].sort();
    this.currency.disabled = all.length === 0;
    fill(this.currency, all.length ? all.map((code) => [code, code]) : [["", "None"]], chosen ?? "");
  }

  /** Suggest the vendors of these products, beside those that are known already. */
  suggestVendors(products) {
    for (const { vendor_id: id } of products) this.#vendors.add(id);
    this.vendorIds.replaceChildren(...[...this.#vendors].sort().map((value) => h("option", { value })));
  }

  get #chosenVendor() {
    return { vendor: this.vendor.value.trim() };
  }

  #chooseRange() {
    const { value } = this.range;
    if (value === "custom") this.page.setQuery({ range: value, from: this.from.value, to: this.to.value });
    else this.page.setQuery({ range: value === DEFAULT_RANGE ? "" : value, from: "", to: "" });
  }

  /** Apply both dates; the one that has not been changed follows where it would lie on the wrong side. */
  #chooseDates(changed) {
    this.#forget();
    if (!changed.value || !changed.validity.valid) return;
    if (this.from.value > this.to.value) (changed === this.from ? this.to : this.from).value = changed.value;
    this.#applySoon(() => ({ range: "custom", from: this.from.value, to: this.to.value }));
  }

  #applySoon(changes) {
    this.#forget();
    this.#done = wait();
    this.#timer = setTimeout(() => this.#apply(changes()), APPLY_AFTER_MS);
  }

  #apply(changes) {
    const isSame = Object.entries(changes).every(([name, value]) => value === (this.page.query[name] ?? ""));
    if (isSame) this.#forget();
    else this.page.setQuery(changes);
  }

  #forget() {
    clearTimeout(this.#timer);
    this.#done();
  }

  #submit(event) {
    event.preventDefault();
    if (this.page.person.role === "admin") this.#apply(this.#chosenVendor);
  }
}

function select(hook, onchange) {
  return h("select", { hook, id: hook, onchange });
}

function dateField(hook, onchange) {
  return h("input", { hook, id: hook, type: "date", min: FIRST_DATE, max: LAST_DATE, required: true, onchange });
}

function textField(hook, attributes) {
  return h("input", { hook, id: hook, type: "text", autocomplete: "off", spellcheck: "false", ...attributes });
}

function filter(label, field, ...more) {
  return h("div", { class: "filter" }, h("label", { for: field.id }, label), field, more);
}

function fill(element, pairs, chosen) {
  const isSame =
    element.options.length === pairs.length && pairs.every(([value], index) => element.options[index].value === value);
  if (!isSame) element.replaceChildren(...pairs.map(([value, words]) => h("option", { value }, words)));
  choose(element, chosen);
}

/** Choose a value, which becomes an option if it is none: a link may name it. */
function choose(element, value) {
  const isThere = [...element.options].some((option) => option.value === value);
  if (!isThere) element.append(h("option", { value }, value));
  element.value = value;
}

function setValue(field, value) {
  if (field.value !== value) field.value = value;
}
