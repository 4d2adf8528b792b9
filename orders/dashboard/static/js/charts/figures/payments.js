// The money that Payment captured and refunded, by time.

import { amountText } from "../../format.js";
import { count, money, TIMES } from "../columns.js";
import { hasAny } from "../decimals.js";
import { overTime } from "../over-time.js";

export default {
  hook: "chart-payments",
  title: "Payments",
  about: "By the time at which the service heard of them. All vendors.",
  size: "normal",
  report: "payments",
  none: "Nothing was captured or refunded in this range.",
  columns: [
    ...TIMES,
    count("captures", "Captures"),
    money("captured", "Captured"),
    count("refunds", "Refunds"),
    money("refunded", "Refunded"),
    money("kept", "Kept"),
  ],
  keyOf: ({ start }) => start,
  read,
};

async function read(reports) {
  const { interval } = reports;
  const { rows, totals, query } = await reports.payments();
  if (!hasAny(rows, "captured", "refunded")) return { rows: [], query };
  const { currency } = totals;
  const text = (field) => (row) => amountText(row[field], currency);
  const [captured, refunded, kept] = ["captured", "refunded", "kept"].map((field) => text(field)(totals));
  return {
    rows,
    query,
    sentence: `Captured ${captured}, refunded ${refunded}, kept ${kept}.`,
    configure: overTime({
      rows,
      interval,
      currency,
      series: [
        { label: "Captured", kind: "line", colour: "first", isFilled: true, field: "captured", text: text("captured") },
        { label: "Refunded", kind: "line", colour: "second", field: "refunded", text: text("refunded") },
      ],
    }),
  };
}
