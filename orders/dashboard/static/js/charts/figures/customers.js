// Sales to new and to returning customers, by time.

import { counted, number } from "../../format.js";
import { count, TIMES, text } from "../columns.js";
import { hasAny, percentOf } from "../decimals.js";
import { overTime } from "../over-time.js";
import { countText, percentText } from "../texts.js";

export default {
  hook: "chart-customers",
  title: "New and returning customers",
  about: "Orders that are their customer's first ever, and all others. All currencies and vendors.",
  size: "normal",
  report: "customers",
  none: "Nobody ordered in this range.",
  columns: [
    ...TIMES,
    count("orders", "Orders"),
    count("new_customers", "New customers"),
    count("repeat_orders", "Repeat orders"),
    { ...text("repeat_rate", "Repeat rate"), numeric: true },
  ],
  keyOf: ({ start }) => start,
  read,
};

async function read(reports) {
  const { results: rows, totals, order_counts: orderCounts } = await reports.customers();
  const { interval, times } = reports;
  const query = { ...times, interval };
  if (!hasAny(rows, "orders")) return { rows: [], query };
  return {
    rows,
    query,
    sentence:
      `${countText(totals.orders)} orders: ${countText(totals.new_customers)} of new customers,` +
      ` ${countText(totals.repeat_orders)} of returning ones (${percentText(percentOf(totals.repeat_orders, totals.orders))}).`,
    notes: notesOf(orderCounts),
    configure: overTime({
      rows,
      interval,
      series: [
        {
          label: "Returning",
          kind: "bar",
          stack: "orders",
          colour: "first",
          field: "repeat_orders",
          text: (row) => countText(row.repeat_orders),
        },
        {
          label: "New",
          kind: "bar",
          stack: "orders",
          colour: "second",
          field: "new_customers",
          text: (row) => countText(row.new_customers),
        },
      ],
    }),
  };
}

function notesOf(orderCounts) {
  const most = orderCounts.at(-1).orders;
  const wordsOf = (orders) => (orders === most ? `${orders} or more orders` : counted(orders, "order"));
  const counts = orderCounts.filter(({ customers }) => customers > 0);
  return [
    [
      "Customers of all time with ",
      counts.map(({ orders, customers }, index) => [index ? ", " : "", `${wordsOf(orders)}: `, number(customers)]),
      ".",
    ],
  ];
}
