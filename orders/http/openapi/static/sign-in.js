// The dialog for the token: a modal <dialog>, which keeps the focus, gives it back, and closes with Escape. The browser is asked
// not to remember the token.

const TOKEN_FIELD = "auth-bearer-value";

const TokenDialog = ({ React, Original, ...props }) => {
  const dialog = React.useRef(null);
  React.useLayoutEffect(() => {
    const element = dialog.current;
    element.showModal();
    element.querySelector("input")?.focus();
    return () => element.close();
  }, []);
  return React.createElement(
    "dialog",
    {
      ref: dialog,
      className: "token-dialog",
      "aria-label": "Authorize",
      onCancel: () => props.authActions.showDefinitions(false),
    },
    React.createElement(Original, props),
  );
};

export const signInPlugin = () => ({
  wrapComponents: {
    authorizationPopup:
      (Original, { React }) =>
      (props) =>
        React.createElement(TokenDialog, { React, Original, ...props }),
    Input:
      (Original, { React }) =>
      (props) =>
        React.createElement(
          Original,
          props.id === TOKEN_FIELD ? { ...props, autoComplete: "off", spellCheck: false } : props,
        ),
  },
});
