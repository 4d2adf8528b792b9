"""The API's documentation: the OpenAPI document, and Swagger UI over it with every asset served from here.

The page's links are relative to it, so that they hold below any root path."""

import asyncio
from functools import cache
from pathlib import Path

import drf_spectacular_sidecar
import msgspec
from django.http import HttpRequest, HttpResponse

from orders.http.openapi.document import Generator
from orders.http.problems import not_found

ASSETS = Path(drf_spectacular_sidecar.__file__).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
CONTENT_TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Order Service API</title>
  <link rel="icon" href="doc/favicon-32x32.png">
  <link rel="stylesheet" href="doc/swagger-ui.css">
  <link rel="stylesheet" href="doc/page.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="doc/swagger-ui-bundle.js"></script>
  <script src="doc/start.js"></script>
</body>
</html>
"""

STYLE = """body { margin: 0; }
.swagger-ui .info { margin: 24px 0; }
.swagger-ui .scheme-container { padding: 12px 0; margin-bottom: 12px; }
.swagger-ui .scheme-container .servers-title, .swagger-ui .scheme-container .servers { display: none; }
.swagger-ui .response-col_links { display: none; }
.swagger-ui textarea.body-param__text { min-height: 140px; height: 140px; }
.swagger-ui .markdown code, .swagger-ui .renderedMarkdown code { color: #3b4151; }
.swagger-ui .auth-container input[type=text] { width: 100%; }
"""

START = """// Swagger UI's own filter looks at the groups' names only; this one finds endpoints by any of their words.
const words = (operation) => {
  const said = operation.get("operation");
  const parts = [operation.get("path"), operation.get("method"), said.get("operationId"), said.get("summary"),
    said.get("description"), (said.get("x-roles") || []).join(" ")];
  said.get("responses").forEach((answer) => parts.push(answer.get("description") || answer.get("$ref")));
  return parts.join(" ").toLowerCase();
};

const search = () => ({
  fn: {
    opsFilter: (groups, phrase) => {
      const wanted = phrase.toLowerCase().split(" ").filter(Boolean);
      return groups
        .map((group) => group.update("operations", (operations) => operations.filter(
          (operation) => { const text = words(operation); return wanted.every((word) => text.includes(word)); })))
        .filter((group) => group.get("operations").size > 0);
    },
  },
});

window.onload = () => {
  SwaggerUIBundle({
    url: "schema",
    dom_id: "#swagger-ui",
    presets: [SwaggerUIBundle.presets.apis],
    plugins: [search],
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
"""

OURS = {"start.js": (START, "text/javascript"), "page.css": (STYLE, "text/css")}

POLICY = (  # Swagger UI writes styles into its elements
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


async def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document."""
    return HttpResponse(
        await asyncio.to_thread(_document, str(request.META["SCRIPT_NAME"])),
        content_type="application/vnd.oai.openapi+json",
    )


async def swagger_ui(request: HttpRequest) -> HttpResponse:
    """Swagger UI."""
    response = HttpResponse(PAGE, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = POLICY
    return response


async def asset(request: HttpRequest, name: str) -> HttpResponse:
    """What the page is made of."""
    if name in OURS:
        text, content_type = OURS[name]
        return HttpResponse(text, content_type=content_type)
    if name not in CONTENT_TYPES:
        return not_found(request)
    response = HttpResponse(await asyncio.to_thread(_read, name), content_type=CONTENT_TYPES[name])
    response["Cache-Control"] = "public, max-age=3600"
    return response


@cache
def _document(root_path: str) -> bytes:
    document = Generator().get_schema(public=True)  # type: ignore[no-untyped-call]
    document["servers"] = [{**document["servers"][0], "url": root_path or "/"}]
    return msgspec.json.encode(document, enc_hook=str)


@cache
def _read(name: str) -> bytes:
    return (ASSETS / name).read_bytes()
