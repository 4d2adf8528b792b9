// Amounts as whole numbers of minor units (BigInt), so that sums and shares of them are exact.

import { DECIMALS } from "./currencies.js";

/** Return the minor units of a decimal string: "19.99", "EUR" is 1999n. Null for a text that is no amount of the currency. */
export function toMinor(text, currency) {
  const [, whole, fraction = ""] = /^(\d{1,16})(?:\.(\d{1,4}))?$/.exec(text) ?? [];
  if (whole === undefined || fraction.length > DECIMALS[currency]) return null;
  return BigInt(whole + fraction.padEnd(DECIMALS[currency], "0"));
}

/** Return minor units as the decimal string that the API has for them: 1999n, "EUR" is "19.99". */
export function toDecimal(minor, currency) {
  const decimals = DECIMALS[currency];
  if (decimals === 0) return String(minor);
  const digits = String(minor).padStart(decimals + 1, "0");
  return `${digits.slice(0, -decimals)}.${digits.slice(-decimals)}`;
}
