// The terms of a form as numbers, and a cart that shows what they do.

import { DECIMALS } from "../currencies.js";
import { toMinor } from "../money.js";
import { MONEY } from "./words.js";

const ANY_CURRENCY = "EUR"; // of the example of a coupon that is good for carts in any
const PRICES = [1999n, 599n, 1000n]; // minor units of a currency with up to two decimals
const MAX_UNITS = 100n;

const NEEDED = {
  percentage: ["percent"],
  fixed_amount: ["currency", "amount"],
  buy_x_get_y: ["buy_quantity", "get_quantity"],
};
const OPTIONAL = { percentage: ["maximum_discount"], fixed_amount: [], buy_x_get_y: ["percent", "maximum_discount"] };

/** Return {currency, terms} for `discount.js`, or {incomplete} with the name of the field that is missing or not a value yet. */
export function termsOf(values) {
  const currency = values.currency ?? ANY_CURRENCY;
  const needed = NEEDED[values.kind];
  const given = ["minimum_spend", "budget", ...OPTIONAL[values.kind]].filter(
    (name) => values[name] !== null && values[name] !== undefined,
  );
  const read = Object.fromEntries(
    [...needed, ...given].map((name) => [name, READERS[name](values[name], values.currency)]),
  );
  const incomplete = Object.keys(read).find((name) => read[name] === null);
  if (incomplete) return { incomplete: MONEY.includes(incomplete) && !values.currency ? "currency" : incomplete };
  const used = values.amount_used ? toMinor(values.amount_used, currency) : 0n;
  const terms = {
    kind: values.kind,
    percent: read.percent ?? 10_000n,
    amount: read.amount ?? null,
    buyQuantity: read.buy_quantity ?? null,
    getQuantity: read.get_quantity ?? null,
    isGotApart: values.kind === "buy_x_get_y" && Boolean(values.get_product_ids),
    minimumSpend: read.minimum_spend ?? null,
    maximumDiscount: read.maximum_discount ?? null,
    budget: read.budget === undefined ? null : read.budget - used,
  };
  return { currency, terms };
}

/** Return the lines of a cart in which the terms take something off, if any cart does: {name, price, quantity, isEligible, isGot}. */
export function sampleCart({ currency, terms }, { product_ids: productIds, vendor_id: vendorId }) {
  const { isGotApart } = terms;
  const scale = 10n ** BigInt(Math.max(0, DECIMALS[currency] - 2));
  const isOpen = !productIds && !isGotApart; // other products are eligible too
  const secondName = isGotApart ? "Product to get" : isOpen ? "Product B" : "Another product";
  const lines = [
    { name: "Product A", quantity: firstQuantity(terms, isOpen), isEligible: true, isGot: false },
    { name: secondName, quantity: secondQuantity(terms, isOpen), isEligible: isOpen, isGot: isGotApart },
    ...(vendorId ? [{ name: "Product of another vendor", quantity: 1n, isEligible: false, isGot: false }] : []),
  ].map((line, index) => ({ ...line, price: PRICES[index] * scale }));
  return reach(terms.minimumSpend ?? 0n, lines);
}

function firstQuantity({ kind, buyQuantity, getQuantity, isGotApart }, isOpen) {
  if (kind !== "buy_x_get_y") return 2n;
  return isOpen || isGotApart ? buyQuantity : buyQuantity + getQuantity;
}

function secondQuantity({ kind, getQuantity, isGotApart }, isOpen) {
  return kind === "buy_x_get_y" && (isOpen || isGotApart) ? getQuantity : 1n;
}

/** Return the lines with more units of the first one, or a higher price, until the minimum spend is reached. */
function reach(minimum, [first, ...others]) {
  const rest = others.reduce(
    (total, { isEligible, price, quantity }) => total + (isEligible ? price * quantity : 0n),
    0n,
  );
  const missing = minimum - rest - first.price * first.quantity;
  if (missing <= 0n) return [first, ...others];
  const quantity = first.quantity + (missing + first.price - 1n) / first.price;
  return [quantity <= MAX_UNITS ? { ...first, quantity } : { ...first, price: minimum }, ...others];
}

const READERS = {
  percent: (text) => within(hundredths(text), 10_000n),
  amount: money,
  minimum_spend: money,
  maximum_discount: money,
  budget: money,
  buy_quantity: (value) => within(Number.isInteger(value) ? BigInt(value) : null, 1000n),
  get_quantity: (value) => within(Number.isInteger(value) ? BigInt(value) : null, 1000n),
  currency: (code) => code,
};

function money(text, currency) {
  return currency ? within(toMinor(text, currency), BigInt(Number.MAX_SAFE_INTEGER)) : null;
}

function hundredths(text) {
  const [, whole, fraction = ""] = /^(\d{1,3})(?:\.(\d{1,2}))?$/.exec(text) ?? [];
  return whole === undefined ? null : BigInt(whole + fraction.padEnd(2, "0"));
}

function within(number, most) {
  return number !== null && number > 0n && number <= most ? number : null;
}
