// One vendor's part of an order: what to send, where to, and what has happened.

import { get } from "../api.js";
import { liveIndicator } from "../components/live-indicator.js";
import { Timeline } from "../components/timeline.js";
import { correctTracking, vendorOrderActions } from "../components/vendor-order-actions.js";
import { addressCard, factsCard, ItemsCard, shipmentCard } from "../components/vendor-order-cards.js";
import { h, setAttribute, show } from "../dom.js";
import { badge } from "../format.js";
import { changed, repeated } from "../live.js";
import { readStream } from "../stream.js";

const HISTORY_WAIT_MS = 2_000;

export default { name: "vendor-order", title: "Order", roles: ["vendor", "admin"], open };

function open(page) {
  const path = `/vendor-orders/${page.params.id}`;
  const region = h("div", { class: "list-region screen-only" });
  const timeline = new Timeline();
  const view = new View(page, timeline);
  const refresh = repeated(async (signal) => view.show(await get(path, { signal })), page.signal);
  const { promise: hasHistory, resolve: entriesArrived } = Promise.withResolvers();
  const receive = (entries) => {
    timeline.add(entries);
    entriesArrived();
    refresh();
  };

  page.main.append(region);
  page.load(region, async (signal) => {
    const vendorOrder = await get(path, { signal });
    readStream(`${path}/stream`, receive, { signal: page.signal, setState: liveIndicator(page) });
    if (hasEntries(vendorOrder)) await Promise.race([hasHistory, changed(signal, HISTORY_WAIT_MS)]);
    view.show(vendorOrder);
    region.replaceWith(view.element);
    return [];
  });
}

/** Return whether the stream has an entry: the first one is the confirmation of the order, or the cancellation. */
function hasEntries({ status, order_status: orderStatus }) {
  return status !== "pending" || orderStatus !== "pending";
}

/** What the page shows of a vendor order. It is filled anew for each version, and keeps the focus. */
class View {
  #shown = null;

  constructor(page, timeline) {
    this.page = page;
    this.badges = h("div", { class: "badges screen-only" });
    this.actions = h("div", { class: "actions screen-only" });
    this.items = new ItemsCard();
    this.aside = h("div", { class: "columns-aside" });
    const history = h("section", { class: "card screen-only" }, h("h2", {}, "History"), timeline.element);
    this.element = h("div", { class: "columns" }, this.items.element, this.aside, history);
    page.heading.after(this.badges);
    page.headerActions.before(this.actions);
  }

  show(vendorOrder) {
    if (this.#shown?.version >= vendorOrder.version) return;
    this.#shown = vendorOrder;
    const { page } = this;
    page.setTitle(`Order ${vendorOrder.order_number}`);
    for (const name of ["id", "status", "version"]) setAttribute(page.main, `data-${name}`, vendorOrder[name]);
    show(this.badges, badges(vendorOrder));
    const changed = (now) => this.show(now);
    const correction = vendorOrder.status === "shipped" && correctTracking(page, vendorOrder, changed);
    show(this.actions, vendorOrderActions(page, vendorOrder, changed), correction);
    this.items.show(vendorOrder);
    show(this.aside, addressCard(vendorOrder), shipmentCard(vendorOrder), factsCard(page, vendorOrder));
  }
}

function badges({ status, order_status: orderStatus }) {
  const isPaid = orderStatus === "confirmed";
  return [
    badge(status, { hook: "field-status" }),
    h(
      "span",
      { class: "muted" },
      "Order ",
      badge(orderStatus, { hook: "field-order_status", title: isPaid ? "Paid" : null }),
    ),
  ];
}
