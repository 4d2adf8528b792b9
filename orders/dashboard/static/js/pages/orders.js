// All orders, for admins, with every filter of the API that a person would use.

import { Filters } from "../components/filters.js";
import { LiveList } from "../components/live-list.js";
import { orderActions } from "../components/order-actions.js";
import { h } from "../dom.js";
import { amount, badge, counted, number, time } from "../format.js";

const STATUSES = ["pending", "confirmed", "processing", "shipped", "delivered", "cancelled", "expired"];
const PAYMENT_STATUSES = [
  "unpaid",
  "failed",
  "authorized",
  "voided",
  "partially_paid",
  "paid",
  "partially_refunded",
  "refunded",
];
const ORDERINGS = [
  ["-created_at", "Newest first"],
  ["created_at", "Oldest first"],
  ["-updated_at", "Last changed first"],
  ["updated_at", "Longest unchanged first"],
  ["-total", "Highest total first"],
  ["total", "Lowest total first"],
];
const FILTERS = [
  { name: "q", label: "Search", kind: "search", placeholder: "Number, item or SKU" },
  { name: "status", label: "Status", kind: "choice", options: STATUSES },
  { name: "payment_status", label: "Payment", kind: "choice", options: PAYMENT_STATUSES },
  { name: "vendor_id", label: "Vendor id", kind: "text" },
  { name: "customer_id", label: "Customer id", kind: "text" },
  { name: "created_after", label: "Placed from", kind: "time" },
  { name: "created_before", label: "Placed before", kind: "time" },
  { name: "min_total", label: "Total from", kind: "amount" },
  { name: "max_total", label: "Total to", kind: "amount" },
  { name: "ordering", label: "Ordering", kind: "choice", options: ORDERINGS, initial: ORDERINGS[0][0] },
];
const SHOWN_ITEMS = 2;

export default { name: "orders", title: "Orders", roles: ["admin"], open };

function open(page) {
  const filters = new Filters(page, FILTERS);
  const list = new LiveList(page, {
    path: "/orders",
    parameters: (query) => filters.parameters(query),
    table: { caption: "Orders", columns: columns(page, (order) => list.update(order)) },
    noun: "order",
    emptyTexts: (query) => emptyTexts(filters.isSet(query)),
  });
  const showHeading = (query) => {
    list.heading.textContent = filters.isSet(query) ? "Matching orders" : "All orders";
  };
  page.main.append(filters.element, list.element);
  showHeading(page.query);
  list.open();
  return (query) => {
    showHeading(query);
    filters.update(query);
    list.turn();
  };
}

function columns(page, changed) {
  return [
    {
      field: "number",
      label: "Order",
      header: true,
      value: (order) => order.number,
      render: (order) => h("a", { class: "strong", href: page.href(`/orders/${order.id}`) }, order.number),
    },
    { field: "status", label: "Status", value: ({ status }) => status, render: ({ status }) => badge(status) },
    {
      field: "payment_status",
      label: "Payment",
      value: (order) => order.payment_status,
      render: (order) => badge(order.payment_status),
    },
    { field: "items", label: "Items", render: ({ items }) => itemsOf(items) },
    {
      field: "customer_id",
      label: "Customer",
      value: (order) => order.customer_id,
      render: (order) => order.customer_id,
    },
    {
      field: "total",
      label: "Total",
      numeric: true,
      value: ({ total }) => total,
      currency: ({ currency }) => currency,
      render: ({ total, currency }) => amount(total, currency),
    },
    {
      field: "created_at",
      label: "Placed",
      value: ({ created_at: at }) => at,
      render: ({ created_at: at }) => time(at, { relative: true }),
    },
    {
      field: "available_actions",
      label: "Actions",
      render: (order) => h("div", { class: "actions" }, orderActions(page, order, changed)),
    },
  ];
}

function itemsOf(items) {
  const lines = items
    .slice(0, SHOWN_ITEMS)
    .map(({ quantity, name }) => h("li", { class: "line" }, number(quantity), " × ", name));
  const more = items.length - SHOWN_ITEMS;
  return h(
    "ul",
    { class: "items" },
    lines,
    more > 0 && h("li", { class: "muted" }, `and ${counted(more, "more item")}`),
  );
}

function emptyTexts(isFiltered) {
  return isFiltered
    ? ["No order matches the filters.", "Change the filters, or clear them."]
    : ["There are no orders yet.", "An order appears here as soon as a customer places it."];
}
