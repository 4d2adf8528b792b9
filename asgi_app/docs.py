"""The API's documentation: the OpenAPI document, and Swagger UI over it with every asset served from here."""

import asyncio
from functools import cache
from pathlib import Path
from typing import Any

import drf_spectacular_sidecar
import msgspec
from django.http import HttpRequest, HttpResponse
from drf_spectacular.generators import SchemaGenerator

from orders.api.errors import not_found

ASSETS = Path(drf_spectacular_sidecar.__file__).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
CONTENT_TYPES = {
    "swagger-ui.css": "text/css",
    "swagger-ui-bundle.js": "text/javascript",
    "swagger-ui-standalone-preset.js": "text/javascript",
    "favicon-32x32.png": "image/png",
}

PAGE = """<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <title>Order Service API</title>
  <link rel="icon" href="/api/doc/favicon-32x32.png">
  <link rel="stylesheet" href="/api/doc/swagger-ui.css">
</head>
<body>
  <div id="swagger-ui"></div>
  <script src="/api/doc/swagger-ui-bundle.js"></script>
  <script src="/api/doc/swagger-ui-standalone-preset.js"></script>
  <script src="/api/doc/start.js"></script>
</body>
</html>
"""

START = """window.onload = () => SwaggerUIBundle({
  url: "/api/schema",
  dom_id: "#swagger-ui",
  presets: [SwaggerUIBundle.presets.apis],
  deepLinking: true,
  filter: true,
  persistAuthorization: true,
  displayRequestDuration: true,
  tryItOutEnabled: true,
});
"""

POLICY = "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; frame-ancestors 'none'"


async def schema(request: HttpRequest) -> HttpResponse:
    """The OpenAPI 3.1 document."""
    return HttpResponse(await asyncio.to_thread(_document), content_type="application/vnd.oai.openapi+json")


async def swagger_ui(request: HttpRequest) -> HttpResponse:
    """Swagger UI."""
    response = HttpResponse(PAGE, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = POLICY
    return response


async def asset(request: HttpRequest, name: str) -> HttpResponse:
    """What the page is made of."""
    if name == "start.js":
        return HttpResponse(START, content_type="text/javascript")
    if name not in CONTENT_TYPES:
        return not_found(request)
    response = HttpResponse(await asyncio.to_thread(_read, name), content_type=CONTENT_TYPES[name])
    response["Cache-Control"] = "public, max-age=3600"
    return response


@cache
def _document() -> bytes:
    generator: Any = SchemaGenerator()  # type: ignore[no-untyped-call]
    return msgspec.json.encode(generator.get_schema(request=None, public=True), enc_hook=str)


@cache
def _read(name: str) -> bytes:
    return (ASSETS / name).read_bytes()
