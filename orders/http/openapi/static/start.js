// Start Swagger UI with the plugins beside this file, each a plugin of its public interface
// (https://swagger.io/docs/open-source-tools/swagger-ui/customization/plugin-api/).
import { accessibilityPlugin } from "./accessibility.js";
import { errorExamplesPlugin } from "./error-examples.js";
import { idempotencyKeyPlugin } from "./idempotency-key.js";
import { rolesPlugin } from "./roles.js";
import { searchPlugin } from "./search.js";
import { signInPlugin } from "./sign-in.js";
import { streamsPlugin } from "./streams.js";

window.SwaggerUIBundle({
  url: "schema", // relative to the page
  dom_id: "#swagger-ui",
  presets: [window.SwaggerUIBundle.presets.apis],
  plugins: [
    accessibilityPlugin,
    errorExamplesPlugin,
    idempotencyKeyPlugin,
    rolesPlugin,
    searchPlugin,
    signInPlugin,
    streamsPlugin,
  ],
  deepLinking: true,
  filter: true,
  persistAuthorization: false, // a token in the browser's storage outlives the page, and every script of the origin can read it
  displayRequestDuration: true,
  tryItOutEnabled: true,
  defaultModelsExpandDepth: 0,
  syntaxHighlight: { theme: "tomorrow-night" },
  validatorUrl: null,
});
