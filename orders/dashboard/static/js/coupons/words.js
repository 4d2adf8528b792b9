// Coupons as people read them: their discount, their fields, and what has changed.

import { amountText, number, time, words } from "../format.js";

export const KINDS = [
  ["percentage", "Percentage"],
  ["fixed_amount", "Fixed amount"],
  ["buy_x_get_y", "Buy X, get Y"],
];
export const FUNDERS = [
  ["vendor", "The vendor"],
  ["platform", "The platform"],
];

/** The fields of the API that hold an amount in the coupon's currency. */
export const MONEY = ["amount", "minimum_spend", "maximum_discount", "budget"];

const TIMES = ["starts_at", "ends_at"];
const NOT_TERMS = ["version", "updated_at", "state", "times_used", "amount_used"];
const PERCENT = new Intl.NumberFormat(undefined, { style: "unit", unit: "percent", maximumFractionDigits: 2 });

/** Return what a coupon takes off: "15% off", "€5.00 off", "Buy 2, get 1 free". */
export function worth({ kind, percent, amount, currency, buy_quantity: buy, get_quantity: get }) {
  if (kind === "percentage") return `${PERCENT.format(percent)} off`;
  if (kind === "fixed_amount") return `${amountText(amount, currency)} off`;
  return `Buy ${number(buy).textContent}, get ${number(get).textContent} ${percent === "100.00" ? "free" : `at ${PERCENT.format(percent)} off`}`;
}

/** Return uses or amounts "3 of 100": what is used, and its limit where there is one. `show(value, attributes)` makes an element. */
export function ofLimit(used, limit, show, hook) {
  return limit === null ? show(used) : [show(used), " of ", show(limit, { hook })];
}

/** Return the value of a coupon's field as text, "none" for null. */
export function valueText(field, value, currency) {
  if (value === null || value === "") return "none";
  if (MONEY.includes(field)) return amountText(value, currency);
  if (TIMES.includes(field)) return time(value).textContent;
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value).textContent;
  return Array.isArray(value) ? value.join(", ") : value;
}

/** Return the terms that differ between two versions of a coupon, in the form of its history: {field: [old, new]}. */
export function differences(before, after) {
  const fields = Object.keys(after).filter((field) => !NOT_TERMS.includes(field));
  const changed = fields.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  return Object.fromEntries(changed.map((field) => [field, [before[field], after[field]]]));
}

/** Return changes of a history as a list of sentences: "Ends at: none → 1 Jan 2027". */
export function changeTexts(changes, currency) {
  const shown = (field, value) => valueText(field, value, currency);
  return Object.entries(changes).map(([field, [old, now]]) => `${words(field)}: ${shown(field, old)} → ${shown(field, now)}`);
}
