"use strict";

// Swagger UI's own filter compares the names of the groups only; this one searches everything that describes an endpoint.
const searchedText = (item) => {
  const operation = item.get("operation");
  const responses = operation.get("responses").toList()
    .map((response) => response.get("description") || response.get("$ref"));
  return [
    item.get("path"),
    item.get("method"),
    operation.get("operationId"),
    operation.get("summary"),
    operation.get("description"),
    (operation.get("x-roles") || []).join(" "),
    ...responses,
  ].join(" ").toLowerCase();
};

const searchPlugin = () => ({
  fn: {
    opsFilter: (groups, phrase) => {
      const words = phrase.toLowerCase().split(" ").filter(Boolean);
      const matches = (item) => words.every((word) => searchedText(item).includes(word));
      return groups
        .map((group) => group.update("operations", (operations) => operations.filter(matches)))
        .filter((group) => group.get("operations").size > 0);
    },
  },
});

window.onload = () => {
  SwaggerUIBundle({
    url: "schema",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [searchPlugin],
    deepLinking: true,
    filter: true,
    persistAuthorization: true,
    displayRequestDuration: true,
    tryItOutEnabled: true,
    defaultModelsExpandDepth: 0,
    validatorUrl: null,
    onComplete: () => {
      document.querySelector(".operation-filter-input").placeholder =
        "Search: a path, a word, a role or an error code, like cancel, vendor or out_of_stock";
    },
  });
};
