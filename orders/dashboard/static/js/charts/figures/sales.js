// What was sold, by time.

import { amountText } from "../../format.js";
import { count, money, TIMES } from "../columns.js";
import { hasAny, largest } from "../decimals.js";
import { overTime } from "../over-time.js";
import { rowTitle } from "../texts.js";

export default {
  hook: "chart-sales",
  title: "Sales",
  about: "Revenue is gross less discounts and cancellations.",
  size: "tall",
  report: "sales",
  none: "Nothing was sold or cancelled in this range.",
  columns: [
    ...TIMES,
    money("revenue", "Revenue"),
    money("gross", "Gross"),
    money("discount", "Discount"),
    money("platform_discount", "By the platform"),
    money("cancelled", "Cancelled"),
    money("returned", "Returned"),
    count("orders", "Orders"),
    count("items", "Items"),
    money("average_order", "Average order"),
  ],
  keyOf: ({ start }) => start,
  read,
};

async function read(reports) {
  const { rows, totals } = await reports.sales();
  const { interval, scope } = reports;
  const currency = totals?.currency ?? "";
  const query = { ...scope, interval, currency };
  if (!hasAny(rows, "gross", "cancelled", "returned")) return { rows: [], query };
  const text = (field) => (row) => amountText(row[field], currency);
  const most = largest(rows, "revenue");
  return {
    rows,
    query,
    sentence:
      `Revenue ${text("revenue")(totals)} and gross ${text("gross")(totals)} in all;` +
      ` the most revenue by ${interval}, ${text("revenue")(most)}, on ${rowTitle(most, interval)}.`,
    configure: overTime({
      rows,
      interval,
      currency,
      series: [
        { label: "Revenue", kind: "line", colour: "first", isFilled: true, field: "revenue", text: text("revenue") },
        { label: "Gross", kind: "line", colour: "second", field: "gross", text: text("gross") },
      ],
    }),
  };
}
