// The parts of the page of analytics, and what they show for the query of an address.

import { announce } from "../components/messages.js";
import { h } from "../dom.js";
import { Controls } from "./controls.js";
import { APPEARANCES } from "./drawing.js";
import { Figure } from "./figure.js";
import cohorts from "./figures/cohorts.js";
import coupons from "./figures/coupons.js";
import customers from "./figures/customers.js";
import funnel from "./figures/funnel.js";
import orders from "./figures/orders.js";
import payments from "./figures/payments.js";
import sales from "./figures/sales.js";
import topProducts from "./figures/top-products.js";
import { kpis } from "./kpis.js";
import { Reports } from "./reports.js";
import { rangeText } from "./texts.js";

const FIGURES = [sales, orders, topProducts, funnel, coupons];
const FIGURES_OF_ADMINS = [customers, payments, cohorts];

export class AnalyticsView {
  #asking = new AbortController();

  constructor(page) {
    this.page = page;
    this.controls = new Controls(page);
    this.kpis = h("section", { class: "kpis", "aria-label": "Key figures" });
    const definitions = page.person.role === "admin" ? [...FIGURES, ...FIGURES_OF_ADMINS] : FIGURES;
    this.figures = definitions.map((definition) => new Figure(page, definition));
    const figures = h(
      "div",
      { class: "figures" },
      this.figures.map(({ element }) => element),
    );
    this.content = [this.controls.element, this.kpis, figures];
    for (const appearance of APPEARANCES) {
      appearance.addEventListener("change", () => this.#redraw(), { signal: page.signal });
    }
  }

  /** Show the reports for the query of the address; those that are still asked for are given up. */
  async show({ isAnnounced = false } = {}) {
    this.#asking.abort();
    this.#asking = new AbortController();
    const reports = new Reports(
      this.page.query,
      this.page.person,
      AbortSignal.any([this.#asking.signal, this.page.signal]),
    );
    this.controls.show(reports);
    const loads = [
      this.page.load(this.kpis, () => this.#kpis(reports)),
      ...this.figures.map((figure) => figure.show(reports)),
    ];
    reports.ranking("top-products").then(
      ({ rows }) => this.controls.suggestVendors(rows),
      () => {},
    ); // its figure says why
    await Promise.all(loads);
    if (isAnnounced && !reports.signal.aborted) announce(`Analytics of ${rangeText(reports.range)}.`);
  }

  #redraw() {
    for (const figure of this.figures) figure.redraw();
  }

  async #kpis(reports) {
    const [currencies, currency] = await Promise.all([reports.currencies(), reports.currency()]);
    if (!reports.signal.aborted) this.controls.showCurrencies(currencies, currency);
    const [{ totals }, before] = await Promise.all([reports.sales(), reports.totalsBefore()]);
    return kpis(totals, before, reports);
  }
}
