// What has changed between two versions of a coupon.

import { h } from "../dom.js";
import { amount, number, time, words } from "../format.js";
import { LABELS } from "./fields.js";
import { MONEY } from "./words.js";

const TIMES = ["starts_at", "ends_at"];
const NO_TERMS = ["version", "updated_at", "state", "times_used", "amount_used"];

/** Return the terms that differ between two versions of a coupon, in the form of its history: {field: [old, new]}. */
export function differences(before, after) {
  const terms = Object.keys(after).filter((field) => !NO_TERMS.includes(field));
  const changed = terms.filter((field) => JSON.stringify(before[field]) !== JSON.stringify(after[field]));
  return Object.fromEntries(changed.map((field) => [field, [before[field], after[field]]]));
}

/** Return the changes of a history as people read them, each an element: "Good until: none → 1 Jan 2027". */
export function changeElements(changes, currency) {
  return Object.entries(changes).map(([field, [old, now]]) =>
    h(
      "p",
      { class: "change", "data-field": field },
      `${LABELS[field] ?? words(field)}: `,
      valueElement(field, old, currency),
      " → ",
      valueElement(field, now, currency),
    ),
  );
}

function valueElement(field, value, currency) {
  if (value === null || value === "") return "none";
  if (MONEY.includes(field)) return amount(value, currency);
  if (TIMES.includes(field)) return time(value);
  if (typeof value === "boolean") return value ? "yes" : "no";
  if (typeof value === "number") return number(value);
  return Array.isArray(value) ? value.join(", ") : value;
}
