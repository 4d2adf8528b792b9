// A vendor's orders by what is to be done with them: counts, a list for each, and the actions.

import { get } from "../api.js";
import { BulkAccept } from "../components/bulk-accept.js";
import { Filters } from "../components/filters.js";
import { LiveList } from "../components/live-list.js";
import { Selection } from "../components/selection.js";
import { vendorOrderActions } from "../components/vendor-order-actions.js";
import { h } from "../dom.js";
import { amount, badge, countryName, number, time } from "../format.js";

const TABS = {
  "to-accept": {
    title: "To accept",
    parameters: { status: "pending", order_status: "confirmed", ordering: "created_at" },
    none: "Nothing to accept.",
  },
  processing: { title: "Processing", parameters: { status: "processing" }, none: "No order is being processed." },
  shipped: { title: "Shipped", parameters: { status: "shipped" }, none: "No parcel is on its way." },
  delivered: { title: "Delivered", parameters: { status: "delivered" }, none: "Nothing has been delivered yet." },
  cancelled: { title: "Cancelled", parameters: { status: "cancelled" }, none: "No order has been cancelled." },
  unpaid: {
    title: "Unpaid",
    parameters: { status: "pending", order_status: "pending" },
    none: "No order waits for its payment.",
  },
};
const FIRST_TAB = "to-accept";
const FILTERS = [
  { name: "q", label: "Search", kind: "search", placeholder: "Number, item or SKU" },
  { name: "product_id", label: "Product id", kind: "text" },
  { name: "created_after", label: "Placed from", kind: "time" },
  { name: "created_before", label: "Placed before", kind: "time" },
];

export default { name: "board", title: "Orders", roles: ["vendor"], open };

function open(page) {
  const tiles = new Tiles(page);
  const filters = new Filters(page, FILTERS);
  const bulk = new BulkAccept({ changed: (vendorOrder) => list.update(vendorOrder) });
  const selection = new Selection({
    isSelectable: ({ available_actions: actions }) => actions.includes("accept"),
    nameOf: ({ order_number: orderNumber }) => `order ${orderNumber}`,
    changed: () => bulk.offer(selection),
  });
  const list = new LiveList(page, {
    path: "/vendor-orders",
    parameters: (query) => ({ ...TABS[tabOf(query)].parameters, ...filters.parameters(query) }),
    table: { caption: "Orders", columns: columns(page, (vendorOrder) => list.update(vendorOrder)), select: selection },
    noun: "order",
    emptyTexts: (query) => emptyTexts(tabOf(query), filters.isSet(query)),
    alongside: (signal) => tiles.read(signal),
    shown: (records) => selection.keep(records),
    isHeld: () => selection.size > 0,
  });
  function showTab() {
    page.main.dataset.tab = tabOf(page.query);
    list.heading.textContent = TABS[tabOf(page.query)].title;
    tiles.choose();
    filters.update(page.query);
  }
  list.bar.append(bulk.button);
  page.main.append(tiles.element, filters.element, bulk.result, list.element);
  showTab();
  list.open();
  return () => {
    showTab();
    list.turn();
  };
}

function tabOf({ tab }) {
  return Object.hasOwn(TABS, tab ?? "") ? tab : FIRST_TAB;
}

function columns(page, changed) {
  const numberLink = ({ id, order_number: orderNumber }) =>
    h("a", { class: "strong", href: page.href(`/vendor-orders/${id}`) }, orderNumber);
  return [
    { field: "order_number", label: "Order", header: true, render: numberLink },
    { field: "items", label: "Items", render: ({ items }) => h("ul", { class: "items" }, items.map(itemLine)) },
    {
      field: "total",
      label: "Total",
      numeric: true,
      value: ({ total }) => total,
      currency: ({ currency }) => currency,
      render: ({ total, currency }) => amount(total, currency),
    },
    {
      field: "country",
      label: "Country",
      value: ({ shipping_address: to }) => to?.country,
      render: ({ shipping_address: to }) => (to ? countryName(to.country) : "–"),
    },
    {
      field: "created_at",
      label: "Placed",
      value: ({ created_at: at }) => at,
      render: ({ created_at: at }) => time(at, { relative: true }),
    },
    { field: "status", label: "Status", value: ({ status }) => status, render: ({ status }) => badge(status) },
    {
      field: "available_actions",
      label: "Actions",
      render: (vendorOrder) => h("div", { class: "actions" }, vendorOrderActions(page, vendorOrder, changed)),
    },
  ];
}

function itemLine({ quantity, name }) {
  return h("li", {}, number(quantity), " × ", name);
}

function emptyTexts(tab, isFiltered) {
  if (isFiltered) return ["No order here matches the filters.", "Clear the filters, or look under another heading."];
  const advice = {
    "to-accept": "Orders appear here as soon as they are paid.",
    unpaid: "Orders appear here until they are paid or expire.",
  };
  return [TABS[tab].none, advice[tab] ?? "Look under another heading."];
}

/** The counts, which are the links to the lists. */
class Tiles {
  constructor(page) {
    this.page = page;
    this.values = Object.fromEntries(Object.keys(TABS).map((tab) => [tab, h("span", { class: "tile-value" }, "–")]));
    this.oldest = h("span", { class: "tile-note" });
    this.links = Object.entries(TABS).map(([tab, { title }]) =>
      h(
        "a",
        { hook: `tile-${tab}`, class: "tile", "data-tile": tab },
        h("span", { class: "tile-title" }, title),
        this.values[tab],
        tab === FIRST_TAB && this.oldest,
      ),
    );
    this.element = h("nav", { class: "tiles", "aria-label": "Orders by status" }, this.links);
  }

  /** Show which list is chosen; the filters stay. */
  choose() {
    const chosen = tabOf(this.page.query);
    for (const link of this.links) {
      const { tile } = link.dataset;
      link.href = this.page.hrefWith({ tab: tile === FIRST_TAB ? "" : tile, cursor: "" });
      if (tile === chosen) link.setAttribute("aria-current", "true");
      else link.removeAttribute("aria-current");
    }
  }

  /** Read the counts. */
  async read(signal) {
    this.#show(await get("/vendor-orders/summary", { signal }));
  }

  #show({ counts, to_accept: toAccept, oldest_waiting_at: oldest }) {
    const { pending, ...others } = counts;
    const shown = { ...others, "to-accept": toAccept, unpaid: pending - toAccept };
    for (const link of this.links) {
      const { tile } = link.dataset;
      link.dataset.value = String(shown[tile]);
      this.values[tile].replaceChildren(number(shown[tile]));
    }
    this.oldest.replaceChildren(
      ...(oldest ? ["Oldest ", time(oldest, { relative: true, hook: "oldest-waiting" })] : []),
    );
    this.page.setCount(toAccept);
  }
}
