// The controls of a coupon's form: how the values of the API are typed, and read again.

import { field } from "../components/dialog.js";
import { h } from "../dom.js";
import { fromLocalField, toLocalField } from "../format.js";
import { labelOf } from "./fields.js";

const MAX_TIME = "9999-12-31T23:59";
const TIME_ZONE = new Intl.DateTimeFormat().resolvedOptions().timeZone;

/**
 * Return a control for a field: {name, element, input, refuse}, `raw`, which is what stands in it, `read()`, the API's value, null for
 * none, and `write(value)`. `problem()` returns why its value cannot be sent.
 */
export function controlOf(declaration) {
  const { name, control, options, initial } = declaration;
  const { property = "value", read, toRaw, make = typed } = CONTROLS[control];
  const made = make(declaration);
  const { input } = made;
  made.element.dataset.id = input.id;
  input[property] = initial ?? (options ? options[0][0] : toRaw(null));
  return {
    ...made,
    name,
    declaration,
    get raw() {
      return input[property];
    },
    set raw(raw) {
      input[property] = raw;
    },
    read: () => read(input[property]),
    write(value) {
      input[property] = toRaw(value);
    },
    problem: () => (input.validity.badInput ? "Not a complete date and time." : null),
  };
}

function typed(declaration) {
  const { name, control, hook = hookOf(declaration), options, maxlength } = declaration;
  const hint =
    control === "time" ? [declaration.hint, `Time zone: ${TIME_ZONE}.`].filter(Boolean).join(" ") : declaration.hint;
  const content = options?.map(([value, text]) => h("option", { value }, text));
  return field({ name, label: labelOf(declaration), hook, hint, content, maxlength, ...CONTROLS[control].attributes });
}

/** Return a checkbox in its label, which is a target for a finger. Its value cannot be refused. */
function check({ name, label }) {
  const input = h("input", { hook: hookOf({ name }), id: hookOf({ name }), type: "checkbox" });
  return {
    element: h("div", { class: "field" }, h("label", { class: "check-field" }, input, label)),
    input,
    refuse() {},
  };
}

function hookOf({ name }) {
  return `coupon-field-${name}`;
}

/** How values are typed: attributes of the element, `read(raw)` and `toRaw(value)`; `property` holds the raw value. */
const CONTROLS = {
  text: { read: textOf, toRaw: asText, attributes: {} },
  code: {
    read: textOf,
    toRaw: asText,
    attributes: { class: "code capitals", spellcheck: "false", autocapitalize: "characters" },
  },
  choice: { read: textOf, toRaw: asText, attributes: { tag: "select" } },
  decimal: { read: textOf, toRaw: asText, attributes: { inputmode: "decimal", maxlength: 6 } },
  money: { read: textOf, toRaw: asText, attributes: { inputmode: "decimal", maxlength: 21 } },
  integer: { read: integerOf, toRaw: asText, attributes: { inputmode: "numeric", maxlength: 12 } },
  lines: {
    read: linesOf,
    toRaw: (value) => (value ?? []).join("\n"),
    attributes: { tag: "textarea", rows: 3, spellcheck: "false" },
  },
  time: {
    read: (raw) => fromLocalField(raw) || null,
    toRaw: toLocalField,
    attributes: { type: "datetime-local", max: MAX_TIME },
  },
  check: { property: "checked", read: Boolean, toRaw: Boolean, make: check },
};

function asText(value) {
  return String(value ?? "");
}

function textOf(raw) {
  return raw.trim() || null;
}

/** Return a whole number; another text as it is, for the API to refuse. */
function integerOf(raw) {
  const text = textOf(raw);
  return /^\d+$/.test(text) ? Number(text) : text;
}

function linesOf(raw) {
  const lines = raw
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.length ? lines : null;
}
