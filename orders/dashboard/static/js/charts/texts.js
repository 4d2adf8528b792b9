// Times, durations and numbers of reports as people read them. A time shows what the clocks of the report's zone show: the API answers
// with the zone's offset, so the text itself has the local time, whatever the browser knows of the zone.

import { h } from "../dom.js";
import { addDays } from "./ranges.js";

const LOCALE = undefined; // the browser's
const UTC = { timeZone: "UTC" };
const DATE = new Intl.DateTimeFormat(LOCALE, { ...UTC, day: "numeric", month: "short", year: "numeric" });
const LABELS = {
  hour: new Intl.DateTimeFormat(LOCALE, { ...UTC, day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" }),
  day: new Intl.DateTimeFormat(LOCALE, { ...UTC, day: "numeric", month: "short" }),
  week: new Intl.DateTimeFormat(LOCALE, { ...UTC, day: "numeric", month: "short" }),
  month: new Intl.DateTimeFormat(LOCALE, { ...UTC, month: "short", year: "numeric" }),
};
const TIME = new Intl.DateTimeFormat(LOCALE, { ...UTC, hour: "2-digit", minute: "2-digit" });
const MONTH = new Intl.DateTimeFormat(LOCALE, { ...UTC, month: "long", year: "numeric" });
const SHORT = new Intl.DateTimeFormat(LOCALE, { ...UTC, dateStyle: "medium", timeStyle: "short" });
const FULL = new Intl.DateTimeFormat(LOCALE, { ...UTC, dateStyle: "full", timeStyle: "short" });
const ONE_DECIMAL = { style: "unit", unit: "percent", minimumFractionDigits: 1, maximumFractionDigits: 1 };
const PERCENT = new Intl.NumberFormat(LOCALE, ONE_DECIMAL);
const CHANGE = new Intl.NumberFormat(LOCALE, { ...ONE_DECIMAL, signDisplay: "exceptZero" });
const COUNT = new Intl.NumberFormat(LOCALE);
const COMPACT = new Intl.NumberFormat(LOCALE, { notation: "compact", maximumSignificantDigits: 3 });
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
  ["second", 1],
];

/** Return a whole number as text. */
export function countText(value) {
  return COUNT.format(value);
}

/** Return a number of an axis as a short text; `currency` that of an amount. */
export function tickText(value, currency) {
  if (!currency) return COMPACT.format(value);
  const options = { notation: "compact", maximumSignificantDigits: 3, style: "currency", currency };
  return new Intl.NumberFormat(LOCALE, options).format(value);
}

/** Return percent with one decimal, as decimals.js has them, as text. */
export function percentText(value) {
  return PERCENT.format(value);
}

/** Return a change in percent as text, with its sign. */
export function changeText(value) {
  return CHANGE.format(value);
}

/** Return the dates of a range as text; `to` is exclusive. */
export function rangeText({ from, to }) {
  const last = addDays(to, -1);
  return from < last ? DATE.formatRange(local(from), local(last)) : DATE.format(local(from));
}

/** Return the times of rows as the labels of an axis. */
export function rowLabels(rows, interval) {
  const isOneDate = interval === "hour" && rows[0].start.slice(0, 10) === rows.at(-1).start.slice(0, 10);
  const format = isOneDate ? TIME : LABELS[interval];
  return rows.map(({ start }) => format.format(local(start)));
}

/** Return a row's time in full. */
export function rowTitle({ start, end }, interval) {
  const [begin, last] = [local(start), new Date(local(end) - 1)];
  if (interval === "hour") return `${SHORT.format(begin)} (${offsetOf(start)})`;
  return interval === "day" ? DATE.format(begin) : DATE.formatRange(begin, last);
}

/** Return a month ("2026-01") as text. */
export function monthText(month) {
  return MONTH.format(local(`${month}-01`));
}

/** Return an element with a time of a report, in the report's zone. */
export function instant(value) {
  const title = `${FULL.format(local(value))} (${offsetOf(value)})`;
  return h("time", { datetime: value, title, "data-value": value }, SHORT.format(local(value)));
}

/** Return a duration in seconds as text, in its largest unit. */
export function durationText(seconds) {
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? UNITS.at(-1);
  const options = { style: "unit", unit, unitDisplay: "long", maximumFractionDigits: 1 };
  return new Intl.NumberFormat(LOCALE, options).format(seconds / length);
}

function local(text) {
  return new Date(`${text.slice(0, 19)}${text.length > 10 ? "Z" : ""}`);
}

function offsetOf(text) {
  return text.endsWith("Z") ? "UTC" : `UTC${text.slice(-6)}`;
}
