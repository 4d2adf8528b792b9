// The orders that use a coupon.

import { csvButton } from "../components/csv-button.js";
import { Filters } from "../components/filters.js";
import { LiveList } from "../components/live-list.js";
import { h } from "../dom.js";
import { amount, badge, time, words } from "../format.js";

const STATUSES = ["reserved", "redeemed", "released"];

/** The list: `element`, which `open()` reads, and `turn()` after a change of the address. */
export class Redemptions {
  constructor(page, { code }) {
    const path = `/coupons/${code}/redemptions`;
    this.filters = new Filters(page, [{ name: "status", label: "Status", kind: "choice", options: STATUSES }]);
    this.list = new LiveList(page, {
      path,
      parameters: (query) => this.filters.parameters(query),
      table: { caption: "Redemptions", columns: columns(page) },
      noun: "redemption",
      emptyTexts: (query) => emptyTexts(this.filters.isSet(query)),
      live: false,
    });
    this.list.bar.append(
      csvButton("Save as CSV", { hook: "redemptions-csv" }, { page, path, query: () => this.filters.parameters() }),
    );
    this.list.bar.after(this.filters.element);
    this.element = h("div", { hook: "redemptions" }, this.list.element);
    this.page = page;
  }

  open() {
    this.list.open();
  }

  /** Show the part of the list that the address says. */
  turn() {
    this.filters.update(this.page.query);
    this.list.turn();
  }
}

function emptyTexts(isFiltered) {
  return isFiltered
    ? ["No order here matches the filter.", "Clear the filter to see all."]
    : ["No order has used it yet.", "Orders appear here when they are placed with the code."];
}

function columns(page) {
  const shownTime = (value) => (value ? time(value) : "–");
  const all = [
    {
      field: "order_number",
      label: "Order",
      header: true,
      value: ({ order_number: orderNumber }) => orderNumber,
      render: (redemption) => orderLink(page, redemption),
    },
    {
      field: "customer_id",
      label: "Customer",
      value: ({ customer_id: id }) => id,
      render: ({ customer_id: id }) => id,
    },
    {
      field: "discount",
      label: "Discount",
      numeric: true,
      value: ({ discount }) => discount,
      currency: ({ currency }) => currency,
      render: ({ discount, currency }) => amount(discount, currency),
    },
    { field: "status", label: "Status", value: ({ status }) => status, render: ({ status }) => badge(status) },
    ...["reserved_at", "redeemed_at", "released_at"].map((field) => ({
      field,
      label: words(field.slice(0, -3)),
      value: (one) => one[field],
      render: (one) => shownTime(one[field]),
    })),
  ];
  return all.filter(({ field }) => page.person.role === "admin" || field !== "customer_id");
}

function orderLink(page, { order_id: orderId, vendor_order_id: vendorOrderId, order_number: orderNumber }) {
  const path = page.person.role === "admin" ? `/orders/${orderId}` : `/vendor-orders/${vendorOrderId}`;
  return h("a", { class: "strong", href: page.href(path) }, orderNumber);
}
