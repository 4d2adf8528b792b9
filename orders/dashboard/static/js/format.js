// Values as people read them, in the browser's locale and time zone; `data-value` holds the API's own text.

import { h } from "./dom.js";

const LOCALE = undefined; // the browser's
const FULL = new Intl.DateTimeFormat(LOCALE, { dateStyle: "full", timeStyle: "long" });
const SHORT = new Intl.DateTimeFormat(LOCALE, { dateStyle: "medium", timeStyle: "short" });
const WHOLE = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 20 });
const AGO = new Intl.RelativeTimeFormat(LOCALE, { numeric: "auto", style: "short" });
const COUNTRIES = new Intl.DisplayNames(["en"], { type: "region" });
const UNITS = [
  ["day", 86_400],
  ["hour", 3600],
  ["minute", 60],
];
const MAX_RELATIVE_SECONDS = 30 * 86_400;
const TICK_MS = 15_000;
const currencies = new Map();

/** Return an amount as text: "20.00", "EUR" is "€20.00". The digits are the API's: a decimal string stays exact. */
export function amountText(value, currency) {
  const decimals = (value.split(".")[1] ?? "").length;
  const key = `${currency} ${decimals}`;
  if (!currencies.has(key)) {
    const digits = { minimumFractionDigits: decimals, maximumFractionDigits: decimals };
    currencies.set(key, new Intl.NumberFormat(LOCALE, { style: "currency", currency, ...digits }));
  }
  return currencies.get(key).format(value);
}

/** Return an element with an amount. `attributes` are those of `h`. */
export function amount(value, currency, attributes = {}) {
  return h(
    "span",
    { class: "number", "data-value": value, "data-currency": currency, ...attributes },
    amountText(value, currency),
  );
}

/** Return an element with a number. */
export function number(value, attributes = {}) {
  return h("span", { class: "number", "data-value": String(value), ...attributes }, WHOLE.format(value));
}

/** Return an element with a time; `relative` shows how long ago it was, and stays correct. */
export function time(value, { relative = false, ...attributes } = {}) {
  const at = new Date(value);
  const shown = relative ? agoText(at) : SHORT.format(at);
  const more = { title: FULL.format(at), "data-value": value, "data-relative": relative, ...attributes };
  return h("time", { datetime: value, ...more }, shown);
}

/** Return the English name of a country (ISO 3166-1 alpha-2), "" for none. */
export function countryName(code) {
  return code && (COUNTRIES.of(code) ?? code);
}

/** Return a word of the API as people read it: "tracking_changed" is "Tracking changed". */
export function words(value) {
  const text = value.replaceAll("_", " ");
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** Return "1 order" or "3 orders". */
export function counted(count, one, many = `${one}s`) {
  return `${WHOLE.format(count)} ${count === 1 ? one : many}`;
}

/** Return an element with a status as a word; `kind` says whose it is: "order", "vendor-order", "payment". */
export function badge(status, attributes = {}) {
  return h("span", { class: "badge", "data-value": status, ...attributes }, words(status));
}

/** Return the value of a datetime-local field for a time of the API, "" for one that cannot be read. */
export function toLocalField(value) {
  const at = new Date(value);
  if (!value || Number.isNaN(at.getTime())) return "";
  const local = new Date(at.getTime() - at.getTimezoneOffset() * 60_000);
  return local.toISOString().slice(0, at.getSeconds() ? 19 : 16);
}

/** Return the time of the API (RFC 3339, UTC) for the value of a datetime-local field. */
export function fromLocalField(value) {
  return value ? new Date(value).toISOString().replace(".000Z", "Z") : "";
}

function agoText(at) {
  const seconds = Math.max(0, (Date.now() - at.getTime()) / 1000);
  if (seconds > MAX_RELATIVE_SECONDS) return SHORT.format(at);
  const [unit, length] = UNITS.find(([, size]) => seconds >= size) ?? ["minute", 60];
  return seconds < 60 ? AGO.format(0, "second") : AGO.format(-Math.floor(seconds / length), unit);
}

setInterval(() => {
  for (const element of document.querySelectorAll("time[data-relative]")) {
    const text = agoText(new Date(element.dateTime));
    if (element.textContent !== text) element.textContent = text;
  }
}, TICK_MS);
