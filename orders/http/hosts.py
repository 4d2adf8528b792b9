"""Validation of the Host header by ALLOWED_HOSTS: links in responses are built from it."""

from django.core.exceptions import DisallowedHost
from django.http import HttpRequest

from orders.domain.errors import Invalid

REMEMBERED = 256
"""Cached Host headers. Bounded, for a wildcard in ALLOWED_HOSTS allows any number of them."""

_allowed: set[str] = set()


def check_host(request: HttpRequest) -> None:
    """Raise Invalid unless Django allows the request's host."""
    given = request.META.get("HTTP_HOST")
    if given in _allowed:
        return
    try:
        request.get_host()
    except DisallowedHost:
        raise Invalid("Invalid Host header.") from None
    if given and len(_allowed) < REMEMBERED:
        _allowed.add(given)
