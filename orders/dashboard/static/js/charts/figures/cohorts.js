// How many customers of each month came back: a table whose cells are the darker the more did.

import { h } from "../../dom.js";
import { counted } from "../../format.js";
import { count, text } from "../columns.js";
import { percentOf } from "../decimals.js";
import { cohortMonths, isPresentMonth } from "../ranges.js";
import { countText, monthText, percentText } from "../texts.js";

const SHADES = 8;

export default {
  hook: "chart-cohorts",
  title: "Customers who came back",
  about:
    "By the month of their first order, and how many ordered again each month later. All currencies and vendors, months in UTC.",
  size: "wide",
  report: "cohorts",
  none: "No customer ordered for the first time in these months.",
  columns: [
    text("month", "First order", { words: monthText, header: true }),
    count("offset", "Months later"),
    count("customers", "Customers"),
  ],
  keyOf: ({ month, offset }) => `${month}+${offset}`,
  read,
};

async function read(reports) {
  const query = cohortMonths(reports.range);
  const { results } = await reports.cohorts();
  if (results.every(({ customers }) => customers === 0)) return { rows: [], query };
  const rows = results.flatMap(({ month, active }) =>
    active.map((customers, offset) => ({ month, offset, customers })),
  );
  return { rows, query, element: heatMap(results), notes: ["Dashed: the month is not over yet."] };
}

function heatMap(cohorts) {
  const longest = Math.max(...cohorts.map(({ active }) => active.length));
  const offsets = Array.from({ length: longest - 1 }, (_, index) => `+${index + 1}`);
  const most = Math.max(
    ...cohorts.flatMap(({ customers, active }) => active.slice(1).map((again) => again / customers || 0)),
  );
  const table = h(
    "table",
    { class: "heat-map" },
    h(
      "thead",
      {},
      h(
        "tr",
        {},
        ["First order", "Customers", ...offsets].map((label) => h("th", {}, label)),
      ),
    ),
    h(
      "tbody",
      {},
      cohorts.map((cohort) => rowOf(cohort, most)),
    ),
  );
  const drawing = h("div", { role: "img", "aria-label": sentenceOf(cohorts) }, table);
  const label = "Customers by months since their first order";
  return h("div", { class: "table-region", role: "region", "aria-label": label, tabindex: "0" }, drawing);
}

function rowOf({ month, customers, active }, most) {
  const cells = active
    .slice(1)
    .map((again, index) => cellOf(again, customers, { most, isOver: !isPresentMonth(month, index + 1) }));
  return h("tr", {}, h("th", {}, monthText(month)), h("td", { "data-value": customers }, countText(customers)), cells);
}

/** Return a cell: the larger its share is of the largest one, the darker. */
function cellOf(again, customers, { most, isOver }) {
  const share = percentOf(again, customers);
  if (share === null) return h("td", { class: "muted", "data-value": again }, "–");
  const shade = again && Math.ceil((again / customers / most) * SHADES);
  const attributes = {
    class: `heat heat-${shade}`,
    "data-value": again,
    "data-complete": String(isOver),
    title: counted(again, "customer"),
  };
  return h("td", attributes, percentText(share));
}

function sentenceOf(cohorts) {
  const followed = cohorts.filter(({ active }) => active.length > 1);
  const share = percentOf(
    sum(followed.map(({ active }) => active[1])),
    sum(followed.map(({ customers }) => customers)),
  );
  const again = share === null ? "" : ` ${percentText(share)} of those of past months ordered in the month after.`;
  const months = `from ${monthText(cohorts[0].month)} to ${monthText(cohorts.at(-1).month)}`;
  return `${countText(sum(cohorts.map(({ customers }) => customers)))} customers ordered for the first time ${months}.${again}`;
}

function sum(numbers) {
  return numbers.reduce((total, one) => total + one, 0);
}
