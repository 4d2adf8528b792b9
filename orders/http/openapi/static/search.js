// The search above the operations: a labelled field, the number of matches, and a word when nothing matches. Swagger UI's own
// filter compares the names of the groups only.
import { textsOf } from "./search-text.js";

const FIELD = "search";

const texts = new WeakMap();

/** Return the texts of the document's operations, made once. */
const textsOfDocument = (document) => {
  if (!texts.has(document)) {
    texts.set(document, textsOf(document.toJS()));
  }
  return texts.get(document);
};

const countOf = (groups) => groups.reduce((count, group) => count + group.get("operations").size, 0);

const Search = ({ React, layoutActions, layoutSelectors, specSelectors }) => {
  const h = React.createElement;
  const phrase = layoutSelectors.currentFilter();
  const found = countOf(specSelectors.taggedOperations());
  const all = specSelectors.operations().size;
  React.useEffect(() => {
    if (typeof phrase === "string") {
      document.getElementById("operations")?.scrollIntoView(); // the results, which may be below the screen
    }
  }, [phrase]);
  return h(
    "div",
    { className: "search", role: "search" },
    h(
      "div",
      { className: "wrapper" },
      h("label", { htmlFor: FIELD, className: "visually-hidden" }, "Search the endpoints"),
      h("input", {
        id: FIELD,
        className: "operation-filter-input",
        type: "search",
        placeholder: "Search: path, parameter, header, field, role, error code",
        autoComplete: "off",
        spellCheck: false,
        value: typeof phrase === "string" ? phrase : "",
        onChange: (event) => layoutActions.updateFilter(event.target.value || true),
      }),
      h("p", { role: "status" }, found === all ? `${all} endpoints` : `${found} of ${all} endpoints`),
    ),
  );
};

const NothingFound = ({ React, layoutActions }) => {
  const h = React.createElement;
  const showAll = () => layoutActions.updateFilter(true);
  return h(
    "div",
    { className: "nothing-found" },
    h("h2", null, "Nothing found"),
    h("p", null, "No path, parameter, header, field, role or error code contains all of these words."),
    h("button", { type: "button", className: "btn", onClick: showAll }, "Show all endpoints"),
  );
};

export const searchPlugin = ({ getSystem }) => ({
  fn: {
    opsFilter: (groups, phrase) => {
      const known = textsOfDocument(getSystem().specSelectors.specJson());
      const words = phrase.toLowerCase().split(/\s+/).filter(Boolean);
      const matches = (item) => {
        const text = known.get(`${item.get("method")} ${item.get("path")}`);
        return words.every((word) => text.includes(word));
      };
      return groups
        .map((group) => group.update("operations", (operations) => operations.filter(matches)))
        .filter((group) => group.get("operations").size > 0);
    },
  },
  wrapComponents: {
    FilterContainer:
      (_, { React }) =>
      (props) =>
        React.createElement(Search, { React, ...props }),
    operations:
      (Original, { React }) =>
      (props) =>
        props.specSelectors.taggedOperations().size
          ? React.createElement(Original, props)
          : React.createElement(NothingFound, { React, ...props }),
  },
});
