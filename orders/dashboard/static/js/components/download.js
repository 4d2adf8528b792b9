// Files of the API: a link of the browser's own could not send the token.

import { file } from "../api.js";
import { h } from "../dom.js";
import { button } from "./button.js";
import { toast } from "./messages.js";

const KEPT_MS = 60_000; // the browser reads the file after the click

/** Return a button that saves a list of the API as CSV; `query()` returns its parameters at that moment. */
export function csvButton(text, attributes, { page, path, query = () => ({}) }) {
  return button(text, attributes, async () => {
    try {
      save(await file(path, { query: { ...query(), format: "csv" }, signal: page.signal }));
    } catch (problem) {
      if (page.signal.aborted) return;
      if (!problem.code) throw problem;
      toast("error", [problem.detail, ...Object.values(problem.byField())].join(" "));
    }
  });
}

/** Save a File. */
export function save(content) {
  const address = URL.createObjectURL(content);
  h("a", { href: address, download: content.name }).click();
  setTimeout(() => URL.revokeObjectURL(address), KEPT_MS);
}
