// The actions on a vendor order: exactly those that the API names in `available_actions`.

import { change, get } from "../api.js";
import { h } from "../dom.js";
import { words } from "../format.js";
import * as session from "../session.js";
import { whileBusy } from "./button.js";
import { confirm, FormDialog, field } from "./dialog.js";
import { toast } from "./messages.js";

const TEXTS = { accept: "Accept", ship: "Ship", deliver: "Mark delivered", cancel: "Cancel" };
const KINDS = {
  accept: "button-primary",
  ship: "button-primary",
  deliver: "button-primary",
  cancel: "button-quiet button-danger-quiet",
};

/**
 * Return the buttons of a vendor order's actions. `changed(vendorOrder)` gets it as the API returns it afterwards, or as it is
 * read anew when somebody else was faster.
 */
export function vendorOrderActions(page, vendorOrder, changed) {
  const send = (action) => outcomeOf(vendorOrder, () => act(vendorOrder, action));
  const performs = {
    accept: (button) => whileBusy(button, () => send("accept")),
    ship: () => ship(vendorOrder),
    deliver: (button) => whileBusy(button, () => send("deliver")),
    cancel: async (button) => ((await isCancelConfirmed(vendorOrder)) ? whileBusy(button, () => send("cancel")) : {}),
  };
  return vendorOrder.available_actions
    .filter((action) => action in performs)
    .map((action) =>
      actionButton(
        TEXTS[action],
        { hook: `action-${action}`, class: `button ${KINDS[action]}` },
        { page, vendorOrder, changed, perform: performs[action] },
      ),
    );
}

/** Return the button that corrects the tracking of a shipped vendor order; the API repeats `ship` for it. */
export function correctTracking(page, vendorOrder, changed) {
  const attributes = { hook: "correct-tracking", class: "button" };
  return actionButton("Correct tracking", attributes, {
    page,
    vendorOrder,
    changed,
    perform: () => ship(vendorOrder, { isCorrection: true }),
  });
}

/** Return what has changed between two versions of a vendor order, as a sentence. */
export function difference(before, after) {
  const name = `Order ${after.order_number}`;
  if (before.status !== after.status) return `${name} is ${after.status} now, no longer ${before.status}.`;
  if (before.order_status !== after.order_status)
    return `${name} is ${after.order_status} now, no longer ${before.order_status}.`;
  const fields = Object.keys(after).filter(
    (key) => !["version", "updated_at"].includes(key) && JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  return fields.length
    ? `${name} has changed: ${fields.map((key) => words(key).toLowerCase()).join(", ")}.`
    : `${name} has not changed.`;
}

/** Return a button; `perform(button)` returns the outcome of its action, {now, kind, text}, {} for nothing done. */
function actionButton(text, attributes, { page, vendorOrder, changed, perform }) {
  const button = h(
    "button",
    { type: "button", "aria-label": `${text} order ${vendorOrder.order_number}`, ...attributes, onclick: press },
    text,
  );
  async function press() {
    const outcome = await perform(button);
    if (outcome.now) changed(outcome.now);
    if (outcome.text && session.current() === page.person) toast(outcome.kind, outcome.text);
  }
  return button;
}

async function outcomeOf(vendorOrder, work) {
  try {
    return done(await work());
  } catch (problem) {
    if (!problem.code) throw problem;
    return refusal(vendorOrder, problem);
  }
}

function done(now) {
  return { now, kind: "ok", text: `Order ${now.order_number}: ${now.status}.` };
}

/** Return the outcome of a refused action. After a conflict the vendor order is read anew: somebody else was faster. */
async function refusal(vendorOrder, problem) {
  if (!isConflict(problem)) {
    return { kind: "error", text: `${problem.detail}${problem.requestId ? ` (request ${problem.requestId})` : ""}` };
  }
  try {
    const now = await get(`/vendor-orders/${vendorOrder.id}`);
    return { now, kind: "error", text: `Not done. ${difference(vendorOrder, now)}` };
  } catch {
    return { kind: "error", text: `Not done. ${problem.detail}` };
  }
}

function act(vendorOrder, action, body) {
  return change("POST", `/vendor-orders/${vendorOrder.id}/${action}`, { body, version: vendorOrder.version });
}

async function isCancelConfirmed({ order_number: orderNumber }) {
  const text = "This part of the order is refunded, and its stock is released. It cannot be undone.";
  return (await confirm({ title: `Cancel order ${orderNumber}?`, text, yes: "Cancel the order" })) !== undefined;
}

async function ship(vendorOrder, { isCorrection = false } = {}) {
  const dialog = new FormDialog({
    hook: "ship-dialog",
    title: `${isCorrection ? "Correct the tracking of" : "Ship"} order ${vendorOrder.order_number}`,
    fields: [
      field({ name: "carrier", label: "Carrier", hook: "ship-carrier", value: vendorOrder.carrier }),
      field({
        name: "tracking_number",
        label: "Tracking number",
        hook: "ship-tracking-number",
        value: vendorOrder.tracking_number,
      }),
      field({
        name: "tracking_url",
        label: "Tracking link (optional)",
        hook: "ship-tracking-url",
        type: "url",
        value: vendorOrder.tracking_url,
        hint: "Begins with https://",
      }),
    ],
    submitHook: "ship-submit",
    submitText: isCorrection ? "Save" : "Ship",
    submit: (values) => sendShipment(vendorOrder, values),
  });
  return (await dialog.ask()) ?? {};
}

/** Send a shipment and return the outcome. A conflict closes the dialog; other refusals are thrown, and shown in it. */
async function sendShipment(vendorOrder, { tracking_url: url, ...values }) {
  try {
    return done(await act(vendorOrder, "ship", url.trim() ? { ...values, tracking_url: url.trim() } : values));
  } catch (problem) {
    if (isConflict(problem)) return refusal(vendorOrder, problem);
    throw problem;
  }
}

function isConflict({ status }) {
  return status === 409 || status === 412;
}
