// A worked example of a coupon's discount, on a cart whose prices and quantities can be changed.

import { h, show } from "../dom.js";
import { amount, amountText, number } from "../format.js";
import { toDecimal, toMinor } from "../money.js";
import { discounts, freeUnits, outcome, sum } from "./discount.js";
import { LABELS } from "./fields.js";
import { sampleCart, termsOf } from "./sample.js";

const LINES = 3;
const MAX_QUANTITY = 10_000n;

/** The example: `element`, which follows the values of a form by `show(values)`. */
export class Example {
  #values = {};
  #currency = null;

  constructor() {
    this.lines = Array.from({ length: LINES }, (_, index) => new Line(index, () => this.show(this.#values)));
    this.list = h("ul", { class: "example-lines" });
    this.sums = h("dl", { class: "example-sums" });
    this.sentence = h("p", { hook: "example-sentence", class: "example-sentence" });
    const hint = h("p", { class: "hint" }, "Change quantities and prices to try another cart.");
    this.body = h("div", { class: "example-body" }, this.list, this.sums, hint);
    this.element = h(
      "aside",
      { hook: "coupon-example", class: "card example", "aria-label": "Example" },
      h("h2", {}, "Example"),
      this.sentence,
      this.body,
    );
  }

  /** Show what a coupon with these values takes off, or which field it needs first. */
  show(values) {
    this.#values = values;
    const { incomplete, currency, terms } = termsOf(values);
    this.body.hidden = Boolean(incomplete);
    if (incomplete) this.#say("incomplete", `Complete “${LABELS[incomplete]}” to see what the coupon takes off.`);
    else this.#compute(terms, this.#cart({ currency, terms }, values), currency);
  }

  /** Return the lines of the cart, as they are typed where they are, and show them. */
  #cart(given, values) {
    const sample = sampleCart(given, values);
    if (given.currency !== this.#currency) for (const line of this.lines) line.forgetPrice();
    this.#currency = given.currency;
    show(
      this.list,
      sample.map((_, index) => this.lines[index].element),
    );
    return sample.map((line, index) => this.lines[index].read(line, given.currency));
  }

  #compute(terms, cart, currency) {
    const unreadable = cart.some(({ price, quantity }) => price === null || quantity === null);
    const result = unreadable ? { refusal: "incomplete" } : outcome(terms, cart);
    const shares = result.shares ?? cart.map(() => 0n);
    const total = unreadable ? 0n : sum(cart.map(({ price, quantity }) => price * quantity));
    const discount = sum(shares);
    for (const [index, line] of cart.entries()) this.lines[index].show(line, shares[index], currency);
    show(
      this.sums,
      sumRow("Items", total, currency, "subtotal"),
      sumRow("Discount", discount, currency, "discount"),
      sumRow("To pay", total - discount, currency, "total"),
    );
    this.sums.hidden = unreadable;
    this.#say(
      result.refusal ?? "discount",
      unreadable ? "Enter a quantity and a price for each line." : sentenceOf(terms, cart, result, currency),
    );
  }

  #say(reason, text) {
    this.element.dataset.outcome = reason;
    this.sentence.textContent = text;
  }
}

/** A line of the cart. What is typed in it stays, until the currency changes. */
class Line {
  #typed = { quantity: false, price: false };

  constructor(index, changed) {
    this.name = h("span", { class: "strong" });
    this.note = h("span", { class: "hint" });
    this.discount = h("span", { class: "numeric" });
    this.inputs = Object.fromEntries(
      ["quantity", "price"].map((name) => {
        const oninput = () => {
          this.#typed[name] = true;
          changed();
        };
        return [
          name,
          h("input", {
            hook: `example-${name}`,
            autocomplete: "off",
            maxlength: 16,
            inputmode: name === "price" ? "decimal" : "numeric",
            oninput,
          }),
        ];
      }),
    );
    const { quantity, price } = this.inputs;
    const times = h("span", { "aria-hidden": "true" }, "×");
    this.element = h(
      "li",
      { hook: "example-line", class: "example-line", "data-index": index },
      this.name,
      this.discount,
      h("span", { class: "example-inputs" }, quantity, times, price),
      this.note,
    );
  }

  forgetPrice() {
    this.#typed.price = false;
  }

  /** Return the line with the quantity and the price that are typed, null for what is none. */
  read(line, currency) {
    const { quantity, price } = this.inputs;
    if (!this.#typed.quantity) quantity.value = String(line.quantity);
    if (!this.#typed.price) price.value = toDecimal(line.price, currency);
    quantity.setAttribute("aria-label", `Quantity of ${line.name}`);
    price.setAttribute("aria-label", `Price of ${line.name} in ${currency}`);
    const units = /^\d{1,5}$/.test(quantity.value.trim()) ? BigInt(quantity.value.trim()) : null;
    return {
      ...line,
      quantity: units !== null && units > 0n && units <= MAX_QUANTITY ? units : null,
      price: toMinor(price.value.trim(), currency),
    };
  }

  show({ name, isEligible, isGot }, share, currency) {
    this.name.textContent = name;
    this.note.textContent = isEligible || isGot ? "" : "Not eligible";
    show(this.discount, amount(toDecimal(share, currency), currency, { hook: "example-line-discount" }), " off");
  }
}

function sumRow(label, value, currency, name) {
  return [
    h("dt", {}, label),
    h("dd", { class: "numeric" }, amount(toDecimal(value, currency), currency, { hook: `example-${name}` })),
  ];
}

function sentenceOf(terms, cart, { refusal, shares, eligibleTotal }, currency) {
  const shown = (minor) => amountText(toDecimal(minor, currency), currency);
  if (refusal === "minimum_spend")
    return `Refused: the eligible items come to ${shown(eligibleTotal)}, and the minimum spend is ${shown(terms.minimumSpend)}.`;
  if (refusal === "used_up") return "Refused: the discount does not fit into what is left of the budget.";
  if (refusal) return "Refused: it would take nothing off this cart.";
  return [`Takes ${shown(sum(shares))} off.`, ...notes(terms, cart, sum(shares), shown)].join(" ");
}

/** Return why the discount is less than one may expect, or of which units it is. */
function notes(terms, cart, discount, shown) {
  const uncapped = sum(discounts({ ...terms, maximumDiscount: null }, cart));
  const free = terms.kind === "buy_x_get_y" ? sum(freeUnits(terms, cart)) : 0n;
  return [
    free > 0n && `That is for ${number(free).textContent} of the cheapest units.`,
    uncapped > discount && `Without the maximum it would be ${shown(uncapped)}.`,
    terms.kind === "fixed_amount" && terms.amount > discount && "The rest of the amount lapses.",
  ].filter(Boolean);
}
