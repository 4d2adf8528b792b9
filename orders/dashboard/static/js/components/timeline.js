// The history of an order or a vendor order, entry by entry.

import { h } from "../dom.js";
import { time, words } from "../format.js";

/** A list of entries as the API's history and streams have them. Each entry is shown once, in the order of `sequence`. */
export class Timeline {
  #last = 0;

  constructor() {
    this.element = h("ol", { hook: "timeline", class: "timeline" });
  }

  /** Show entries that come after those that are shown. */
  add(entries) {
    const fresh = entries.filter(({ sequence }) => sequence > this.#last);
    this.element.append(...fresh.map(entryElement));
    this.#last = fresh.at(-1)?.sequence ?? this.#last;
  }
}

function entryElement(entry) {
  const { sequence, type, from, to, at, actor_role: role, actor_id: id, data = {}, request_id: requestId } = entry;
  const details = Object.keys(data).length > 0 || requestId;
  return h(
    "li",
    { hook: "timeline-entry", "data-sequence": sequence, "data-type": type, "data-to": to },
    h(
      "p",
      { class: "timeline-title" },
      titleOf(type),
      from && from !== to && h("span", { class: "muted" }, `${words(from)} → ${words(to)}`),
    ),
    h(
      "p",
      { class: "muted" },
      time(at),
      " by ",
      h("span", { hook: "timeline-actor", "data-role": role }, id ? `${role} ${id}` : role),
    ),
    data.reason && h("p", { hook: "timeline-reason", class: "quote" }, data.reason),
    details &&
      h(
        "details",
        {},
        h("summary", {}, "Details"),
        requestId && h("p", {}, "Request ", h("code", { hook: "timeline-request-id" }, requestId)),
        h("pre", { hook: "timeline-data", tabindex: "0" }, JSON.stringify(data, null, 2)),
      ),
  );
}

function titleOf(type) {
  const [subject, event] = type.split(".");
  return `${words(subject)} ${words(event).toLowerCase()}`;
}
