"""The caller of a request, and the request headers for idempotency, If-Match (RFC 9110, 13.1.1) and streams."""

from typing import Any

from django.http import HttpRequest

from orders.domain.callers import Caller
from orders.domain.errors import IdempotencyKeyRequired, Invalid

MAX_KEY_LENGTH = 255

ONCE = {b"idempotency-key": "Idempotency-Key", b"x-request-id": "X-Request-ID", b"last-event-id": "Last-Event-ID"}
"""Headers that may occur once, by their names in the ASGI scope."""


def caller(request: HttpRequest) -> Caller:
    """Return `request.user`, which the middleware has authenticated."""
    user: Any = request.user
    assert isinstance(user, Caller)
    return user


def lines(request: HttpRequest, name: bytes) -> list[str]:
    """Return the values of a header, one for each header line: Django joins them with commas."""
    sent: list[tuple[bytes, bytes]] = request.scope["headers"]  # type: ignore[attr-defined]
    return [value.decode("latin-1") for given, value in sent if given == name]


def refused_headers(request: HttpRequest) -> list[dict[str, str]]:
    """Return an entry for each header that is repeated or contradicts itself, for any method."""
    names = [name for name, _ in request.scope["headers"]]  # type: ignore[attr-defined]
    errors = [_error(header, "Given more than once.") for name, header in ONCE.items() if names.count(name) > 1]
    if len(tags := _tags(request.META.get("HTTP_IF_MATCH", ""))) > 1 and "*" in tags:
        errors.append(_error("If-Match", "Either * or entity tags, not both."))
    return errors


def idempotency_key(request: HttpRequest) -> str:
    """Return the key of a checkout. Raises IdempotencyKeyRequired or Invalid."""
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise IdempotencyKeyRequired(
            "The Idempotency-Key header is required: a unique value for each order, such as a UUID."
        )
    if len(key) > MAX_KEY_LENGTH or not all("!" <= letter <= "~" for letter in key):
        errors = [_error("Idempotency-Key", f"Not 1 to {MAX_KEY_LENGTH} visible ASCII characters.")]
        raise Invalid("Invalid Idempotency-Key header.", errors=errors)
    return key


def if_match(request: HttpRequest) -> frozenset[str] | None:
    """Return the tags of If-Match; None without the header, or when it allows any version.

    A header without a tag matches no version: a client that lost its tag must not act unguarded.
    """
    header = request.META.get("HTTP_IF_MATCH")
    if header is None or (tags := _tags(header)) == {"*"}:
        return None
    return tags


def last_event_id(request: HttpRequest) -> int:
    """Return the last entry of a stream that the client has received, 0 for none. Raises Invalid."""
    text: str = request.META.get("HTTP_LAST_EVENT_ID", "")
    if not text:
        return 0
    if not (text.isascii() and text.isdigit() and len(text) <= 9):
        raise Invalid("Invalid Last-Event-ID header.", errors=[_error("Last-Event-ID", "Not the id of an entry.")])
    return int(text)


def _tags(header: str) -> frozenset[str]:
    return frozenset(tag.strip() for tag in header.split(",") if tag.strip())


def _error(header: str, detail: str) -> dict[str, str]:
    return {"pointer": f"/{header}", "code": "invalid", "detail": detail}
