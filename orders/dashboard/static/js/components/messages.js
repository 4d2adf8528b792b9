// Messages outside the page: the outcome of an action, and what screen readers are told.

import { h } from "../dom.js";
import { counted } from "../format.js";

const SHOWN_MS = 8_000;
const ANNOUNCE_EVERY_MS = 10_000;

const announcer = h("div", { hook: "announcer", class: "visually-hidden", "aria-live": "polite" });
const toasts = h("div", { class: "toasts" });
const arrived = { count: 0, noun: "order", timer: 0, last: -ANNOUNCE_EVERY_MS };
let hiding = 0;

/** The places of all messages. */
export const messages = h("div", {}, announcer, toasts);

/** Show the outcome of an action; `kind` is "ok" or "error". The next one replaces it. An error stays until it is closed. */
export function toast(kind, text) {
  clearTimeout(hiding);
  const close = h(
    "button",
    { type: "button", class: "toast-close", "aria-label": "Close this message", onclick: clear },
    "×",
  );
  const role = kind === "error" ? "alert" : "status";
  toasts.replaceChildren(h("div", { hook: "toast", class: "toast", "data-kind": kind, role }, h("p", {}, text), close));
  if (kind === "ok") hiding = setTimeout(clear, SHOWN_MS);
}

/** Tell screen readers, when they have finished what they say. */
export function announce(text) {
  announcer.textContent = text;
}

/** Tell screen readers how many have come, at most every 10 s: those in between are counted together. */
export function announceArrivals(count, noun) {
  arrived.count += count;
  arrived.noun = noun;
  const wait = Math.max(0, arrived.last + ANNOUNCE_EVERY_MS - performance.now());
  arrived.timer ||= setTimeout(() => {
    announce(`${counted(arrived.count, `new ${arrived.noun}`)}.`);
    Object.assign(arrived, { count: 0, timer: 0, last: performance.now() });
  }, wait);
}

/** Forget every message: they tell what has been shown. */
export function silence() {
  clear();
  clearTimeout(arrived.timer);
  Object.assign(arrived, { count: 0, timer: 0 });
  announcer.textContent = "";
}

function clear() {
  clearTimeout(hiding);
  toasts.replaceChildren();
}
