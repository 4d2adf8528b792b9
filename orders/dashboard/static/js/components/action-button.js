// Buttons of actions on an order or a vendor order, and what has become of them.

import { get } from "../api.js";
import { h } from "../dom.js";
import { words } from "../format.js";
import * as session from "../session.js";
import { toast } from "./messages.js";

/** Return a button; `perform(button)` returns the outcome of its action, {now, kind, text}, {} for nothing done. */
export function actionButton(text, attributes, { page, changed, perform }) {
  const button = h("button", { type: "button", ...attributes, onclick: press }, text);
  async function press() {
    const outcome = await perform(button);
    if (outcome.now) changed(outcome.now);
    if (outcome.text && session.current() === page.person) toast(outcome.kind, outcome.text);
  }
  return button;
}

/** Return the outcome of `work`, which returns the record at `path` of the API as the action has left it. */
export async function outcomeOf(record, path, work) {
  try {
    return done(await work());
  } catch (problem) {
    if (!problem.code) throw problem;
    return refusal(record, path, problem);
  }
}

/** Return the outcome of an action that has been carried out. */
export function done(now) {
  return { now, kind: "ok", text: `${nameOf(now)}: ${now.status}.` };
}

/** Return the outcome of a refused action. After a conflict the record is read anew: somebody else was faster. */
export async function refusal(record, path, problem) {
  if (!isConflict(problem)) {
    return { kind: "error", text: `${problem.detail}${problem.requestId ? ` (request ${problem.requestId})` : ""}` };
  }
  try {
    const now = await get(path);
    return { now, kind: "error", text: `Not done. ${difference(record, now)}` };
  } catch {
    return { kind: "error", text: `Not done. ${problem.detail}` };
  }
}

/** Return whether an action was refused because of what the record is now. */
export function isConflict({ status }) {
  return status === 409 || status === 412;
}

/** Return what has changed between two versions of a record, as a sentence. */
export function difference(before, after) {
  const name = nameOf(after);
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

function nameOf({ order_number: orderNumber, number = orderNumber }) {
  return `Order ${number}`;
}
