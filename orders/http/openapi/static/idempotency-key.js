// The Idempotency-Key is filled in. A new key places a new order, and the same key repeats the request, so:
// - opening an operation fills in a new key, and so does each success: the next request is another order;
// - a refused or failed request keeps its key, because a retry has to;
// - buttons fill in a new key, or the one that was sent last.

const NAME = "Idempotency-Key";

/** Return a random UUID (RFC 9562, version 4). crypto.randomUUID exists over TLS and on localhost only. */
const uuid = () => {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4})(.{4})(.{4})(.{12})/, "$1-$2-$3-$4-$5");
};

const isKey = (parameter) => parameter.get("in") === "header" && parameter.get("name") === NAME;

const KeyRow = ({ React, Original, ...props }) => {
  const h = React.createElement;
  const { isExecute, onChange, pathMethod, rawParam, specSelectors } = props;
  const response = specSelectors.responseFor(...pathMethod);
  const sent = specSelectors.requestFor(...pathMethod)?.getIn(["headers", NAME]);
  const present = specSelectors.parameterWithMetaByIdentity(pathMethod, rawParam).get("value");
  const fill = (key) => onChange(rawParam, key);
  const shown = React.useRef(response);
  React.useEffect(() => {
    if (isExecute) {
      fill(uuid());
    }
  }, [isExecute]);
  React.useEffect(() => {
    const isNew = response !== shown.current;
    shown.current = response;
    if (isNew && response?.get("ok")) {
      fill(uuid());
    }
  }, [response]);
  return h(
    React.Fragment,
    null,
    h(Original, props),
    isExecute &&
      h(
        "tr",
        { className: "key-actions" },
        h("td", null),
        h(
          "td",
          null,
          h("button", { type: "button", className: "btn", onClick: () => fill(uuid()) }, "New key"),
          sent &&
            sent !== present &&
            h("button", { type: "button", className: "btn", onClick: () => fill(sent) }, "Use the last key"),
        ),
      ),
  );
};

export const idempotencyKeyPlugin = () => ({
  wrapComponents: {
    parameterRow:
      (Original, { React }) =>
      (props) =>
        isKey(props.rawParam)
          ? React.createElement(KeyRow, { React, Original, ...props })
          : React.createElement(Original, props),
  },
});
