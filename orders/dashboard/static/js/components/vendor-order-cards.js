// The parts of a vendor order's page: items, address, shipment, and the other fields. Hooks are `field-<API field>`.

import { h, show } from "../dom.js";
import { amount, countryName, number, time } from "../format.js";
import { copyText } from "./copy.js";
import { ListTable } from "./list-table.js";
import { toast } from "./messages.js";

/** The items with their discounts, and the sums. */
export class ItemsCard {
  constructor() {
    const price = (field, label) => ({
      field,
      label,
      numeric: true,
      value: (item) => item[field],
      currency: ({ currency }) => currency,
      render: (item) => amount(item[field], item.currency),
    });
    this.table = new ListTable({
      caption: "Items",
      columns: [
        { field: "name", label: "Item", header: true, render: ({ name }) => name },
        { field: "sku", label: "SKU", value: ({ sku }) => sku, render: ({ sku }) => sku },
        {
          field: "quantity",
          label: "Quantity",
          numeric: true,
          value: ({ quantity }) => String(quantity),
          render: ({ quantity }) => number(quantity),
        },
        ...[price("unit_price", "Unit price"), price("discount", "Discount"), price("total", "Total")],
      ],
    });
    this.sums = h("dl", { class: "sums screen-only" });
    this.element = h("section", { class: "card card-flush" }, h("h2", {}, "Items"), this.table.element, this.sums);
  }

  show({ items, currency, subtotal, discount, total, platform_discount: platformDiscount, coupons }) {
    this.table.show(items.map((item) => ({ ...item, currency })));
    const sum = (field, label, value) =>
      pair(label, amount(value, currency, { hook: `field-${field}`, class: `number sum-${field}` }));
    show(
      this.sums,
      sum("subtotal", "Subtotal", subtotal),
      sum("discount", "Discount", discount),
      coupons.map(({ code, discount: off }) =>
        pair(["Coupon ", h("code", {}, code)], amount(off, currency, { hook: "field-coupons", "data-code": code })),
      ),
      sum("total", "Total", total),
      sum("platform_discount", "Borne by the platform", platformDiscount),
    );
  }
}

/** The address to send to, with a button that copies it. */
export function addressCard({ shipping_address: address }) {
  const title = h("h2", {}, "Ship to");
  if (!address)
    return h(
      "section",
      { class: "card" },
      title,
      h("p", { hook: "field-shipping_address", class: "muted" }, "Shown while the order is paid and not cancelled."),
    );
  const lines = addressLines(address);
  const text = h(
    "address",
    { hook: "field-shipping_address" },
    lines.map((line) => h("span", { class: "line" }, line)),
  );
  const copy = async () => {
    const isCopied = await copyText(lines.join("\n"), text);
    toast(
      isCopied ? "ok" : "error",
      isCopied ? "Address copied." : "The browser did not allow copying. Select the address, and copy it.",
    );
  };
  return h(
    "section",
    { class: "card" },
    title,
    text,
    address.phone && h("p", { class: "muted" }, "Phone ", h("span", { hook: "field-phone" }, address.phone)),
    h("button", { hook: "copy-address", type: "button", class: "button screen-only", onclick: copy }, "Copy address"),
  );
}

/** Carrier and tracking. The link is the only one that leaves the dashboard. */
export function shipmentCard(vendorOrder) {
  const {
    carrier,
    tracking_number: trackingNumber,
    tracking_url: url,
    shipped_at: shippedAt,
    delivered_at: deliveredAt,
  } = vendorOrder;
  const content = shippedAt
    ? h(
        "dl",
        { class: "facts" },
        pair("Carrier", h("span", { hook: "field-carrier" }, carrier)),
        pair("Tracking number", h("span", { hook: "field-tracking_number" }, trackingNumber)),
        isSafe(url) &&
          pair(
            "Tracking",
            h(
              "a",
              { hook: "field-tracking_url", href: url, target: "_blank", rel: "noopener noreferrer" },
              "Follow the parcel",
            ),
          ),
        pair("Shipped", time(shippedAt, { hook: "field-shipped_at" })),
        deliveredAt && pair("Delivered", time(deliveredAt, { hook: "field-delivered_at" })),
      )
    : h("p", { class: "muted" }, "Not shipped yet.");
  return h("section", { class: "card screen-only" }, h("h2", {}, "Shipment"), content);
}

/** What is left: ids, times, version. */
export function factsCard(
  page,
  {
    id,
    order_id: orderId,
    vendor_id: vendorId,
    order_number: orderNumber,
    currency,
    created_at: createdAt,
    updated_at: updatedAt,
    version,
  },
) {
  const order =
    page.person.role === "admin" ? h("a", { href: page.href(`/orders/${orderId}`) }, orderNumber) : orderNumber;
  return h(
    "section",
    { class: "card screen-only" },
    h("h2", {}, "Details"),
    h(
      "dl",
      { class: "facts" },
      pair("Order number", h("span", { hook: "field-order_number" }, order)),
      pair("Placed", time(createdAt, { hook: "field-created_at" })),
      pair("Changed", time(updatedAt, { hook: "field-updated_at" })),
      pair("Vendor", h("span", { hook: "field-vendor_id" }, vendorId)),
      pair("Currency", h("span", { hook: "field-currency" }, currency)),
      pair("Version", number(version, { hook: "field-version" })),
      pair("Vendor order id", h("code", { hook: "field-id" }, id)),
      pair("Order id", h("code", { hook: "field-order_id" }, orderId)),
    ),
  );
}

function addressLines({ name, line1, line2, city, state, postal_code: postalCode, country }) {
  return [name, line1, line2, [postalCode, city].filter(Boolean).join(" "), state, countryName(country)].filter(
    Boolean,
  );
}

function pair(term, ...description) {
  return h("div", {}, h("dt", {}, term), h("dd", {}, description));
}

/** Return whether a link may lead out: https, without user info. The API takes no others. */
function isSafe(url) {
  if (!URL.canParse(url ?? "")) return false;
  const { protocol, username, password } = new URL(url);
  return protocol === "https:" && !username && !password;
}
