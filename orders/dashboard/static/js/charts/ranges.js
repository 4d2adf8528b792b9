// Ranges of a report: dates of its time zone, `from` inclusive and `to` exclusive, as the API has them.

const DAY_MS = 86_400_000;
const FIRST_DATE = "2000-01-01"; // the API knows no earlier one
const MAX_ROWS = 1100;
const MAX_MONTHS = 36;
const DEFAULT_MONTHS = 12;
const HOURS = 24;

export const DEFAULT_RANGE = "30d";

/** The ranges by name, each with its words and its beginning, from the date that it ends before. */
export const RANGES = {
  today: ["Today", (end) => addDays(end, -1)],
  "7d": ["Last 7 days", (end) => addDays(end, -7)],
  "30d": ["Last 30 days", (end) => addDays(end, -30)],
  "90d": ["Last 90 days", (end) => addDays(end, -90)],
  "12m": ["Last 12 months", (end) => addMonths(end, -12)],
};

export const INTERVALS = { hour: "Hour", day: "Day", week: "Week", month: "Month" };

/** Return the range {name, from, to} that the query of the address names, of which `from` and `to` are both inclusive. */
export function rangeOf({ range, from, to }, zone) {
  const end = addDays(today(zone), 1);
  if (range === "custom" && isDate(from) && isDate(to)) return { name: "custom", from, to: addDays(to, 1) };
  const name = Object.hasOwn(RANGES, range ?? "") ? range : DEFAULT_RANGE;
  return { name: range === "custom" ? range : name, from: RANGES[name][1](end), to: end };
}

/** Return the range of the same number of dates before, null where the API has none. */
export function rangeBefore({ from, to }) {
  const begin = addDays(from, -daysBetween(from, to));
  return begin < FIRST_DATE || from >= to ? null : { from: begin, to: from };
}

/** Return the intervals that give at most as many rows as the API answers. */
export function intervalsOf({ from, to }) {
  const days = daysBetween(from, to);
  return Object.keys(INTERVALS).filter(
    (interval) => (interval === "hour" ? days * HOURS : interval === "day" ? days : 0) <= MAX_ROWS,
  );
}

/** Return the interval for a range: the wanted one where it is possible, else one that makes a readable drawing. */
export function intervalOf(range, wanted) {
  const possible = intervalsOf(range);
  if (possible.includes(wanted)) return wanted;
  const days = daysBetween(range.from, range.to);
  return days <= 2 ? "hour" : days <= 92 ? "day" : days <= 732 ? "week" : "month";
}

/** Return the months {from, to} of the cohorts for a range, both inclusive: its own, and so many before that they can be compared. */
export function cohortMonths({ from, to }) {
  const last = least(addDays(to, -1), today("UTC"));
  const first = least(from, addMonths(firstOfMonth(last), 1 - DEFAULT_MONTHS));
  const earliest = addMonths(firstOfMonth(last), 1 - MAX_MONTHS);
  return { from: monthOf([first, earliest, FIRST_DATE].sort().at(-1)), to: monthOf(last) };
}

/** Return whether the month some months after `month` ("2026-01") is not over yet, in UTC. */
export function isPresentMonth(month, later) {
  return monthOf(addMonths(`${month}-01`, later)) === monthOf(today("UTC"));
}

/** Return a date some days later. */
export function addDays(date, count) {
  return new Date(Date.parse(`${date}T00:00:00Z`) + count * DAY_MS).toISOString().slice(0, 10);
}

/** Return the name of the browser's time zone. */
export function browserZone() {
  return Intl.DateTimeFormat().resolvedOptions().timeZone;
}

/** Return the present date in a time zone, in UTC for one that the browser does not know. */
export function today(zone) {
  const options = { calendar: "gregory", numberingSystem: "latn", year: "numeric", month: "2-digit", day: "2-digit" };
  const parts = formatter({ ...options, timeZone: zone }, { ...options, timeZone: "UTC" }).formatToParts(new Date());
  const { year, month, day } = Object.fromEntries(parts.map(({ type, value }) => [type, value]));
  return `${year}-${month}-${day}`;
}

function formatter(options, otherwise) {
  try {
    return new Intl.DateTimeFormat("en", options);
  } catch {
    return new Intl.DateTimeFormat("en", otherwise);
  }
}

function daysBetween(from, to) {
  return Math.round((Date.parse(to) - Date.parse(from)) / DAY_MS);
}

/** Return the date some months later, the last one of its month where it has no such day. */
function addMonths(date, count) {
  const [year, month, day] = date.split("-").map(Number);
  const lastDay = new Date(Date.UTC(year, month + count, 0)).getUTCDate();
  return new Date(Date.UTC(year, month - 1 + count, Math.min(day, lastDay))).toISOString().slice(0, 10);
}

function isDate(text) {
  const at = new Date(/^\d{4}-\d{2}-\d{2}$/.test(text ?? "") ? `${text}T00:00:00Z` : "");
  return !Number.isNaN(at.getTime()) && at.toISOString().startsWith(text);
}

function firstOfMonth(date) {
  return `${monthOf(date)}-01`;
}

function monthOf(date) {
  return date.slice(0, 7);
}

function least(...dates) {
  return dates.sort()[0];
}
