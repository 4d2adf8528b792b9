// Whether a page keeps up with changes.

import { h } from "../dom.js";
import { announce } from "./messages.js";

const TEXTS = { live: "Live", paused: "Paused", offline: "Offline" };

/** Add the indicator to the header of a page, and return the function that sets its state: "live", "paused" or "offline". */
export function liveIndicator(page) {
  const text = h("span", {}, TEXTS.live);
  const element = h(
    "span",
    { hook: "live", class: "live", "data-state": "live", title: "Whether changes by others appear by themselves" },
    text,
  );
  page.headerActions.append(element);
  return (state) => {
    if (element.dataset.state === state) return;
    if (state === "offline") announce("Offline. Trying to connect again.");
    element.dataset.state = state;
    text.textContent = TEXTS[state];
  };
}
