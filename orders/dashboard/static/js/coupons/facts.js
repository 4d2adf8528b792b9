// The facts of a coupon: what it takes off, how far it is used, and the terms that cannot be changed.

import { h } from "../dom.js";
import { amount, badge, number, time } from "../format.js";
import { FUNDERS, ofLimit, worth } from "./words.js";

/** Return the card with the facts of a coupon, as they are shown to the person of the page. */
export function couponFacts(page, coupon) {
  const rows = factsOf(page, coupon).filter(([, , content]) => content);
  return h(
    "section",
    {
      hook: "coupon-summary",
      class: "card",
      "aria-label": "Summary",
      "data-status": coupon.state,
      "data-version": coupon.version,
    },
    h(
      "dl",
      { class: "coupon-facts" },
      rows.map(([label, name, content]) =>
        h("div", {}, h("dt", {}, label), h("dd", { hook: `coupon-${name}`, "data-value": coupon[name] }, content)),
      ),
    ),
  );
}

/** Return the facts: their words, the field of the API, and what is shown; null for what there is not. */
function factsOf(page, coupon) {
  const { currency, batch_id: batchId } = coupon;
  const money = (value, attributes) => amount(value, currency, attributes);
  const isAdmin = page.person.role === "admin";
  return [
    ["State", "state", badge(coupon.state, { hook: "state" })],
    ["Discount", "kind", worth(coupon, "coupon")],
    ["Currency", "currency", currency ?? "Any"],
    ["Uses", "times_used", ofLimit(coupon.times_used, coupon.usage_limit, number, "coupon-usage_limit")],
    ["Taken off", "amount_used", currency && ofLimit(coupon.amount_used, coupon.budget, money, "coupon-budget")],
    ["Vendor", "vendor_id", isAdmin && coupon.vendor_id],
    ["Funded by", "funded_by", isAdmin && Object.fromEntries(FUNDERS)[coupon.funded_by]],
    ["Created", "created_at", time(coupon.created_at)],
    [
      "Batch",
      "batch_id",
      batchId && h("a", { href: page.href("/coupons", { batch_id: batchId }) }, "The codes of its batch"),
    ],
  ];
}
