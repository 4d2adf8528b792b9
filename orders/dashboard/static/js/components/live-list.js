// A list of the API: filters in the address, pages, and changes by others as they happen.

import { get } from "../api.js";
import { Changes } from "../changes.js";
import { h, show } from "../dom.js";
import { counted } from "../format.js";
import { follow } from "../live.js";
import { waitFor } from "../ready.js";
import { empty } from "../states.js";
import { ListTable } from "./list-table.js";
import { liveIndicator } from "./live-indicator.js";
import { announceArrivals, toast } from "./messages.js";
import { Pager } from "./pager.js";

const HOVERS = matchMedia("(hover: hover)");

/**
 * A list: `element`, with its `heading`, and a `bar` for actions on several rows. `path` is the API's; `parameters(query)` returns
 * its parameters for the query of the address, without the cursor; `table` is that of a ListTable; `noun` is one of its records in
 * a word; `emptyTexts(query)` returns why there are no rows and what to do.
 *
 * It follows changes unless `live` is false: by `updated_since` where `follows` is "changes", else ("page") by asking for the page
 * again. `alongside(signal)` reads what else belongs to the list, such as counts: at first, and whenever something has changed.
 * `shown(records)` is called when rows are shown; while `isHeld()`, new rows wait.
 */
export class LiveList {
  #records = [];
  #pageOf = null; // the parameters of the page that is shown
  #waiting = new Set(); // the ids of new rows that are not shown yet
  #hasFresh = false; // whether some of them are on the page that is shown
  #isBehind = true; // whether `alongside` has to be read
  #isDue = false; // whether the page has to be read again once nobody uses its rows

  constructor(
    page,
    {
      path,
      parameters,
      table,
      noun,
      emptyTexts,
      live = true,
      follows = "changes",
      alongside = async () => {},
      shown = () => {},
      isHeld = () => false,
    },
  ) {
    Object.assign(this, { page, path, parameters, noun, emptyTexts, follows, alongside, shown, isHeld });
    this.changes = new Changes(path);
    this.table = new ListTable(table);
    this.pager = new Pager(page);
    this.newRows = h("button", {
      hook: "new-rows",
      type: "button",
      class: "button button-accent",
      hidden: true,
      onclick: () => this.#takeIn(),
    });
    this.heading = h("h2", {}, table.caption);
    this.bar = h("div", { class: "list-bar" }, this.heading, this.newRows);
    this.region = h("div", { class: "list-region" });
    this.element = h("section", { class: "list-section", "aria-label": table.caption }, this.bar, this.region);
    if (live) follow((signal) => this.#look(signal), { signal: page.signal, setState: liveIndicator(page) });
  }

  /** Show the page of the list that the address says. */
  open() {
    return this.page.load(this.region, async (signal) => {
      const query = this.#query();
      const [answer] = await Promise.all([get(this.path, { query, signal }), this.#isBehind && this.alongside(signal)]);
      this.#isBehind = false;
      this.#pageOf = JSON.stringify(query);
      return this.#show(answer);
    });
  }

  /** Show the page of a changed address; another page of the list is read from its beginning. */
  async turn() {
    const before = this.#pageOf;
    const isTurned = before !== null && JSON.parse(before).cursor !== this.page.query.cursor;
    await this.open();
    const holder = document.activeElement;
    if (!isTurned || !(holder === document.body || this.pager.element.contains(holder))) return;
    this.element.scrollIntoView({ block: "start" });
    focusRegion(this.table.element);
  }

  /** Show a record as the API has returned it: its row stays where it is, until nobody uses the rows. */
  update(record) {
    this.changes.newest(record);
    this.table.update(record);
    this.shown(this.#records.map((one) => this.changes.newest(one)));
    this.#isDue = true;
    this.alongside(this.page.signal).catch(() => {
      this.#isBehind = true;
    });
  }

  #query() {
    return { ...this.parameters(this.page.query), cursor: this.page.query.cursor };
  }

  #show(answer, fresh = []) {
    this.#records = answer.results.map((record) => this.changes.newest(record));
    this.#waiting.clear();
    this.#hasFresh = false;
    this.#isDue = false;
    this.#showNewRows();
    this.pager.show(answer);
    this.shown(this.#records);
    this.table.show(this.#records, new Set(fresh.map(({ id }) => id)));
    const rows = this.#records.length ? this.table.element : this.#empty(answer);
    return [rows, this.pager.element];
  }

  #empty({ next }) {
    const texts = next ? ["Nothing found so far.", "Go on with the next page."] : this.emptyTexts(this.page.query);
    return empty(...texts);
  }

  /** Look for changes, and read the page again when there are some, or when it is due and nobody uses the rows. */
  async #look(signal) {
    if (!this.#isShown()) return;
    if (this.follows === "page") {
      await this.#refresh(signal);
      return;
    }
    if (!this.changes.hasBegun) {
      await this.changes.begin(signal);
      this.#isDue = this.#isBehind = true;
    }
    const changes = await this.changes.find(signal);
    if (changes.length || this.#isBehind) await this.alongside(signal);
    this.#isBehind = false;
    if (changes.length || (this.#isDue && !this.#isUsed())) await this.#refresh(signal, { changes });
    this.changes.accept(changes);
  }

  /** Read the page again. Show it if no row moves that somebody is about to use (or `anyway`), else say how many rows wait. */
  async #refresh(signal, { changes = [], anyway = false } = {}) {
    const answer = await get(this.path, { query: this.#query(), signal });
    if (!this.#isShown()) return;
    const fresh = answer.results.filter(({ id }) => !this.table.rowOf(id));
    if (anyway || (this.#isBeginning() && !this.#isHeld() && !this.#wouldMove(answer.results))) {
      if (fresh.length) announceArrivals(fresh.length, this.noun);
      show(this.region, this.#show(answer, fresh));
      return;
    }
    for (const record of [...changes, ...answer.results]) this.table.update(this.changes.newest(record));
    this.#isDue = this.#isBeginning();
    this.#hasFresh = fresh.length > 0;
    this.#keepWaiting(this.#isBeginning() ? fresh : await this.#arrivals(changes, signal));
  }

  #keepWaiting(records) {
    const fresh = records.filter(({ id }) => !this.#waiting.has(id));
    if (fresh.length) announceArrivals(fresh.length, this.noun);
    for (const { id } of fresh) this.#waiting.add(id);
    this.#showNewRows();
  }

  /** Return the changed records that have come to this list, whose beginning is not shown. */
  async #arrivals(changes, signal) {
    const arrived = await this.changes.within(this.parameters(this.page.query), changes, signal);
    return arrived.filter(({ id }) => !this.table.rowOf(id));
  }

  /** Return whether the page of the address is shown, and not its loading or its error. */
  #isShown() {
    return (
      this.#pageOf === JSON.stringify(this.#query()) &&
      !this.region.querySelector("[data-testid=error], [data-testid=loading]")
    );
  }

  #isBeginning() {
    return !this.page.query.cursor;
  }

  #isHeld() {
    return this.isHeld() || document.querySelector("dialog[open]") !== null || this.newRows.matches(":hover, :focus");
  }

  #isUsed() {
    return this.#isHeld() || isUsed(this.table.body);
  }

  /** Return whether a row would move that is under the pointer or has the focus. */
  #wouldMove(records) {
    const rows = [...this.table.body.children];
    const last = rows.findLastIndex(isUsed);
    return rows.slice(0, last + 1).some((row, index) => records[index]?.id !== row.dataset.id);
  }

  #showNewRows() {
    const count = this.#waiting.size;
    this.newRows.hidden = count === 0;
    this.newRows.dataset.value = String(count);
    this.newRows.textContent = `Show ${counted(count, `new ${this.noun}`)}`;
  }

  /** Show the rows that wait: they are on this page, or at the beginning of the list. */
  async #takeIn() {
    focusRegion(this.table.element);
    if (!this.#isBeginning() && !this.#hasFresh) {
      this.page.setQuery({ cursor: "" });
      return;
    }
    try {
      await waitFor(() => this.#refresh(this.page.signal, { anyway: true }));
    } catch (problem) {
      if (!problem.code) throw problem;
      toast("error", problem.detail);
    }
  }
}

function focusRegion(element) {
  element.focus({ preventScroll: true });
}

/** Return whether an element is under the pointer or has the focus. After a tap, `:hover` stays: a finger is no pointer. */
function isUsed(element) {
  return element.contains(document.activeElement) || (HOVERS.matches && element.matches(":hover"));
}
