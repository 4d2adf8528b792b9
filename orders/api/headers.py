"""Request headers that carry meaning of their own: who calls, idempotency keys, entity tags (RFC 9110)."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from orders.callers import Caller
from orders.errors import IdempotencyKeyRequired, Invalid

LONGEST_KEY = 255


def caller(request: HttpRequest) -> Caller:
    """Who is asking, as the middleware has found out."""
    known: Any = request.caller  # type: ignore[attr-defined]
    assert isinstance(known, Caller)
    return known


def idempotency_key(request: HttpRequest) -> str:
    """The key of a checkout. Raises IdempotencyKeyRequired or Invalid."""
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise IdempotencyKeyRequired(
            "Send an Idempotency-Key of your making, a new one for each order: a UUID will do."
        )
    if len(key) > LONGEST_KEY or not all("!" <= letter <= "~" for letter in key):
        detail = f"Not 1 to {LONGEST_KEY} visible ASCII characters."
        errors = [{"pointer": "/Idempotency-Key", "code": "invalid", "detail": detail}]
        raise Invalid("The header Idempotency-Key was refused.", errors=errors)
    return key


def etag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def has_it_already(request: HttpRequest, tag: str) -> bool:
    """Whether the caller's copy is still good; compared weakly, as RFC 9110 has it for If-None-Match."""
    tags = _tags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return tags == {"*"} or tag in {one.removeprefix("W/") for one in tags}


def keep_until_changed(response: HttpResponse, tag: str) -> None:
    """Let the caller alone keep the answer, and ask with its tag before using it again (RFC 9111, 5.2.2).

    One tag stands for what each caller may see of a version, so a copy is good for the same caller only.
    """
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Authorization"


def if_match(request: HttpRequest) -> frozenset[str] | None:
    """The tags that an action is meant for; None when the caller names none, or takes any."""
    tags = _tags(request.META.get("HTTP_IF_MATCH", ""))
    return None if not tags or tags == {"*"} else tags


def last_event_id(request: HttpRequest) -> int:
    """The last entry of a stream that the caller has, 0 for none. Raises Invalid."""
    text: str = request.META.get("HTTP_LAST_EVENT_ID", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        errors = [{"pointer": "/Last-Event-ID", "code": "invalid", "detail": "Not the id of an entry."}]
        raise Invalid("The header Last-Event-ID was refused.", errors=errors)
    return int(text)


def _tags(header: str) -> frozenset[str]:
    return frozenset(tag.strip() for tag in header.split(",") if tag.strip())
