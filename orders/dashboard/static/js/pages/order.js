// One order, for admins: all of its vendors' parts, its money, and everything that has happened to it.

import { get } from "../api.js";
import { liveIndicator } from "../components/live-indicator.js";
import { orderActions } from "../components/order-actions.js";
import { customerCard, detailsCard, statuses, summary, VendorOrdersCard } from "../components/order-cards.js";
import { Timeline } from "../components/timeline.js";
import { addressCard, ItemsCard } from "../components/vendor-order-cards.js";
import { h, setAttribute, show } from "../dom.js";
import { repeated } from "../live.js";
import { waitFor } from "../ready.js";
import { readStream } from "../stream.js";

const MAX_VENDOR_ORDERS = 100; // an order has 100 items at most

export default { name: "order", title: "Order", roles: ["admin"], open };

function open(page) {
  const path = `/orders/${page.params.id}`;
  const region = h("div", { class: "list-region" });
  const timeline = new Timeline();
  const setState = liveIndicator(page);
  const refresh = repeated(async (signal) => view.show(await read(path, signal)), page.signal);
  const view = new View(page, { timeline, changed: () => waitFor(refresh) });

  page.main.append(region);
  page.load(region, async (signal) => {
    const { results: entries } = await get(`${path}/history`, { signal }); // before the order: a later entry comes by the stream
    view.show(await read(path, signal));
    timeline.add(entries);
    region.replaceWith(...view.elements);
    const receive = (arrived) => {
      timeline.add(arrived);
      refresh();
    };
    readStream(`${path}/stream`, receive, { signal: page.signal, setState, after: timeline.last });
    return [];
  });
}

/** Return an order and its vendor orders, which have the actions and versions that are missing in the order. */
async function read(path, signal) {
  const order = await get(path, { signal });
  const query = { q: order.number, limit: MAX_VENDOR_ORDERS };
  const { results } = await get("/vendor-orders", { query, signal });
  const byId = new Map(results.map((vendorOrder) => [vendorOrder.id, vendorOrder]));
  return { order, vendorOrders: order.vendor_orders.map(({ id }) => byId.get(id)).filter(Boolean) };
}

/** What the page shows of an order. It is filled anew for each version, and keeps the focus. */
class View {
  #version = 0;

  constructor(page, { timeline, changed }) {
    Object.assign(this, { page, changed });
    this.badges = h("div", { class: "badges" });
    this.actions = h("div", { class: "actions" });
    this.summary = h("dl", { hook: "order-summary", class: "card summary" });
    this.vendorOrders = new VendorOrdersCard(page, changed);
    this.items = new ItemsCard({ hasVendors: true });
    this.aside = h("div", { class: "columns-aside" });
    const main = h("div", { class: "columns-main" }, this.vendorOrders.element, this.items.element);
    const history = h("section", { class: "card" }, h("h2", {}, "History"), timeline.element);
    this.elements = [this.summary, h("div", { class: "columns" }, main, this.aside, history)];
    page.heading.after(this.badges);
    page.headerActions.before(this.actions);
  }

  show({ order, vendorOrders }) {
    this.#showOrder(order);
    this.vendorOrders.show(vendorOrders);
  }

  #showOrder(order) {
    if (this.#version >= order.version) return;
    this.#version = order.version;
    const { page } = this;
    page.setTitle(`Order ${order.number}`);
    for (const name of ["id", "status", "version"]) setAttribute(page.main, `data-${name}`, order[name]);
    show(this.badges, statuses(order));
    const changed = (now) => {
      this.#showOrder(now);
      this.changed();
    };
    show(this.actions, orderActions(page, order, changed));
    show(this.summary, summary(page, order));
    this.items.show(order);
    show(this.aside, customerCard(page, order), addressCard(order), detailsCard(order));
  }
}
