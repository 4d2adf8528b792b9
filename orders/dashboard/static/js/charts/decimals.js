// Exact arithmetic on the API's amounts and numbers: "12.34" is 1234n minor units.

/** Return an amount (a decimal string) or a whole number in minor units. Amounts of one currency have equally many decimals. */
export function minorUnits(value) {
  return BigInt(String(value).replace(".", ""));
}

/**
 * Return the change from `before` to `now` in percent of what was before, with one decimal, rounded half up: "-12.5". Null where there
 * was or is nothing to compare. A negative amount before counts by its size: from -10 to 5 is "150.0".
 */
export function percentChange(now, before) {
  if (now === null || before === null) return null;
  const base = absolute(minorUnits(before));
  return base === 0n ? null : percent(minorUnits(now) - minorUnits(before), base);
}

/** Return a part of a whole in percent with one decimal, rounded half up; null for a part of nothing. */
export function percentOf(part, whole) {
  return minorUnits(whole) === 0n ? null : percent(minorUnits(part), minorUnits(whole));
}

/** Return the one of `rows` with the largest `field`, the first of equal ones; undefined for none. */
export function largest(rows, field) {
  const size = (row) => minorUnits(row[field]);
  return rows.reduce((most, row) => (most === undefined || size(row) > size(most) ? row : most), undefined);
}

/** Return whether any of these fields of any row is not 0. */
export function hasAny(rows, ...fields) {
  return rows.some((row) => fields.some((field) => minorUnits(row[field]) !== 0n));
}

function percent(part, whole) {
  const tenths = (absolute(part) * 2000n + whole) / (2n * whole);
  return `${part < 0n && tenths > 0n ? "-" : ""}${tenths / 10n}.${tenths % 10n}`;
}

function absolute(value) {
  return value < 0n ? -value : value;
}
