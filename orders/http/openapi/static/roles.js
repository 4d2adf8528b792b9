// Each row names the roles that may call its operation (`x-roles`), closed rows too.

/** Return the roles that may call an operation. */
export const rolesOf = (operation) => (operation["x-roles"]?.length ? operation["x-roles"] : ["everyone"]);

/** Return the path with a possible line break before each of its segments. */
const breakable = (React, path) =>
  path.split(/(?=\/)/).map((segment, index) => [index > 0 && React.createElement("wbr", { key: index }), segment]);

export const rolesPlugin = () => ({
  wrapComponents: {
    // Swagger UI's own path is a link, which may not be inside of the row's button; the address follows the opened row anyway.
    OperationSummaryPath:
      (_, { React, specSelectors }) =>
      ({ operationProps }) => {
        const { path, method, deprecated } = operationProps.toObject();
        const operation = specSelectors.specJson().getIn(["paths", path, method]).toJS();
        const badge = (role) => [" ", React.createElement("span", { key: role, className: `role role-${role}` }, role)];
        return React.createElement(
          React.Fragment,
          null,
          React.createElement(
            "span",
            { className: deprecated ? "opblock-summary-path__deprecated" : "opblock-summary-path", "data-path": path },
            React.createElement("span", null, breakable(React, path)),
          ),
          React.createElement("span", { className: "roles" }, rolesOf(operation).map(badge)),
        );
      },
  },
});
