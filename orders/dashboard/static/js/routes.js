// The addresses below /dashboard and their pages; `orders/dashboard/urls.py` has the same ones.

import analytics from "./pages/analytics.js";
import board from "./pages/board.js";
import coupon from "./pages/coupon.js";
import couponNew from "./pages/coupon-new.js";
import coupons from "./pages/coupons.js";
import deadLetters from "./pages/dead-letters.js";
import { forbidden, notFound } from "./pages/messages.js";
import order from "./pages/order.js";
import orders from "./pages/orders.js";
import vendorOrder from "./pages/vendor-order.js";

const ID = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}";
const CODE = "[A-Za-z0-9][A-Za-z0-9_-]{2,49}";

const ROUTES = [
  ["", (role) => (role === "vendor" ? board : orders)],
  [`/vendor-orders/(?<id>${ID})`, () => vendorOrder],
  ["/orders", () => orders],
  [`/orders/(?<id>${ID})`, () => order],
  ["/analytics", () => analytics],
  ["/coupons", () => coupons],
  ["/coupons/new", () => couponNew],
  [`/coupons/(?<code>${CODE})`, () => coupon],
  ["/dead-letters", () => deadLetters],
].map(([path, pageOf]) => ({ pattern: new RegExp(`^${path}$`), pageOf }));

/** Return the page at a path below /dashboard for a role, and the parameters in the path. */
export function pageAt(path, role) {
  for (const { pattern, pageOf } of ROUTES) {
    const match = pattern.exec(path);
    if (match) {
      const page = pageOf(role);
      return { page: page.roles.includes(role) ? page : forbidden, params: { ...match.groups } };
    }
  }
  return { page: notFound, params: {} };
}

/** The links of the navigation: hook, words, path, the roles that have it, and the pages that belong to it. */
export const LINKS = [
  ["nav-board", "Orders", "", ["vendor"], ["board", "vendor-order"]],
  ["nav-orders", "Orders", "/orders", ["admin"], ["orders", "order", "vendor-order"]],
  ["nav-analytics", "Analytics", "/analytics", ["vendor", "admin"], ["analytics"]],
  ["nav-coupons", "Coupons", "/coupons", ["vendor", "admin"], ["coupons", "coupon", "coupon-new"]],
  ["nav-dead-letters", "Dead letters", "/dead-letters", ["admin"], ["dead-letters"]],
];
