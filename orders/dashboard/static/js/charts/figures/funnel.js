// How far the orders have got that were placed in the range.

import { number, words } from "../../format.js";
import { count, duration, text } from "../columns.js";
import { percentOf } from "../decimals.js";
import { ranked } from "../ranked.js";
import { countText, percentText } from "../texts.js";

const LOSSES = ["cancelled", "expired"];

export default {
  hook: "chart-funnel",
  title: "From order to delivery",
  about: "Orders placed in the range, and how many have reached each step until now. All currencies.",
  size: "normal",
  report: "funnel",
  none: "No order was placed in this range.",
  columns: [
    text("step", "Step", { words, header: true }),
    count("orders", "Orders"),
    duration("average_seconds", "Average time"),
    duration("p50_seconds", "Half within"),
    duration("p90_seconds", "90 % within"),
  ],
  keyOf: ({ step }) => step,
  read,
};

async function read(reports) {
  const { steps, cancelled_by: cancelledBy, times } = await reports.funnel();
  const rows = Object.entries(steps).map(([step, orders]) => ({ step, orders, ...times[step] }));
  if (steps.placed === 0) return { rows: [], query: reports.scope };
  const shares = rows
    .slice(1)
    .map(({ step, orders }) => `${step} ${countText(orders)} (${shareText(orders, steps.placed)})`);
  return {
    rows,
    query: reports.scope,
    sentence: `${countText(steps.placed)} orders placed: ${shares.join(", ")}.`,
    notes: notesOf(cancelledBy),
    configure: ranked({ bars: rows.map(({ step, orders }) => barOf(step, orders, steps.placed)) }),
  };
}

function barOf(step, orders, placed) {
  const text = `${countText(orders)}, ${shareText(orders, placed)} of those placed`;
  return { title: words(step), value: orders, text, isLoss: LOSSES.includes(step) };
}

function shareText(orders, placed) {
  return percentText(percentOf(orders, placed));
}

function notesOf(cancelledBy) {
  const roles = Object.entries(cancelledBy).filter(([, orders]) => orders > 0);
  const texts = roles.map(([role, orders], index) => [index ? ", " : "", `${role} `, number(orders)]);
  return roles.length ? [["Cancelled by ", texts, "."]] : [];
}
