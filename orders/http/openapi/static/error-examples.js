// The examples of errors are folded: an operation has up to twelve error responses, with an example for each code.

const isError = (code) => Number(code) >= 400;

const ErrorRows = ({ React, Original, ...props }) => {
  const h = React.createElement;
  const [isOpen, setIsOpen] = React.useState(false);
  const Markdown = props.getComponent("Markdown", true);
  return h(
    React.Fragment,
    null,
    h(
      "tr",
      { className: `response error ${props.className}`, "data-code": props.code },
      h("td", { className: "response-col_status" }, props.code),
      h(
        "td",
        { className: "response-col_description" },
        h(Markdown, { source: props.response.get("description") }),
        h(
          "button",
          { type: "button", className: "fold", "aria-expanded": isOpen, onClick: () => setIsOpen(!isOpen) },
          "Examples",
          h("span", { className: "visually-hidden" }, ` of ${props.code}`),
        ),
      ),
    ),
    isOpen && h(Original, { ...props, className: "error-examples", response: props.response.delete("description") }),
  );
};

export const errorExamplesPlugin = () => ({
  wrapComponents: {
    response:
      (Original, { React }) =>
      (props) =>
        isError(props.code)
          ? React.createElement(ErrorRows, { React, Original, ...props })
          : React.createElement(Original, props),
  },
});
