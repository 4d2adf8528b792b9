// Messages and effects that failed for good, and their retries.

import { change } from "../api.js";
import { actionButton } from "../components/action-button.js";
import { whileBusy } from "../components/button.js";
import { LiveList } from "../components/live-list.js";
import { toast } from "../components/messages.js";
import { h } from "../dom.js";
import { badge, number, time } from "../format.js";

const SOURCES = { "payments.events": "Payment event", outbox: "Effect", refunds: "Refund" };
const ID_CHARACTERS = 8;

export default { name: "dead-letters", title: "Dead letters", roles: ["admin"], open };

function open(page) {
  const retries = new Retries();
  const begin = (letter) => {
    retries.begin(letter);
    list.update(letter);
  };
  const list = new LiveList(page, {
    path: "/admin/dead-letters",
    parameters: () => ({}),
    table: {
      caption: "Dead letters",
      columns: columns(page, retries, begin),
      stateOf: (letter) => retries.stateOf(letter),
    },
    noun: "dead letter",
    emptyTexts: () => [
      "There are no dead letters.",
      "A message or an effect that fails for good appears here, with the reason. Nothing is to be done.",
    ],
    follows: "page",
    received: (answer) => retries.settle(answer, ({ id }) => Boolean(list.table.rowOf(id))),
  });
  list.heading.textContent = "Newest first";
  page.main.append(list.element);
  list.open();
  return () => list.turn();
}

function columns(page, retries, begin) {
  return [
    {
      field: "source",
      label: "Source",
      header: true,
      value: ({ source }) => source,
      render: ({ source }) => h("span", { class: "strong" }, SOURCES[source] ?? source),
    },
    { field: "reason", label: "Reason", render: ({ reason }) => reason },
    {
      field: "attempts",
      label: "Attempts",
      numeric: true,
      value: ({ attempts }) => String(attempts),
      render: ({ attempts }) => number(attempts),
    },
    {
      field: "created_at",
      label: "Since",
      value: (letter) => letter.created_at,
      render: (letter) => time(letter.created_at, { relative: true }),
    },
    {
      field: "order_id",
      label: "Order",
      value: (letter) => letter.order_id,
      render: (letter) => orderLink(page, letter),
    },
    { field: "message", label: "Message", render: message },
    {
      field: "actions",
      label: "Actions",
      render: (letter) => retryButton(page, { letter, begin, isRetrying: Boolean(retries.stateOf(letter)) }),
    },
  ];
}

function orderLink(page, { order_id: id }) {
  if (!id) return h("span", { class: "muted" }, "–");
  return h(
    "a",
    { href: page.href(`/orders/${id}`), title: id, "aria-label": `Order ${id}` },
    `${id.slice(0, ID_CHARACTERS)}…`,
  );
}

function message({ message: text }) {
  const content = text
    ? h("pre", { hook: "letter-message", tabindex: "0" }, text)
    : h("p", { hook: "letter-message", class: "muted" }, "It is empty.");
  return h("details", {}, h("summary", {}, "Message"), content);
}

function retryButton(page, { letter, begin, isRetrying }) {
  const attributes = {
    hook: "action-retry",
    class: "button",
    "aria-label": `Retry: ${letter.reason}`,
    disabled: isRetrying,
  };
  const perform = (button) => whileBusy(button, () => retry(letter));
  const button = actionButton("Retry", attributes, { page, changed: begin, perform });
  return h("div", { class: "actions" }, button, isRetrying && badge("retrying"));
}

/** Ask for a retry, and return the outcome of asking: that of the retry itself is seen in the list. */
async function retry(letter) {
  try {
    await change("POST", `/admin/dead-letters/${letter.id}/retry`);
    return { now: letter, kind: "ok", text: "It is being retried." };
  } catch (problem) {
    if (problem.status === 404)
      return { now: letter, kind: "ok", text: "It has gone already: somebody else has retried it." };
    if (!problem.code) throw problem;
    return { kind: "error", text: problem.detail };
  }
}

/** The retries that have been asked for, until a letter has gone or counts another attempt. */
class Retries {
  #letters = new Map(); // as they were when their retry was asked for, by id

  begin(letter) {
    this.#letters.set(letter.id, letter);
  }

  /** Return the state of a letter's row. */
  stateOf({ id, attempts }) {
    return this.#letters.get(id)?.attempts === attempts ? "retrying" : undefined;
  }

  /** Look in a page of the list for the outcomes of those letters that it has shown before. */
  settle({ results, next }, isShown) {
    for (const before of [...this.#letters.values()].filter(isShown)) {
      const letter = results.find(({ id }) => id === before.id);
      const isOnNextPage =
        !letter && next && !results.some(({ created_at: at }) => Date.parse(at) < Date.parse(before.created_at));
      if (letter?.attempts === before.attempts || isOnNextPage) continue;
      this.#letters.delete(before.id);
      if (letter) toast("error", `The retry has failed: ${letter.reason}`);
      else toast("ok", "The retry has succeeded: the dead letter has gone.");
    }
  }
}
