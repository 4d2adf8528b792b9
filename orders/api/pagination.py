"""Cursors: opaque words for a position in a list, so that pages stay right while orders arrive."""

import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec
from django.http import HttpRequest

from orders.errors import Invalid
from orders.services.read import Page, Position

DEFAULT_LIMIT, LARGEST_LIMIT = 20, 100


def read_limit(request: HttpRequest) -> int:
    """How many results the caller wants on a page. Raises Invalid."""
    text = request.GET.get("limit", str(DEFAULT_LIMIT))
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_LIMIT:
        return int(text)
    raise _invalid("limit", f"Not a whole number from 1 to {LARGEST_LIMIT}.")


def read_cursor(request: HttpRequest) -> Position | None:
    """Where the caller wants to read on; None at the beginning. Raises Invalid for what isn't a cursor of ours."""
    text = request.GET.get("cursor")
    if text is None:
        return None
    try:
        created_at, id_, backwards = msgspec.json.decode(
            urlsafe_b64decode(text.encode() + b"=="), type=tuple[datetime, uuid.UUID, bool]
        )
    except (ValueError, msgspec.MsgspecError) as error:
        raise _invalid("cursor", "Not a cursor: follow the next and previous links as they are.") from error
    if created_at.tzinfo is None:
        raise _invalid("cursor", "Not a cursor: follow the next and previous links as they are.")
    return Position(created_at, id_, backwards)


def page_body(request: HttpRequest, page: Page, body: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
    """The page with links to its neighbours that keep every other parameter."""
    return {
        "next": _link(request, page.next),
        "previous": _link(request, page.previous),
        "results": [body(order) for order in page.orders],
    }


def _link(request: HttpRequest, position: Position | None) -> str | None:
    if position is None:
        return None
    parameters = request.GET.copy()
    cursor = msgspec.json.encode((position.created_at, position.id, position.backwards))
    parameters["cursor"] = urlsafe_b64encode(cursor).rstrip(b"=").decode()
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def _invalid(name: str, detail: str) -> Invalid:
    return Invalid(
        f"The parameter {name} was refused.", errors=[{"pointer": f"/{name}", "code": "invalid", "detail": detail}]
    )
