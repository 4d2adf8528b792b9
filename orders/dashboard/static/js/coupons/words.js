// Coupons as people read them: their kinds, their discount, their uses.

import { amountText, number } from "../format.js";

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
