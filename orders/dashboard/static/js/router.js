// Pages by the History API: the address says which page is shown; no new document is loaded.

import { DASHBOARD } from "./api.js";
import { wait } from "./ready.js";

let open = null;
let build = () => {};

/**
 * Begin to show the pages. `show(path, query, open, anew)` returns the page for an address; `open` is the present one, or null, and
 * `anew` says that it must not stay.
 */
export function start(show) {
  build = show;
  window.addEventListener("popstate", () => render());
  document.addEventListener("click", follow);
  render();
}

/** Go to an address of the dashboard; `replace` leaves no entry in the history, `anew` opens the page again if it is open. */
export function navigate(address, { replace = false, anew = false } = {}) {
  if (address === location.pathname + location.search) replace = true;
  history[replace ? "replaceState" : "pushState"](null, "", address);
  render({ anew });
}

/** Show the page of the present address; `anew` opens it again. */
export function render({ anew = false } = {}) {
  const path = location.pathname.slice(DASHBOARD.length);
  const query = Object.fromEntries(new URLSearchParams(location.search));
  const done = wait();
  open = build(path, query, open, anew);
  done();
}

function follow(event) {
  const link = event.target.closest?.("a[href]");
  const isPlain = event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey || event.altKey);
  if (!link || !isPlain || event.defaultPrevented || link.target || link.hasAttribute("download")) return;
  const isOurs =
    link.origin === location.origin && (link.pathname === DASHBOARD || link.pathname.startsWith(`${DASHBOARD}/`));
  if (!isOurs || (link.hash && link.pathname === location.pathname)) return;
  event.preventDefault();
  navigate(link.pathname + link.search, { anew: "anew" in link.dataset });
}
