// Lists of the API as files of comma-separated values.

import { button } from "./button.js";
import { toast } from "./messages.js";
import { saveFile } from "./save-file.js";

/** Return a button that saves a list of the API as CSV; `query()` returns its parameters at that moment. */
export function csvButton(text, attributes, { page, path, query = () => ({}) }) {
  return button(text, attributes, async () => {
    try {
      await saveFile(path, { query: { ...query(), format: "csv" }, signal: page.signal });
    } catch (problem) {
      if (page.signal.aborted) return;
      if (!problem.code) throw problem;
      toast("error", [problem.detail, ...Object.values(problem.byField())].join(" "));
    }
  });
}
