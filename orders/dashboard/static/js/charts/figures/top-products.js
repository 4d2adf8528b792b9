// The products with the largest revenue.

import { amountText } from "../../format.js";
import { count, money, text } from "../columns.js";
import { ranked } from "../ranked.js";

export default {
  hook: "chart-top-products",
  title: "Top products",
  about: "By revenue.",
  size: "normal",
  report: "top-products",
  none: "No product was sold in this range.",
  columns: [
    text("name", "Product", { header: true }),
    money("revenue", "Revenue"),
    count("orders", "Orders"),
    count("quantity", "Units"),
    money("gross", "Gross"),
    money("discount", "Discount"),
    count("cancelled_quantity", "Units cancelled"),
    money("cancelled", "Cancelled"),
    count("returned_quantity", "Units returned"),
    money("returned", "Returned"),
    text("sku", "SKU"),
    text("product_id", "Product id"),
    text("vendor_id", "Vendor"),
  ],
  keyOf: ({ product_id: id }) => id,
  read,
};

async function read(reports) {
  const { rows, query } = await reports.ranking("top-products");
  const [first] = rows;
  return {
    rows,
    query,
    sentence:
      first &&
      `${rows.length} products; the first, ${first.name}, has a revenue of ${amountText(first.revenue, first.currency)}.`,
    configure: ranked({ bars: rows.map(barOf), currency: first?.currency }),
  };
}

function barOf({ name, revenue, quantity, currency }) {
  return { title: name, value: revenue, text: `${amountText(revenue, currency)}, units: ${quantity}` };
}
