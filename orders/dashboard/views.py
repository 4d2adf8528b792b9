"""The document of the dashboard. It is the same for everybody and at every address: the browser shows the page."""

from functools import lru_cache, partial
from html import escape
from string import Template
from typing import Any

from django.http import HttpRequest, HttpResponse

from orders.dashboard.assets import DIGEST, SCRIPT, STATIC, STYLES
from orders.dashboard.headers import ROOT
from orders.http.caching import REVALIDATED
from orders.http.static_files import StaticFile

HTML = "text/html; charset=utf-8"


async def page(request: HttpRequest, **_: Any) -> HttpResponse:
    """Return the document for the address of a page."""
    return await _document(_root_path(request)).respond(request)


async def missing_page(request: HttpRequest, **_: Any) -> HttpResponse:
    """Return the document with 404, for an address without a page. An error is neither stored nor revalidated."""
    return HttpResponse(_html(_root_path(request)), status=404, content_type=HTML)


async def redirect(request: HttpRequest) -> HttpResponse:
    """Redirect permanently to the address without a trailing slash."""
    query = request.META["QUERY_STRING"]
    location = f"{_root_path(request)}{ROOT}{f'?{query}' if query else ''}"
    return HttpResponse(status=308, headers={"Location": location})


def _root_path(request: HttpRequest) -> str:
    return str(request.META["SCRIPT_NAME"])


@lru_cache(maxsize=8)
def _document(root_path: str) -> StaticFile:
    return StaticFile(partial(_html, root_path), HTML, REVALIDATED)


@lru_cache(maxsize=8)
def _html(root_path: str) -> bytes:
    """Return the document: pages lie at different depths, so its links name the root path."""
    assets = escape(f"{root_path}{ROOT}/assets/{DIGEST}")
    template = Template((STATIC / "index.html").read_text(encoding="utf-8"))
    return template.substitute(assets=assets, styles=STYLES, script=SCRIPT).encode()
