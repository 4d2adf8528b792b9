"""The API's documentation: the OpenAPI document, and Swagger UI with locally served assets, split into page and script as in
drf-spectacular's SpectacularSwaggerSplitView.

The page's links are relative, so that they work under any root path.
"""

import asyncio
from functools import cache
from pathlib import Path

import drf_spectacular_sidecar
import msgspec
from django.http import HttpRequest, HttpResponse

import orders.http.openapi
from orders.http.openapi.generator import Generator
from orders.http.problems import not_found

OURS = Path(orders.http.openapi.__path__[0]) / "static"
SWAGGER_UI = Path(drf_spectacular_sidecar.__path__[0]) / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"
PAGE = (OURS / "index.html").read_bytes()
ASSETS = {
    path.name: (path.read_bytes(), content_type)
    for path, content_type in (
        (OURS / "page.css", "text/css"),
        (OURS / "start.js", "text/javascript"),
        (SWAGGER_UI / "swagger-ui.css", "text/css"),
        (SWAGGER_UI / "swagger-ui-bundle.js", "text/javascript"),
        (SWAGGER_UI / "favicon-32x32.png", "image/png"),
    )
}

POLICY = (  # Swagger UI sets inline styles
    "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'"
)


async def schema(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI 3.1 document."""
    return HttpResponse(
        await asyncio.to_thread(_document, str(request.META["SCRIPT_NAME"])),
        content_type="application/vnd.oai.openapi+json",
    )


async def swagger_ui(request: HttpRequest) -> HttpResponse:
    """Return the page of Swagger UI."""
    response = HttpResponse(PAGE, content_type="text/html; charset=utf-8")
    response["Content-Security-Policy"] = POLICY
    return response


async def asset(request: HttpRequest, name: str) -> HttpResponse:
    """Return a script, style or picture of the page."""
    if name not in ASSETS:
        return not_found(request)
    content, content_type = ASSETS[name]
    response = HttpResponse(content, content_type=content_type)
    response["Cache-Control"] = "public, max-age=3600"
    return response


@cache
def _document(root_path: str) -> bytes:
    document = Generator().get_schema(public=True)  # type: ignore[no-untyped-call]
    document["servers"] = [{**document["servers"][0], "url": root_path or "/"}]
    return msgspec.json.encode(document, enc_hook=str)
