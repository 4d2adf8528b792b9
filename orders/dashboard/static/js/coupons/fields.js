// The fields of a coupon's forms: those of the API, in the groups in which they are shown.

import { DECIMALS } from "../currencies.js";
import { FUNDERS, KINDS } from "./words.js";

const CURRENCY_NAMES = new Intl.DisplayNames(["en"], { type: "currency" });
const CURRENCIES = [
  ["", "Any currency"],
  ...Object.keys(DECIMALS)
    .sort()
    .map((code) => [code, currencyName(code)]),
];
const FUNDED_BY = [["", "Vendor if given, else platform"], ...FUNDERS];

const FORMS = ["one", "batch", "change"];
const NEW = ["one", "batch"];
const ALL = KINDS.map(([kind]) => kind);
const GOT = ["buy_x_get_y"];
const CUT = ["percentage", "buy_x_get_y"];

/**
 * Fields by group, with what `controls.js` needs. `forms` are those that have the field: of "one" new coupon, of a new "batch", and of
 * the "change" of a coupon, which has the changeable terms; `kinds` are the kinds that have it, `admin` says that a vendor's is given.
 */
export const GROUPS = {
  Coupon: [
    {
      name: "code",
      label: "Code",
      optional: true,
      forms: ["one"],
      control: "code",
      maxlength: 50,
      hint: "3 to 50 letters, digits, - and _. Without one it is 12 random characters.",
    },
    {
      name: "count",
      label: "Number of codes",
      forms: ["batch"],
      hook: "batch-count",
      control: "integer",
      hint: "1 to 10,000.",
    },
    {
      name: "prefix",
      label: "Prefix",
      optional: true,
      forms: ["batch"],
      hook: "batch-prefix",
      control: "code",
      maxlength: 20,
      hint: "12 random characters follow.",
    },
    { name: "name", label: "Name", optional: true, control: "text", maxlength: 100, hint: "Customers never see it." },
  ],
  Discount: [
    { name: "kind", label: "Kind", forms: NEW, control: "choice", options: KINDS },
    {
      name: "percent",
      label: "Percent off",
      forms: NEW,
      kinds: ["percentage"],
      control: "decimal",
      hint: "0.01 to 100.00",
    },
    { name: "buy_quantity", label: "Units to buy", forms: NEW, kinds: GOT, control: "integer" },
    {
      name: "get_quantity",
      label: "Units to get",
      forms: NEW,
      kinds: GOT,
      control: "integer",
      hint: "The cheapest ones.",
    },
    {
      name: "percent",
      label: "Percent off these",
      optional: true,
      forms: NEW,
      kinds: GOT,
      control: "decimal",
      hint: "100 unless given: they are free.",
    },
    {
      name: "currency",
      label: "Currency",
      forms: NEW,
      control: "choice",
      options: CURRENCIES,
      hint: "Good only for carts in it. Amounts need one.",
    },
    { name: "amount", label: "Amount off", forms: NEW, kinds: ["fixed_amount"], control: "money" },
    {
      name: "maximum_discount",
      label: "Maximum discount",
      optional: true,
      kinds: CUT,
      control: "money",
      hint: "The most it takes off one order.",
    },
  ],
  "Eligible items": [
    {
      name: "vendor_id",
      label: "Vendor",
      optional: true,
      forms: NEW,
      admin: true,
      control: "text",
      maxlength: 64,
      hint: "Only this vendor's items.",
    },
    { name: "funded_by", label: "Funded by", forms: NEW, admin: true, control: "choice", options: FUNDED_BY },
    { name: "product_ids", label: "Products", optional: true, control: "lines", hint: "Only these: one id a line." },
    {
      name: "get_product_ids",
      label: "Products to get",
      optional: true,
      kinds: GOT,
      control: "lines",
      hint: "One id a line. Without them, what is got is what is bought.",
    },
    { name: "minimum_spend", label: "Minimum spend", optional: true, control: "money", hint: "On eligible items." },
  ],
  Limits: [
    { name: "usage_limit", label: "Uses in all", optional: true, forms: ["one", "change"], control: "integer" },
    {
      name: "usage_limit",
      label: "Uses of each code",
      optional: true,
      forms: ["batch"],
      control: "integer",
      hint: "1 unless given.",
    },
    { name: "per_customer_limit", label: "Uses of one customer", optional: true, control: "integer" },
    {
      name: "budget",
      label: "Budget",
      optional: true,
      control: "money",
      hint: "The most it takes off all orders together.",
    },
    { name: "first_order_only", label: "For a customer's first order only", control: "check" },
    { name: "stackable", label: "May be used together with other coupons", control: "check" },
  ],
  Validity: [
    { name: "starts_at", label: "Good from", optional: true, forms: NEW, control: "time", hint: "Now, unless given." },
    { name: "starts_at", label: "Good from", forms: ["change"], control: "time" },
    { name: "ends_at", label: "Good until", optional: true, control: "time", hint: "Refused from this moment on." },
    { name: "is_active", label: "Enabled", control: "check", initial: true },
  ],
};

/** The labels of the fields by their names. */
export const LABELS = Object.fromEntries(
  Object.values(GROUPS)
    .flat()
    .reverse()
    .map(({ name, label }) => [name, label]),
);

/** Return whether the form of a coupon of this kind has a field. A coupon without currency can be given no amounts later. */
export function has({ form, kind, role, hasMoney }, { forms = FORMS, kinds = ALL, admin = false, control }) {
  return (
    forms.includes(form) && kinds.includes(kind) && (role === "admin" || !admin) && (hasMoney || control !== "money")
  );
}

/** Return the label of a field, with the currency of an amount. */
export function labelOf({ label, control, optional = false }, currency) {
  return `${label}${control === "money" && currency ? ` in ${currency}` : ""}${optional ? " (optional)" : ""}`;
}

function currencyName(code) {
  const name = CURRENCY_NAMES.of(code);
  return name === code ? code : `${code} – ${name}`;
}
