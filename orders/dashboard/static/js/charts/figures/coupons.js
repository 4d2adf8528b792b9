// The coupons that took off most.

import { amountText, words } from "../../format.js";
import { count, money, text } from "../columns.js";
import { ranked } from "../ranked.js";

export default {
  hook: "chart-coupons",
  title: "Coupons",
  about: "By what they took off the sales of the range.",
  size: "normal",
  report: "coupons",
  none: "No sale used a coupon in this range.",
  columns: [
    text("code", "Code", { header: true }),
    text("funded_by", "Paid by", { words }),
    text("vendor_id", "Vendor"),
    count("redemptions", "Uses"),
    money("discount", "Discount"),
    money("gross", "Gross"),
    money("net", "Net"),
    text("coupon_id", "Coupon id"),
  ],
  keyOf: ({ coupon_id: id }) => id,
  read,
};

async function read(reports) {
  const { rows, query } = await reports.ranking("coupons");
  const [first] = rows;
  return {
    rows,
    query,
    sentence:
      first &&
      `${rows.length} coupons; the first, ${first.code}, took off ${amountText(first.discount, first.currency)}.`,
    configure: ranked({ bars: rows.map(barOf), currency: first?.currency }),
  };
}

function barOf({ code, discount, redemptions, currency }) {
  return { title: code, value: discount, text: `${amountText(discount, currency)}, uses: ${redemptions}` };
}
