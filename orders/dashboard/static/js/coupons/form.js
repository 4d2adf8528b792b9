// The form of a coupon: for a new one, for a batch of them, and for the change of one.

import { whileBusy } from "../components/button.js";
import { DECIMALS } from "../currencies.js";
import { h, reconcile } from "../dom.js";
import { toDecimal } from "../money.js";
import { controlOf } from "./controls.js";
import { GROUPS, has, labelOf } from "./fields.js";

/**
 * A form. `form` is "one", "batch" or "change" (fields.js), the last one of a `coupon`. `submit()` is called to send it,
 * `changed(values)` after each change of a value. `buttons` are shown at its end; the first one, `saveButton`, submits it.
 */
export class CouponForm {
  #given = new Map(); // what stood in each control of a change before anything was typed

  constructor({ role, form = "one", coupon = null, submit, changed = () => {} }) {
    Object.assign(this, { role, form, coupon, submit, changed });
    this.groups = Object.entries(GROUPS).map(([title, declarations]) =>
      this.#group(title, declarations.map(controlOf)),
    );
    this.saveButton = h("button", { type: "submit", class: "button button-primary" });
    this.buttons = h("div", { class: "form-buttons" }, this.saveButton);
    const onsubmit = (event) => this.#submit(event);
    this.element = h(
      "form",
      { class: "form", novalidate: true, onsubmit, oninput: () => this.#update() },
      this.groups.map(({ element }) => element),
      this.buttons,
    );
    if (coupon) this.show(coupon);
    else this.setForm(form);
  }

  /** Show the fields of another form; what is typed stays. */
  setForm(form) {
    this.form = form;
    const hooks = {
      one: ["coupon-save", "Create coupon"],
      batch: ["batch-save", "Create codes"],
      change: ["coupon-save", "Save changes"],
    };
    [this.saveButton.dataset.testid, this.saveButton.textContent] = hooks[form];
    this.#refuse({});
    this.#update();
  }

  /** Show the terms of a coupon to change. With `keepTyped`, what has been typed and not saved stays. */
  show(coupon, { keepTyped = false } = {}) {
    const typed = keepTyped ? new Set(this.#typed()) : new Set();
    this.coupon = coupon;
    this.setForm(this.form);
    for (const control of this.#shown()) {
      const { raw } = control;
      control.write(coupon[control.name]);
      this.#given.set(control, control.raw);
      if (typed.has(control)) control.raw = raw;
    }
    this.changed(this.values());
  }

  /** Return the values of all fields in the API's form, with those of the coupon that cannot be changed. */
  values() {
    return { ...this.coupon, ...valuesOf(this.#shown()) };
  }

  /** Return the body to send: of a change, what has been typed; of a new coupon, what is given. */
  body() {
    if (this.form === "change") return valuesOf(this.#typed());
    const given = Object.fromEntries(Object.entries(valuesOf(this.#shown())).filter(([, value]) => value !== null));
    if (this.form === "one") return given;
    const { count, prefix, ...coupon } = given;
    return { count, prefix, coupon };
  }

  /** Show why a ProblemError has refused the form, at the fields that it names. Return what it names no field for, "" for nothing. */
  refuse(problem) {
    const { detail, requestId } = problem;
    const reasons = reasonsOf(problem);
    const isAtField = this.#refuse(reasons);
    const others = Object.keys(reasons).filter((name) => !this.#shown().some((control) => control.name === name));
    const texts = others.map((name) => `${name}: ${reasons[name]}`);
    if (isAtField) return texts.join(" ");
    return [detail, ...texts, requestId && `(request ${requestId})`].filter(Boolean).join(" ");
  }

  #refuse(reasons) {
    const shown = this.#shown();
    for (const control of this.#controls) control.refuse(shown.includes(control) ? reasons[control.name] : null);
    const refused = shown.find(({ name }) => reasons[name]);
    refused?.input.focus();
    return Boolean(refused);
  }

  #group(title, controls) {
    const fields = h("div", { class: "form-fields" });
    return {
      controls,
      fields,
      element: h("section", { class: "card", "aria-label": title }, h("h2", {}, title), fields),
    };
  }

  #update() {
    const shown = this.#shown();
    for (const { controls, fields, element } of this.groups) {
      const present = controls.filter((control) => shown.includes(control));
      element.hidden = present.length === 0;
      reconcile(fields, present, {
        key: ({ input }) => input.id,
        create: (control) => control.element,
        update: () => {},
      });
    }
    this.#showCurrency(shown);
    this.changed(this.values());
  }

  #showCurrency(shown) {
    const { currency } = this.values();
    for (const { declaration, element, input } of shown.filter((control) => control.declaration.control === "money")) {
      element.querySelector("label").textContent = labelOf(declaration, currency);
      input.placeholder = currency ? toDecimal(0n, currency) : "";
      input.inputMode = DECIMALS[currency] === 0 ? "numeric" : "decimal";
    }
  }

  get #controls() {
    return this.groups.flatMap(({ controls }) => controls);
  }

  /** Return the controls of the fields that the form has now. */
  #shown() {
    const kind = this.coupon?.kind ?? this.#controls.find(({ name }) => name === "kind").raw;
    const hasMoney = this.form !== "change" || this.coupon.currency !== null;
    return this.#controls.filter(({ declaration }) =>
      has({ form: this.form, kind, role: this.role, hasMoney }, declaration),
    );
  }

  #typed() {
    return this.#shown().filter((control) => control.raw !== this.#given.get(control));
  }

  async #submit(event) {
    event.preventDefault();
    if (this.saveButton.disabled) return;
    const incomplete = this.#shown()
      .map((control) => [control.name, this.#problem(control)])
      .filter(([, problem]) => problem);
    this.#refuse(Object.fromEntries(incomplete));
    if (incomplete.length === 0) await whileBusy(this.saveButton, () => this.submit());
  }

  #problem(control) {
    const isEmptied = this.form === "change" && control.name === "starts_at" && control.raw === "";
    return control.problem() ?? (isEmptied ? "A coupon has a beginning." : null);
  }
}

/** Return the reasons by field: "/coupon/product_ids/0" is of `product_ids`. */
function reasonsOf(problem) {
  if (problem.code === "code_taken") return { code: problem.detail };
  const named = Object.entries(problem.byField()).map(([path, reason]) => [
    path.replace(/^coupon\./, "").split(".")[0],
    reason,
  ]);
  return Object.fromEntries(named.reverse()); // the first one of a field
}

function valuesOf(controls) {
  return Object.fromEntries(controls.map((control) => [control.name, control.read()]));
}
