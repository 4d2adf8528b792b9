// A stream of Server-Sent Events does not end, so a request of this page would never show its response: no Execute, but a command.

const isStream = (operation) => Boolean(operation?.getIn(["responses", "200", "content", "text/event-stream"]));

/** Return the command that reads a stream; its path's parameters are variables of the shell. */
const command = (url) => {
  const variables = url.replace(/{(\w+)}/g, (_, name) => `$${name.toUpperCase()}`);
  return `curl --no-buffer -H "Authorization: Bearer $TOKEN" \\\n  "${variables}"`;
};

/** Return the URL of a path below the server that the document names, which is relative to the page. */
const urlOf = (path, spec) => {
  const server = spec.getIn(["servers", 0, "url"], "/").replace(/\/$/, "");
  return window.location.origin + server + path;
};

export const streamsPlugin = () => ({
  statePlugins: {
    spec: {
      wrapSelectors: {
        allowTryItOutFor:
          (original, { specSelectors }) =>
          (_, path, method) =>
            !isStream(specSelectors.specJson().getIn(["paths", path, method])) && original(path, method),
      },
    },
  },
  wrapComponents: {
    responses:
      (Original, { React, getComponent, specSelectors }) =>
      (props) => {
        const h = React.createElement;
        const spec = specSelectors.specJson();
        if (!isStream(spec.getIn(["paths", props.path, props.method]))) {
          return h(Original, props);
        }
        const HighlightCode = getComponent("HighlightCode", true);
        return h(
          React.Fragment,
          null,
          h(
            "div",
            { className: "stream-hint opblock-description-wrapper" },
            h("p", null, "A stream stays open, so it is read outside of this page:"),
            h(HighlightCode, { language: "bash", canCopy: true }, command(urlOf(props.path, spec))),
            h(
              "p",
              null,
              "After a lost connection, resume with ",
              h("code", null, '-H "Last-Event-ID: …"'),
              ", the last id that you received.",
            ),
          ),
          h(Original, props),
        );
      },
  },
});
