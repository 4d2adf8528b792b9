// Coupons as people read them: their kinds, their discount, their uses.

import { h } from "../dom.js";
import { amount as amountElement, number } from "../format.js";

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

const PERCENT = new Intl.NumberFormat(undefined, { style: "unit", unit: "percent", maximumFractionDigits: 2 });

/**
 * Return what a coupon takes off: "15% off", "€5.00 off", "Buy 2, get 1 free". The hooks of its values are the fields of the API after
 * `prefix`.
 */
export function worth({ kind, percent, amount, currency, buy_quantity: buy, get_quantity: get }, prefix) {
  const hook = (field) => ({ hook: `${prefix}-${field}` });
  if (kind === "fixed_amount") return [amountElement(amount, currency, hook("amount")), " off"];
  const share = h("span", { "data-value": percent, ...hook("percent") }, PERCENT.format(percent));
  if (kind === "percentage") return [share, " off"];
  const sets = ["Buy ", number(buy, hook("buy_quantity")), ", get ", number(get, hook("get_quantity"))];
  return [...sets, ...(percent === "100.00" ? [" free"] : [" at ", share, " off"])];
}

/** Return uses or amounts "3 of 100": what is used, and its limit where there is one. `show(value, attributes)` makes an element. */
export function ofLimit(used, limit, show, hook) {
  return limit === null ? show(used) : [show(used), " of ", show(limit, { hook })];
}
