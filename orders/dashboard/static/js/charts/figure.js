// A figure: a caption, a drawing, the table of its rows, and their file. It loads, fails and is empty by itself.

import { button } from "../components/button.js";
import { ListTable } from "../components/list-table.js";
import { toast } from "../components/messages.js";
import { saveFile } from "../components/save-file.js";
import { h, show } from "../dom.js";
import { empty } from "../states.js";
import { Drawing, loadChartJs } from "./drawing.js";
import { rangeText } from "./texts.js";

const ADVICE = "Choose a longer or an earlier range.";
const APART = "Dashed or pale: not complete, because it is not over yet or the range cuts it off.";

/**
 * A figure as the modules in `figures/` define it: {hook, title, about, size, report, none, columns, keyOf, read}. `read(reports)` returns
 * `rows`, none for nothing to show; `query`, the parameters of their report; and the `sentence` that says what the drawing shows, with
 * `configure` for Drawing, or an `element` that is the drawing. `notes` are sentences below it, each an array of nodes.
 */
export class Figure {
  #drawing = null;
  #answer = null;

  constructor(page, definition) {
    Object.assign(this, { page, definition });
    const { hook, title, about, columns, keyOf, size } = definition;
    this.table = new ListTable({ caption: title, columns, keyOf });
    this.table.element.id = `${hook}-table`;
    this.table.element.hidden = true;
    this.table.element.querySelector("table").dataset.testid = `${hook}-table`;
    const controls = { "aria-expanded": "false", "aria-controls": `${hook}-table`, "aria-label": `Table: ${title}` };
    const onclick = () => this.#toggleTable();
    this.toggle = h(
      "button",
      { hook: `${hook}-table-toggle`, type: "button", class: "button", ...controls, onclick },
      "Table",
    );
    this.csv = button("CSV", { hook: `${hook}-csv`, "aria-label": `CSV: ${title}` }, () => this.#save());
    this.actions = h("div", { class: "actions", hidden: true }, this.toggle, this.csv);
    const words = h("div", {}, h("h2", {}, title), h("p", { class: "muted" }, about));
    this.region = h("div", { class: "figure-region" });
    const caption = h("figcaption", { class: "figure-caption" }, words, this.actions);
    this.element = h("figure", { hook, class: `card figure figure-${size}` }, caption, this.region, this.table.element);
    page.signal.addEventListener("abort", () => this.#drawing?.remove());
  }

  /** Show the figure for these reports. */
  show(reports) {
    return this.page.load(this.region, (signal) => this.#read(reports, signal));
  }

  /** Draw again, after colours have changed. */
  redraw() {
    if (this.#drawing?.element.isConnected) this.#drawing.draw({ animated: false });
  }

  async #read(reports, signal) {
    try {
      const [answer] = await Promise.all([this.definition.read(reports), loadChartJs()]);
      return signal.aborted ? [] : this.#show(answer, reports);
    } catch (error) {
      if (!signal.aborted) this.#keep({ rows: [] });
      throw error;
    }
  }

  #show(answer, reports) {
    this.#keep(answer);
    const { rows, sentence, configure, element, notes = [] } = answer;
    if (!rows.length) return empty(this.definition.none, ADVICE);
    const apart = rows.some(({ complete }) => complete === false) ? [APART] : [];
    const texts = [...notes, ...apart].map((text) => h("p", { class: "muted figure-note" }, text));
    if (element) return [element, texts];
    this.#drawing = new Drawing(
      `${this.definition.title}, ${rangeText(reports.range)}: ${sentence}`,
      this.definition.size,
      configure,
    );
    const content = [this.#drawing.element, ...texts];
    show(this.region, content);
    this.#drawing.draw();
    return content;
  }

  #keep(answer) {
    this.#drawing?.remove();
    this.#drawing = null;
    this.#answer = answer;
    this.actions.hidden = answer.rows.length === 0;
    this.#showTable();
  }

  #toggleTable() {
    this.toggle.setAttribute("aria-expanded", String(this.toggle.getAttribute("aria-expanded") !== "true"));
    this.#showTable();
  }

  /** Show the rows in an open table only: there may be a thousand. */
  #showTable() {
    const isOpen = this.toggle.getAttribute("aria-expanded") === "true" && this.#answer.rows.length > 0;
    this.table.show(isOpen ? this.#answer.rows : []);
    this.table.element.hidden = !isOpen;
  }

  async #save() {
    try {
      const query = { ...this.#answer.query, format: "csv" };
      await saveFile(`/analytics/${this.definition.report}`, { query, signal: this.page.signal });
    } catch (problem) {
      if (!problem.code) throw problem;
      toast("error", problem.detail);
    }
  }
}
