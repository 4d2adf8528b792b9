"""Responses that clients keep and revalidate by entity tags (RFC 9110, 13; RFC 9111).

Every other response is `no-store`, the default of asgi_app/server/response_headers.py.
"""

import hashlib
from collections.abc import Callable

from django.http import HttpRequest, HttpResponse, HttpResponseNotModified
from django.utils.http import parse_etags

REVALIDATED = "no-cache"
"""Keep the response, and revalidate it before each use (RFC 9111, 5.2.2.4)."""


def etag(version: int) -> str:
    """Return the strong entity tag of a version."""
    return f'"{version}"'


def etag_of(content: bytes) -> str:
    """Return the strong entity tag of these bytes."""
    return f'"{hashlib.blake2b(content, digest_size=16).hexdigest()}"'


def not_modified(request: HttpRequest, tag: str) -> bool:
    """Return whether the client's copy is current; by weak comparison, as If-None-Match requires (RFC 9110, 13.1.2).

    A malformed tag matches nothing.
    """
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    tags = parse_etags(header)
    return tags == ["*"] or tag in {one.removeprefix("W/") for one in tags}


def revalidated(request: HttpRequest, tag: str, respond: Callable[[], HttpResponse]) -> HttpResponse:
    """Return the response of `respond`, or 304 when the client has it, for private caches (contract: limits and caching).

    Call it when the caller may see the resource. `Vary`, because the caller's role decides on the fields.
    """
    response = HttpResponseNotModified() if not_modified(request, tag) else respond()
    response["ETag"] = tag
    response["Cache-Control"] = f"private, {REVALIDATED}"
    response["Vary"] = "Authorization"
    return response


def revalidated_by_content(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return `response`, or 304 when the client has its body, for private caches. For resources without a version."""
    return revalidated(request, etag_of(response.content), lambda: response)
