// The parts of an order's page for admins: summary, customer, vendor orders, and the other fields.

import { h, show } from "../dom.js";
import { amount, badge, number, time } from "../format.js";
import { ListTable } from "./list-table.js";
import { vendorOrderActions } from "./vendor-order-actions.js";
import { isSafe, pair } from "./vendor-order-cards.js";

/** Return the statuses of an order and of its payment. */
export function statuses({ status, payment_status: paymentStatus }) {
  return [
    badge(status, { hook: "order-status" }),
    h("span", { class: "muted" }, "Payment ", badge(paymentStatus, { hook: "payment-status" })),
  ];
}

/** Return what an order is about, at a glance. */
export function summary(
  page,
  { number: orderNumber, total, discount, currency, coupons, created_at: createdAt, expires_at: expiresAt, status },
) {
  return [
    pair("Order number", h("span", { hook: "order-number", "data-value": orderNumber }, orderNumber)),
    pair("Total", amount(total, currency, { hook: "order-total" })),
    pair("Discount", amount(discount, currency, { hook: "order-discount" })),
    pair(
      "Coupons",
      coupons.length
        ? h(
            "ul",
            { hook: "order-coupons" },
            coupons.map((coupon) => couponLine(page, coupon, currency)),
          )
        : h("span", { hook: "order-coupons", class: "muted" }, "None"),
    ),
    pair("Placed", time(createdAt, { hook: "order-created_at" })),
    status === "pending" && pair("Expires unless paid", time(expiresAt, { hook: "order-expires_at" })),
  ];
}

function couponLine(page, { code, kind, discount }, currency) {
  const link = h("a", { href: page.href(`/coupons/${encodeURIComponent(code)}`) }, code);
  return h("li", { hook: "order-coupon", "data-code": code, "data-kind": kind }, link, " ", amount(discount, currency));
}

/** Return the card of the customer, with the way to their other orders. */
export function customerCard(page, { customer_id: customerId, note }) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Customer"),
    h("p", { hook: "order-customer", "data-value": customerId }, customerId),
    note && h("p", { hook: "order-note", class: "quote" }, note),
    h(
      "a",
      { hook: "customer-orders", href: page.href("/orders", { customer_id: customerId }) },
      "All orders of this customer",
    ),
  );
}

/** Return the card of what is left: ids, times, version. */
export function detailsCard({ id, currency, updated_at: updatedAt, version }) {
  return h(
    "section",
    { class: "card" },
    h("h2", {}, "Details"),
    h(
      "dl",
      { class: "facts" },
      pair("Changed", time(updatedAt, { hook: "order-updated_at" })),
      pair("Currency", h("span", { hook: "order-currency" }, currency)),
      pair("Version", number(version, { hook: "order-version" })),
      pair("Order id", h("code", { hook: "order-id" }, id)),
    ),
  );
}

/** The vendors' parts of an order, with their actions. `changed(vendorOrder)` is called after an action. */
export class VendorOrdersCard {
  #known = new Map();

  constructor(page, changed) {
    this.title = h("h2", {}, "Vendor orders");
    const update = (vendorOrder) => {
      this.table.update(this.#newest(vendorOrder));
      changed(vendorOrder);
    };
    this.table = new ListTable({ caption: "Vendor orders", columns: columns(page, update) });
    this.element = h("section", { hook: "vendor-orders", class: "card card-flush" }, this.title, this.table.element);
  }

  /** Show these vendor orders, each in its newest version that has been seen. */
  show(vendorOrders) {
    show(this.title, "Vendor orders ", h("span", { class: "muted" }, String(vendorOrders.length)));
    this.table.show(vendorOrders.map((vendorOrder) => this.#newest(vendorOrder)));
  }

  #newest(vendorOrder) {
    const known = this.#known.get(vendorOrder.id);
    if (known?.version > vendorOrder.version) return known;
    this.#known.set(vendorOrder.id, vendorOrder);
    return vendorOrder;
  }
}

function columns(page, changed) {
  return [
    {
      field: "vendor_id",
      label: "Vendor",
      header: true,
      value: (part) => part.vendor_id,
      render: ({ id, vendor_id: vendorId }) =>
        h("a", { class: "strong", href: page.href(`/vendor-orders/${id}`) }, vendorId),
    },
    { field: "status", label: "Status", value: ({ status }) => status, render: ({ status }) => badge(status) },
    {
      field: "total",
      label: "Total",
      numeric: true,
      value: ({ total }) => total,
      currency: ({ currency }) => currency,
      render: ({ total, currency }) => amount(total, currency),
    },
    { field: "tracking_number", label: "Shipment", value: (part) => part.tracking_number, render: shipment },
    {
      field: "available_actions",
      label: "Actions",
      render: (part) => h("div", { class: "actions" }, vendorOrderActions(page, part, changed)),
    },
  ];
}

function shipment({
  carrier,
  tracking_number: trackingNumber,
  tracking_url: url,
  shipped_at: shippedAt,
  delivered_at: deliveredAt,
}) {
  if (!shippedAt) return h("span", { class: "muted" }, "–");
  const text = isSafe(url)
    ? h("a", { href: url, target: "_blank", rel: "noopener noreferrer" }, trackingNumber)
    : trackingNumber;
  const at = deliveredAt
    ? ["delivered ", time(deliveredAt, { relative: true })]
    : ["shipped ", time(shippedAt, { relative: true })];
  return h("div", {}, h("p", {}, carrier, " ", text), h("p", { class: "muted" }, at));
}
