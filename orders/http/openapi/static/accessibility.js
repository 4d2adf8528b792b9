// Names for those controls that Swagger UI leaves without one (WCAG 2.2, 4.1.2).

/** Return whether a parameter's values are chosen from a list, which has no placeholder to be named by. */
const isChosen = (schema) =>
  Boolean(schema?.get("enum") || schema?.getIn(["items", "enum"]) || schema?.get("type") === "boolean");

/** Return the component in a label of this name, which is not shown. */
const labelled = (React, name, Original, props) =>
  React.createElement(
    "label",
    { className: "labelled" },
    React.createElement("span", { className: "visually-hidden" }, name),
    React.createElement(Original, props),
  );

export const accessibilityPlugin = () => ({
  wrapComponents: {
    TextArea:
      (Original, { React }) =>
      (props) =>
        React.createElement(Original, { "aria-label": "Request body", ...props }),
    ExamplesSelect:
      (Original, { React }) =>
      (props) =>
        labelled(React, "Example", Original, props),
    JsonSchemaForm:
      (Original, { React }) =>
      (props) =>
        isChosen(props.schema)
          ? labelled(React, props.description, Original, props)
          : React.createElement(Original, props),
    CloseIcon:
      (Original, { React }) =>
      (props) =>
        React.createElement(
          React.Fragment,
          null,
          React.createElement(Original, props),
          React.createElement("span", { className: "visually-hidden" }, "Close"),
        ),
  },
});
