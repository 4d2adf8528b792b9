// The actions on a whole order: exactly those that the API names in `available_actions`.

import { change } from "../api.js";
import { actionButton, outcomeOf } from "./action-button.js";
import { whileBusy } from "./button.js";
import { confirm } from "./dialog.js";

/**
 * Return the buttons of an order's actions. `changed(order)` gets it as the API returns it afterwards, or as it is read anew when
 * somebody else was faster.
 */
export function orderActions(page, order, changed) {
  const attributes = {
    hook: "action-cancel",
    class: "button",
    "aria-label": `Cancel order ${order.number}`,
  };
  const perform = (button) => cancel(order, button);
  return order.available_actions
    .filter((action) => action === "cancel")
    .map(() => actionButton("Cancel", attributes, { page, changed, perform }));
}

async function cancel(order, button) {
  const answer = await confirm({
    title: `Cancel order ${order.number}?`,
    text: "All of its vendors' parts are cancelled: what was paid is refunded, and the stock is released. It cannot be undone.",
    reason: "Reason (optional)",
    yes: "Cancel the order",
  });
  if (!answer) return {};
  const path = `/orders/${order.id}`;
  const body = { reason: answer.reason.trim() };
  return whileBusy(button, () =>
    outcomeOf(order, path, () => change("POST", `${path}/cancel`, { body, version: order.version })),
  );
}
