// The reports of one view of the page: a range, an interval, a time zone and a vendor. Each is asked for once, whichever figures need it.

import { get } from "../api.js";
import { browserZone, cohortMonths, intervalOf, rangeBefore, rangeOf } from "./ranges.js";

const LIMIT = 10; // products or coupons that a drawing has room for
const AT_ONCE = 2; // as many as a process of the service answers at a time
const waiting = [];
let running = 0;

/**
 * The reports for the query of an address and the person signed in: a vendor has no choice of vendors. Each method returns a promise,
 * which fails with the API's ProblemError.
 */
export class Reports {
  #answers = new Map();

  constructor(query, person, signal) {
    this.signal = signal;
    this.zone = query.timezone || browserZone();
    this.range = rangeOf(query, this.zone);
    this.interval = intervalOf(this.range, query.interval);
    this.before = rangeBefore(this.range);
    this.vendor = (person.role === "admin" && query.vendor) || "";
    this.wanted = query.currency ?? "";
  }

  /** The parameters of every report with a time zone. */
  get times() {
    return { from: this.range.from, to: this.range.to, timezone: this.zone };
  }

  /** The parameters of a report that a vendor may ask for. */
  get scope() {
    return { ...this.times, vendor_id: this.vendor };
  }

  /** Return the currencies that the sales of the range are in. */
  async currencies() {
    return (await this.#sales()).totals.map(({ currency }) => currency);
  }

  /** Return the currency of the figures: the wanted one, else the first of the range, else of the range before, else null. */
  async currency() {
    if (this.wanted) return this.wanted;
    const [first] = await this.currencies();
    return first ?? (await this.#salesBefore()).totals[0]?.currency ?? null;
  }

  /** Return the sales in the currency, {rows, totals}; totals are null without a currency. */
  async sales() {
    const currency = await this.currency();
    if (currency === null) return { rows: [], totals: null };
    const all = await this.#sales();
    const isThere = all.totals.some((totals) => totals.currency === currency);
    return seriesOf(
      isThere ? all : await this.#ask("sales", { ...this.scope, interval: this.interval, currency }),
      currency,
    );
  }

  /** Return the totals in the currency of the range before, or null. */
  async totalsBefore() {
    return seriesOf(await this.#salesBefore(), await this.currency()).totals;
  }

  /** Return the first rows in the currency of a report of products or coupons, {rows, query}; without a currency, in the first one. */
  async ranking(name) {
    const query = { ...this.scope, currency: await this.currency(), limit: LIMIT };
    const { results } = await this.#ask(name, query);
    return { rows: results.filter(({ currency }) => currency === results[0].currency), query };
  }

  /** Return the payments in the currency, {rows, totals, query}; without a currency, in the first one. */
  async payments() {
    const query = { ...this.times, interval: this.interval, currency: await this.currency() };
    const answer = await this.#ask("payments", query);
    const currency = query.currency ?? answer.totals[0]?.currency;
    return { ...seriesOf(answer, currency), query: { ...query, currency } };
  }

  customers() {
    return this.#ask("customers", { ...this.times, interval: this.interval });
  }

  cohorts() {
    return this.#ask("cohorts", cohortMonths(this.range));
  }

  funnel() {
    return this.#ask("funnel", this.scope);
  }

  #sales() {
    return this.#ask("sales", { ...this.scope, interval: this.interval });
  }

  /** Return the sales of the range before by month: only their totals matter. */
  async #salesBefore() {
    return this.before
      ? this.#ask("sales", { ...this.scope, ...this.before, interval: "month" })
      : { results: [], totals: [] };
  }

  #ask(name, query) {
    const key = JSON.stringify([name, query]);
    if (!this.#answers.has(key)) {
      const answer = inTurn(() => get(`/analytics/${name}`, { query, signal: this.signal }), this.signal);
      answer.catch(() => this.#answers.delete(key)); // a retry asks again
      this.#answers.set(key, answer);
    }
    return this.#answers.get(key);
  }
}

function seriesOf({ results, totals }, currency) {
  return {
    rows: results.filter((row) => row.currency === currency),
    totals: totals.find((one) => one.currency === currency) ?? null,
  };
}

async function inTurn(work, signal) {
  if (running < AT_ONCE) running += 1;
  else await new Promise((resolve) => waiting.push(resolve));
  try {
    signal.throwIfAborted();
    return await work();
  } finally {
    const next = waiting.shift();
    if (next) next();
    else running -= 1;
  }
}
