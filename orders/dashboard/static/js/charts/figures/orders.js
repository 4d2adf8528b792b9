// How many orders and items were sold, by time.

import { count, money, TIMES } from "../columns.js";
import { hasAny, largest } from "../decimals.js";
import { overTime } from "../over-time.js";
import { countText, rowTitle } from "../texts.js";

export default {
  hook: "chart-orders",
  title: "Orders",
  about: "Counted at their confirmation; a cancellation leaves them as they are.",
  size: "normal",
  report: "sales",
  none: "Nothing was ordered in this range.",
  columns: [...TIMES, count("orders", "Orders"), count("items", "Items"), money("average_order", "Average order")],
  keyOf: ({ start }) => start,
  read,
};

async function read(reports) {
  const { rows, totals } = await reports.sales();
  const { interval, scope } = reports;
  const query = { ...scope, interval, currency: totals?.currency };
  if (!hasAny(rows, "orders")) return { rows: [], query };
  const most = largest(rows, "orders");
  return {
    rows,
    query,
    sentence:
      `${countText(totals.orders)} orders with ${countText(totals.items)} items in all;` +
      ` the most orders by ${interval}, ${countText(most.orders)}, on ${rowTitle(most, interval)}.`,
    configure: overTime({
      rows,
      interval,
      series: [{ label: "Orders", kind: "bar", colour: "first", field: "orders", text: textOf }],
    }),
  };
}

function textOf({ orders, items }) {
  return `${countText(orders)}, items: ${countText(items)}`;
}
