// The actions on a vendor order: exactly those that the API names in `available_actions`.

import { change } from "../api.js";
import { actionButton, done, isConflict, outcomeOf, refusal } from "./action-button.js";
import { whileBusy } from "./button.js";
import { confirm, FormDialog, field } from "./dialog.js";

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
  const send = (action) => outcomeOf(vendorOrder, pathOf(vendorOrder), () => act(vendorOrder, action));
  const performs = {
    accept: (button) => whileBusy(button, () => send("accept")),
    ship: () => ship(vendorOrder),
    deliver: (button) => whileBusy(button, () => send("deliver")),
    cancel: async (button) => ((await isCancelConfirmed(vendorOrder)) ? whileBusy(button, () => send("cancel")) : {}),
  };
  return vendorOrder.available_actions
    .filter((action) => action in performs)
    .map((action) =>
      vendorOrderButton(
        TEXTS[action],
        { hook: `action-${action}`, class: `button ${KINDS[action]}` },
        { page, vendorOrder, changed, perform: performs[action] },
      ),
    );
}

/** Return the button that corrects the tracking of a shipped vendor order; the API repeats `ship` for it. */
export function correctTracking(page, vendorOrder, changed) {
  const attributes = { hook: "correct-tracking", class: "button" };
  return vendorOrderButton("Correct tracking", attributes, {
    page,
    vendorOrder,
    changed,
    perform: () => ship(vendorOrder, { isCorrection: true }),
  });
}

function vendorOrderButton(text, attributes, { page, vendorOrder, ...action }) {
  const vendor = page.person.role === "admin" ? `, vendor ${vendorOrder.vendor_id}` : "";
  return actionButton(
    text,
    { "aria-label": `${text} order ${vendorOrder.order_number}${vendor}`, ...attributes },
    { page, ...action },
  );
}

function pathOf({ id }) {
  return `/vendor-orders/${id}`;
}

function act(vendorOrder, action, body) {
  return change("POST", `${pathOf(vendorOrder)}/${action}`, { body, version: vendorOrder.version });
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
    if (isConflict(problem)) return refusal(vendorOrder, pathOf(vendorOrder), problem);
    throw problem;
  }
}
