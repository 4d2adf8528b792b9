// The key figures of the range, each with its change against the range of the same length before.

import { h } from "../dom.js";
import { amountText } from "../format.js";
import { percentChange } from "./decimals.js";
import { changeText, countText, rangeText } from "./texts.js";

const NONE = "none";
const KPIS = [
  ["revenue", "Revenue", true],
  ["orders", "Orders", false],
  ["items", "Items", false],
  ["average_order", "Average order", true],
];
const WITHOUT_SALES = { currency: null, revenue: null, orders: 0, items: 0, average_order: null };

/** Return the tiles for the totals of the range, null without any currency, and of the range before. */
export function kpis(totals, before, reports) {
  const note = reports.before
    ? h("p", { class: "muted figure-note" }, `Compared with ${rangeText(reports.before)}.`)
    : "";
  const compared = { now: totals ?? WITHOUT_SALES, before: before ?? WITHOUT_SALES };
  const tiles = KPIS.map(([field, title, isAmount]) => tile(field, title, { isAmount, ...compared }));
  return [h("ul", { class: "tiles" }, tiles), note];
}

function tile(field, title, { isAmount, now, before }) {
  const value = now[field];
  const currency = isAmount ? now.currency : null;
  return h(
    "li",
    { hook: `kpi-${field}`, class: "tile", "data-value": value ?? NONE, "data-currency": currency },
    h("span", { class: "tile-title" }, title),
    h("span", { class: "tile-value number" }, textOf(value, currency)),
    change(field, percentChange(value, before[field])),
  );
}

function textOf(value, currency) {
  if (value === null) return "–";
  return currency ? amountText(value, currency) : countText(value);
}

function change(field, percent) {
  const attributes = { hook: `kpi-${field}-change`, class: "kpi-change number", "data-value": percent ?? NONE };
  if (percent === null) return h("span", { ...attributes, title: "There is nothing to compare with" }, "No comparison");
  const trend = Number(percent) === 0 ? "same" : Number(percent) > 0 ? "up" : "down";
  return h("span", { ...attributes, "data-trend": trend }, changeText(percent));
}
