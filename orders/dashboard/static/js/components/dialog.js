// Questions in native dialogs. A dialog is made for one question, and removed when it closes; the browser gives the focus back.

import { focusWithin, h } from "../dom.js";
import { whileBusy } from "./button.js";

let count = 0;

function nextNumber() {
  count += 1;
  return count;
}

/**
 * A dialog with a form. `fields` are those of `field`; `submit(values)` runs with the dialog open: the dialog closes when it
 * returns, and shows the reasons at their fields when it throws a ProblemError with errors of these fields.
 */
export class FormDialog {
  constructor({
    hook,
    title,
    text,
    fields = [],
    submitHook,
    submitText,
    submitKind = "button-primary",
    cancelHook,
    cancelText = "Back",
    submit,
  }) {
    this.fields = new Map(fields.map((one) => [one.name, one]));
    this.submit = submit;
    const id = `dialog-${nextNumber()}`;
    this.message = h("p", { class: "field-error", role: "alert", hidden: true });
    this.submitButton = h("button", { hook: submitHook, type: "submit", class: `button ${submitKind}` }, submitText);
    const cancel = h(
      "button",
      {
        hook: cancelHook,
        type: "button",
        class: "button",
        autofocus: fields.length === 0,
        onclick: () => this.close(),
      },
      cancelText,
    );
    const form = h(
      "form",
      { novalidate: true, onsubmit: (event) => this.#submit(event) },
      h("h2", { id }, title),
      text && h("p", {}, text),
      fields.map((one) => one.element),
      this.message,
      h("div", { class: "dialog-buttons" }, cancel, this.submitButton),
    );
    this.dialog = h("dialog", { hook, "aria-labelledby": id, onclose: () => this.#closed() }, form);
  }

  /** Ask, and return what `submit` has returned, undefined when the question was left. */
  ask() {
    const opener = document.activeElement;
    const place = opener.closest("[data-id]");
    document.body.append(this.dialog);
    this.dialog.showModal();
    const { promise, resolve } = Promise.withResolvers();
    this.answer = resolve;
    return promise.finally(() => {
      if (opener.isConnected) opener.focus();
      else if (place?.isConnected) focusWithin(place, opener.dataset.testid); // a change by somebody else has replaced it
    });
  }

  close() {
    this.dialog.close();
  }

  #closed() {
    this.dialog.remove();
    this.answer(this.result);
  }

  async #submit(event) {
    event.preventDefault();
    if (this.submitButton.disabled) return;
    this.#showProblems({});
    const values = Object.fromEntries([...this.fields].map(([name, one]) => [name, one.input.value]));
    try {
      this.result = await whileBusy(this.submitButton, () => this.submit(values));
      this.close();
    } catch (problem) {
      this.#showProblems(problem.byField?.() ?? {}, problem.detail ?? String(problem));
    }
  }

  #showProblems(reasons, detail = "") {
    for (const [name, one] of this.fields) one.refuse(reasons[name]);
    const isAtField = [...this.fields.keys()].some((name) => reasons[name]);
    this.message.textContent = detail;
    this.message.hidden = !detail || isAtField;
    [...this.fields.values()].find((one) => reasons[one.name])?.input.focus();
  }
}

/** Return a labelled field of a form; `refuse(reason)` shows why its value was refused, or removes that. */
export function field({ name, label, hook, type = "text", value = "", hint, ...attributes }) {
  const id = `field-${name}-${nextNumber()}`;
  const error = h("p", { hook: `field-error-${name}`, class: "field-error", id: `${id}-error`, hidden: true });
  const input = h("input", {
    hook,
    id,
    type,
    autocomplete: "off",
    "aria-describedby": `${id}-error${hint ? ` ${id}-hint` : ""}`,
    ...attributes,
  });
  input.value = value ?? "";
  const refuse = (reason) => {
    error.textContent = reason ?? "";
    error.hidden = !reason;
    if (reason) input.setAttribute("aria-invalid", "true");
    else input.removeAttribute("aria-invalid");
  };
  const element = h(
    "div",
    { class: "field" },
    h("label", { for: id }, label),
    input,
    hint && h("p", { class: "hint", id: `${id}-hint` }, hint),
    error,
  );
  return { name, element, input, refuse };
}

/** Ask before something that cannot be undone. Return {reason} for yes, undefined for no; `reason` is its field's label, if any. */
export function confirm({ title, text, yes, reason }) {
  const fields = reason ? [field({ name: "reason", label: reason, hook: "confirm-reason", maxlength: 200 })] : [];
  return new FormDialog({
    hook: "confirm-dialog",
    title,
    text,
    fields,
    submitHook: "confirm-yes",
    submitText: yes,
    submitKind: "button-danger",
    cancelHook: "confirm-no",
    submit: async (values) => values,
  }).ask();
}
