// The states of a part of a page while it has no data: loading, empty, failed.

import { h, show } from "./dom.js";
import { counted } from "./format.js";
import { wait } from "./ready.js";

const LOADING_AFTER_MS = 200;
const SKELETON_ROWS = 4;

const loads = new WeakMap();

/**
 * Show in `region` what `work(signal)` returns: a node, or an array of them. Until then, and from 200 ms on, its loading is
 * shown; if it throws, the problem with a button that tries again. A load replaces the region's previous one.
 */
export async function load(region, work, page) {
  loads.get(region)?.abort();
  const own = new AbortController();
  loads.set(region, own);
  const signal = AbortSignal.any([own.signal, page.signal]);
  const done = wait();
  const timer = setTimeout(() => {
    page.main.setAttribute("aria-busy", "true");
    show(region, loading());
  }, LOADING_AFTER_MS);
  try {
    const content = await work(signal);
    if (!signal.aborted && region.isConnected) show(region, content);
  } catch (error) {
    if (!signal.aborted)
      show(
        region,
        failed(error, () => load(region, work, page), signal),
      );
  } finally {
    clearTimeout(timer);
    if (!page.main.querySelector("[data-testid=loading]")) page.main.removeAttribute("aria-busy"); // no other part loads
    done();
  }
}

/** Return the words for a list without rows: why there are none, and what to do. */
export function empty(why, advice, ...actions) {
  return h(
    "div",
    { hook: "empty", class: "state" },
    h("p", { class: "state-title" }, why),
    h("p", {}, advice),
    actions,
  );
}

/** Return a problem with the button to try again; after 429, 503 and without a connection it tries again by itself. */
export function failed(error, retry, signal) {
  if (!error.code) reportError(error); // a defect of ours
  const { detail = "The page failed. Reload it.", code = "internal_error", requestId, retryAfter, byField } = error;
  const again = retryAfter !== null && retryAfter !== undefined;
  if (again) {
    const timer = setTimeout(retry, retryAfter * 1000);
    signal.addEventListener("abort", () => clearTimeout(timer));
  }
  const fields = byField ? Object.entries(error.byField()) : [];
  return h(
    "div",
    { hook: "error", class: "state state-error", role: "alert" },
    h("p", { class: "state-title" }, detail),
    fields.length > 0 &&
      h(
        "ul",
        {},
        fields.map(([name, reason]) => h("li", {}, `${name}: ${reason}`)),
      ),
    again && h("p", {}, `Trying again in ${counted(retryAfter, "second")}.`),
    h(
      "p",
      { class: "muted" },
      "Code ",
      h("code", { hook: "error-code" }, code),
      requestId && [", request ", h("code", { hook: "error-request-id" }, requestId)],
    ),
    h("button", { hook: "retry", type: "button", class: "button", onclick: retry }, "Try again"),
  );
}

function loading() {
  const rows = Array.from({ length: SKELETON_ROWS }, () => h("div", { class: "skeleton", "aria-hidden": "true" }));
  return h(
    "div",
    { hook: "loading", class: "state-loading", role: "status" },
    h("p", { class: "visually-hidden" }, "Loading…"),
    rows,
  );
}
