// The actions on a vendor order: exactly those that the API names in `available_actions`.

import { change, get } from "../api.js";
import { h } from "../dom.js";
import { words } from "../format.js";
import * as session from "../session.js";
import { whileBusy } from "./button.js";
import { confirm, field, FormDialog } from "./dialog.js";
import { toast } from "./messages.js";

const TEXTS = { accept: "Accept", ship: "Ship", deliver: "Mark delivered", cancel: "Cancel" };
const KINDS = { accept: "button-primary", ship: "button-primary", deliver: "button-primary", cancel: "button-quiet button-danger-quiet" };
const SHIPMENT_FIELDS = ["carrier", "tracking_number", "tracking_url"];

/**
 * Return the buttons of a vendor order's actions. `changed(vendorOrder)` gets it as the API returns it afterwards, or as it is
 * read anew when somebody else was faster.
 */
export function vendorOrderActions(page, vendorOrder, changed) {
  const works = {
    accept: () => send(vendorOrder, "accept"),
    ship: () => ship(vendorOrder),
    deliver: () => send(vendorOrder, "deliver"),
    cancel: () => cancel(vendorOrder),
  };
  const named = vendorOrder.available_actions.filter((action) => action in works);
  return named.map((action) => actionButton(page, vendorOrder, { action, work: works[action], changed }));
}

/** Return the button that corrects the tracking of a shipped vendor order; the API repeats `ship` for it. */
export function correctTracking(page, vendorOrder, changed) {
  const attributes = { hook: "correct-tracking", class: "button" };
  return withOutcome("Correct tracking", attributes, { page, vendorOrder, changed, work: () => ship(vendorOrder, "Save") });
}

/** Return what has changed between two versions of a vendor order, as a sentence. */
export function difference(before, after) {
  const name = `Order ${after.order_number}`;
  if (before.status !== after.status) return `${name} is ${after.status} now, no longer ${before.status}.`;
  if (before.order_status !== after.order_status) return `${name} is ${after.order_status} now, no longer ${before.order_status}.`;
  const fields = Object.keys(after).filter((key) => !["version", "updated_at"].includes(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]));
  return fields.length ? `${name} has changed: ${fields.map((key) => words(key).toLowerCase()).join(", ")}.` : `${name} has not changed.`;
}

function actionButton(page, vendorOrder, { action, work, changed }) {
  const attributes = { hook: `action-${action}`, class: `button ${KINDS[action]}`, "aria-label": `${TEXTS[action]} order ${vendorOrder.order_number}` };
  return withOutcome(TEXTS[action], attributes, { page, vendorOrder, work, changed });
}

/** Return a button whose work returns the changed vendor order, undefined for nothing done, or throws a ProblemError. */
function withOutcome(text, attributes, { page, vendorOrder, work, changed }) {
  const element = h("button", { type: "button", ...attributes, onclick: press }, text);
  async function press() {
    const outcome = await whileBusy(element, () => outcomeOf(vendorOrder, work));
    if (outcome.now) changed(outcome.now);
    if (outcome.text && session.current() === page.person) toast(outcome.kind, outcome.text);
  }
  return element;
}

async function outcomeOf(vendorOrder, work) {
  try {
    const now = await work();
    return now ? { now, kind: "ok", text: `Order ${now.order_number}: ${now.status}.` } : {};
  } catch (problem) {
    if (!problem.code) throw problem;
    return refusal(vendorOrder, problem);
  }
}

/** Return the outcome of a refused action. After a conflict the vendor order is read anew: somebody else was faster. */
async function refusal(vendorOrder, problem) {
  if (![409, 412].includes(problem.status)) {
    return { kind: "error", text: `${problem.detail}${problem.requestId ? ` (request ${problem.requestId})` : ""}` };
  }
  try {
    const now = await get(`/vendor-orders/${vendorOrder.id}`);
    return { now, kind: "error", text: `Not done. ${difference(vendorOrder, now)}` };
  } catch {
    return { kind: "error", text: `Not done. ${problem.detail}` };
  }
}

function send(vendorOrder, action, body) {
  return change("POST", `/vendor-orders/${vendorOrder.id}/${action}`, { body, version: vendorOrder.version });
}

async function cancel(vendorOrder) {
  const answer = await confirm({
    title: `Cancel order ${vendorOrder.order_number}?`,
    text: "Your part of the order is refunded, and its stock is released. This cannot be undone.",
    yes: "Cancel the order",
  });
  return answer && send(vendorOrder, "cancel");
}

async function ship(vendorOrder, submitText = "Ship") {
  const dialog = new FormDialog({
    hook: "ship-dialog",
    title: `${submitText === "Ship" ? "Ship" : "Correct the tracking of"} order ${vendorOrder.order_number}`,
    fields: [
      field({ name: "carrier", label: "Carrier", hook: "ship-carrier", value: vendorOrder.carrier }),
      field({ name: "tracking_number", label: "Tracking number", hook: "ship-tracking-number", value: vendorOrder.tracking_number }),
      field({ name: "tracking_url", label: "Tracking link (optional)", hook: "ship-tracking-url", type: "url", value: vendorOrder.tracking_url, hint: "Begins with https://" }),
    ],
    submitHook: "ship-submit",
    submitText,
    submit: (values) => sendShipment(vendorOrder, values),
  });
  const result = await dialog.ask();
  if (result?.conflict) throw result.conflict;
  return result?.now;
}

/** Send a shipment: a conflict closes the dialog, other refusals are shown in it. */
async function sendShipment(vendorOrder, values) {
  const given = SHIPMENT_FIELDS.filter((name) => name !== "tracking_url" || values[name].trim());
  const body = Object.fromEntries(given.map((name) => [name, values[name].trim()]));
  try {
    return { now: await send(vendorOrder, "ship", body) };
  } catch (problem) {
    if ([409, 412].includes(problem.status)) return { conflict: problem };
    throw problem;
  }
}
