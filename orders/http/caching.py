"""Responses that clients keep and revalidate by entity tags (RFC 9110, 13; RFC 9111).

Every other response is `no-store`, the default of asgi_app/server/response_headers.py.
"""

import hashlib

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


def is_current(request: HttpRequest, tag: str) -> bool:
    """Return whether the client has the response of this tag; by weak comparison, as If-None-Match requires (RFC 9110, 13.1.2).

    A malformed tag matches nothing.
    """
    header = request.META.get("HTTP_IF_NONE_MATCH")
    if header is None:
        return False
    tags = parse_etags(header)
    return tags == ["*"] or tag in {one.removeprefix("W/") for one in tags}


def not_modified(request: HttpRequest, tag: str) -> HttpResponse | None:
    """Return 304 if the client has the response of this tag, else None. Call it once the caller may see the resource."""
    return cached(HttpResponseNotModified(), tag) if is_current(request, tag) else None


def cached(response: HttpResponse, tag: str) -> HttpResponse:
    """Let private caches keep the response, and revalidate it before each use. `Vary`: its fields depend on the caller."""
    response["ETag"] = tag
    response["Cache-Control"] = f"private, {REVALIDATED}"
    response["Vary"] = "Authorization"
    return response


def cached_by_content(request: HttpRequest, response: HttpResponse) -> HttpResponse:
    """Return `response`, for private caches, or 304 if the client has its body. For a resource without a version."""
    tag = etag_of(response.content)
    return not_modified(request, tag) or cached(response, tag)
