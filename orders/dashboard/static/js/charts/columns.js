// The columns of the tables below the figures, for ListTable: each shows a field of the API, with its text in `data-value`.

import { amountText } from "../format.js";
import { countText, durationText, instant } from "./texts.js";

const NOTHING = "–";

/** Return a column of amounts in the currency of their row. */
export function money(field, label) {
  const render = (row) => (row[field] === null ? NOTHING : amountText(row[field], row.currency));
  return { field, label, numeric: true, value: (row) => row[field], currency: (row) => row.currency, render };
}

/** Return a column of whole numbers. */
export function count(field, label) {
  return { field, label, numeric: true, value: (row) => row[field], render: (row) => countText(row[field]) };
}

/** Return a column of texts. */
export function text(field, label, { words = (value) => value, header = false } = {}) {
  const render = (row) => (row[field] === null ? NOTHING : words(row[field]));
  return { field, label, header, value: (row) => row[field], render };
}

/** Return a column of durations in seconds, which not every row has. */
export function duration(field, label) {
  const render = (row) => (Number.isInteger(row[field]) ? durationText(row[field]) : NOTHING);
  return { field, label, numeric: true, value: (row) => row[field], render };
}

/** The columns that say which time a row is of. */
export const TIMES = [
  { field: "start", label: "From", header: true, value: ({ start }) => start, render: ({ start }) => instant(start) },
  { field: "end", label: "To", value: ({ end }) => end, render: ({ end }) => instant(end) },
  {
    field: "complete",
    label: "Complete",
    value: ({ complete }) => String(complete),
    render: ({ complete }) => (complete ? "Yes" : "No"),
  },
];
