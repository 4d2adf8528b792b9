// The list of coupons, all or those of a batch.

import { csvButton } from "../components/csv-button.js";
import { Filters } from "../components/filters.js";
import { LiveList } from "../components/live-list.js";
import { Batches } from "../coupons/batches.js";
import { FUNDERS, KINDS, ofLimit, worth } from "../coupons/words.js";
import { h } from "../dom.js";
import { amount, badge, number, time } from "../format.js";

const ORDERINGS = [
  ["created_at", "Oldest first"],
  ["code", "Code A–Z"],
  ["-code", "Code Z–A"],
];
const FILTERS = [
  { name: "q", label: "Code", kind: "search", placeholder: "Begins with" },
  { name: "kind", label: "Kind", kind: "choice", options: KINDS },
  {
    name: "is_active",
    label: "Enabled",
    kind: "choice",
    options: [
      ["true", "Enabled"],
      ["false", "Disabled"],
    ],
  },
];
const ADMIN_FILTERS = [
  { name: "vendor_id", label: "Vendor", kind: "text" },
  { name: "funded_by", label: "Funded by", kind: "choice", options: FUNDERS },
];

export default { name: "coupons", title: "Coupons", roles: ["vendor", "admin"], open };

function open(page) {
  const isAdmin = page.person.role === "admin";
  const batches = new Batches(page, { changed: () => list.open() });
  const ordering = { name: "ordering", label: "Order", kind: "choice", all: "Newest first", options: ORDERINGS };
  const filters = new Filters(page, [...FILTERS, ...(isAdmin ? ADMIN_FILTERS : []), batches.filter(), ordering]);
  const list = new LiveList(page, {
    path: "/coupons",
    parameters: (query) => filters.parameters(query),
    table: { caption: "Coupons", columns: columns(page, isAdmin), statusOf: ({ state }) => state },
    noun: "coupon",
    emptyTexts: (query) =>
      filters.isSet(query)
        ? ["No coupon matches the filters.", "Clear the filters to see all coupons."]
        : emptyTexts(page),
    live: false,
  });
  filters.setOptions("batch_id", batches.filter().options);
  page.headerActions.append(
    h(
      "a",
      { hook: "batch-new", class: "button", href: page.href("/coupons/new", { batch: "1" }) },
      "New batch of codes",
    ),
    h("a", { hook: "coupon-new-link", class: "button button-primary", href: page.href("/coupons/new") }, "New coupon"),
  );
  list.bar.append(
    csvButton("Save as CSV", { hook: "coupons-csv" }, { page, path: "/coupons", query: () => filters.parameters() }),
  );
  page.main.append(filters.element, batches.element, list.element);
  const read = () => batches.read(filters);
  list.open();
  read();
  return (query) => {
    filters.update(query);
    list.turn();
    read();
  };
}

function emptyTexts(page) {
  const create = h("a", { class: "button button-primary", href: page.href("/coupons/new") }, "New coupon");
  return ["There are no coupons yet.", "Create the first one: a code that takes something off an order.", create];
}

function columns(page, isAdmin) {
  const codeLink = ({ code }) => h("a", { class: "code strong", href: page.href(`/coupons/${code}`) }, code);
  const ofUses = ({ times_used: used, usage_limit: limit }) => ofLimit(used, limit, number, "cell-usage_limit");
  const ofBudget = ({ amount_used: used, budget, currency }) =>
    used === null
      ? "–"
      : ofLimit(used, budget, (value, attributes) => amount(value, currency, attributes), "cell-budget");
  const shownTime = (value, none) => (value ? time(value) : none);
  const all = [
    { field: "code", label: "Code", header: true, value: ({ code }) => code, render: codeLink },
    { field: "name", label: "Name", value: ({ name }) => name, render: ({ name }) => name },
    { field: "kind", label: "Discount", value: ({ kind }) => kind, render: (coupon) => worth(coupon, "cell") },
    {
      field: "state",
      label: "State",
      value: ({ state }) => state,
      render: ({ state }) => badge(state, { hook: "state" }),
    },
    { field: "times_used", label: "Uses", numeric: true, value: ({ times_used: used }) => used, render: ofUses },
    {
      field: "amount_used",
      label: "Taken off",
      numeric: true,
      value: ({ amount_used: used }) => used,
      currency: ({ currency }) => currency,
      render: ofBudget,
    },
    {
      field: "vendor_id",
      label: "Vendor",
      value: ({ vendor_id: vendor }) => vendor,
      render: ({ vendor_id: vendor }) => vendor ?? "–",
    },
    {
      field: "starts_at",
      label: "Good from",
      value: ({ starts_at: at }) => at,
      render: ({ starts_at: at }) => shownTime(at),
    },
    {
      field: "ends_at",
      label: "Until",
      value: ({ ends_at: at }) => at,
      render: ({ ends_at: at }) => shownTime(at, "–"),
    },
  ];
  return all.filter(({ field }) => isAdmin || field !== "vendor_id");
}
