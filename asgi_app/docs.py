"""The API's documentation: the OpenAPI document, and Swagger UI with locally served assets, split into page and script as in
drf-spectacular's SpectacularSwaggerSplitView. The page at `/` leads there and to the dashboard.

The links of both pages are relative, so that they work under any root path.
"""

from functools import lru_cache, partial
from pathlib import Path

import drf_spectacular_sidecar
import msgspec
from django.http import HttpRequest, HttpResponse

import orders.http.openapi
from orders.http.caching import REVALIDATED
from orders.http.openapi.generator import Generator
from orders.http.problems import not_found
from orders.http.static_files import StaticFile

OURS = Path(orders.http.openapi.__path__[0]) / "static"
SWAGGER_UI = Path(drf_spectacular_sidecar.__path__[0]) / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"

HTML = "text/html; charset=utf-8"
CONTENT_TYPES = {".css": "text/css", ".js": "text/javascript", ".png": "image/png", ".svg": "image/svg+xml"}

COMMON = "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
HOME_POLICY = f"default-src 'none'; style-src 'self'; img-src 'self'; {COMMON}"
DOCS_POLICY = (  # Swagger UI sets inline styles
    f"default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; object-src 'none'; {COMMON}"
)


def _page(name: str, policy: str) -> StaticFile:
    return StaticFile((OURS / name).read_bytes, HTML, REVALIDATED, {"Content-Security-Policy": policy})


HOME = _page("home.html", HOME_POLICY)
DOCS = _page("index.html", DOCS_POLICY)
ASSETS = {
    path.name: StaticFile(path.read_bytes, CONTENT_TYPES[path.suffix], "public, max-age=3600")
    for path in (
        *(path for path in OURS.iterdir() if path.suffix in CONTENT_TYPES),
        SWAGGER_UI / "swagger-ui.css",
        SWAGGER_UI / "swagger-ui-bundle.js",
        SWAGGER_UI / "favicon-32x32.png",
    )
}


async def home(request: HttpRequest) -> HttpResponse:
    """Return the page at the root of the service, with links to dashboard and documentation."""
    return await HOME.respond(request)


async def schema(request: HttpRequest) -> HttpResponse:
    """Return the OpenAPI 3.1 document."""
    return await _schema(str(request.META["SCRIPT_NAME"])).respond(request)


async def swagger_ui(request: HttpRequest) -> HttpResponse:
    """Return the page of Swagger UI."""
    return await DOCS.respond(request)


async def asset(request: HttpRequest, name: str) -> HttpResponse:
    """Return a script, style or picture of the page."""
    return await ASSETS[name].respond(request) if name in ASSETS else not_found(request)


@lru_cache(maxsize=8)
def _schema(root_path: str) -> StaticFile:
    return StaticFile(partial(_document, root_path), "application/vnd.oai.openapi+json", REVALIDATED)


def _document(root_path: str) -> bytes:
    document = Generator().get_schema(public=True)  # type: ignore[no-untyped-call]
    document["servers"] = [{**document["servers"][0], "url": root_path or "/"}]
    return msgspec.json.encode(document, enc_hook=str)
