"""Request headers that carry meaning of their own: who calls, idempotency keys, entity tags (RFC 9110)."""

from typing import Any

from django.http import HttpRequest, HttpResponse

from orders.domain.callers import Caller
from orders.domain.errors import IdempotencyKeyRequired, Invalid

MAX_KEY_LENGTH = 255

ONCE = {b"idempotency-key": "Idempotency-Key", b"x-request-id": "X-Request-ID", b"last-event-id": "Last-Event-ID"}
"""Headers of one value, by their names as they arrive."""


def caller(request: HttpRequest) -> Caller:
    """Return `request.user`, which the middleware has authenticated."""
    user: Any = request.user
    assert isinstance(user, Caller)
    return user


def lines(request: HttpRequest, name: bytes) -> list[str]:
    """The values of a header as they were sent, one for each line: Django joins them with commas."""
    sent: list[tuple[bytes, bytes]] = request.scope["headers"]  # type: ignore[attr-defined]
    return [value.decode("latin-1") for given, value in sent if given == name]


def refused_headers(request: HttpRequest) -> list[dict[str, str]]:
    """What is wrong with the headers whatever the method: an entry for each that stands twice or contradicts itself."""
    names = [name for name, _ in request.scope["headers"]]  # type: ignore[attr-defined]
    errors = [_error(header, "Given more than once.") for name, header in ONCE.items() if names.count(name) > 1]
    if len(tags := _tags(request.META.get("HTTP_IF_MATCH", ""))) > 1 and "*" in tags:
        errors.append(_error("If-Match", "Either * or entity tags, not both."))
    return errors


def idempotency_key(request: HttpRequest) -> str:
    """The key of a checkout. Raises IdempotencyKeyRequired or Invalid."""
    key: str = request.META.get("HTTP_IDEMPOTENCY_KEY", "")
    if not key:
        raise IdempotencyKeyRequired(
            "The Idempotency-Key header is required: a unique value for each order, such as a UUID."
        )
    if len(key) > MAX_KEY_LENGTH or not all("!" <= letter <= "~" for letter in key):
        errors = [_error("Idempotency-Key", f"Not 1 to {MAX_KEY_LENGTH} visible ASCII characters.")]
        raise Invalid("Invalid Idempotency-Key header.", errors=errors)
    return key


def etag(version: int) -> str:
    """The strong entity tag of a version."""
    return f'"{version}"'


def not_modified(request: HttpRequest, tag: str) -> bool:
    """Whether the caller's copy is still good; compared weakly, as RFC 9110 has it for If-None-Match."""
    tags = _tags(request.META.get("HTTP_IF_NONE_MATCH", ""))
    return tags == {"*"} or tag in {one.removeprefix("W/") for one in tags}


def set_cache_headers(response: HttpResponse, tag: str) -> None:
    """Let the caller alone keep the answer, and ask with its tag before using it again (RFC 9111, 5.2.2).

    One tag stands for what each caller may see of a version, so a copy is good for the same caller only.
    """
    response["ETag"] = tag
    response["Cache-Control"] = "private, no-cache"
    response["Vary"] = "Authorization"


def if_match(request: HttpRequest) -> frozenset[str] | None:
    """The tags that an action is meant for; None when there is no such header, or it takes any version.

    A header without a tag names no version, so it is met by none: a client that lost its tag must not act unguarded.
    """
    header = request.META.get("HTTP_IF_MATCH")
    if header is None or (tags := _tags(header)) == {"*"}:
        return None
    return tags


def last_event_id(request: HttpRequest) -> int:
    """The last entry of a stream that the caller has, 0 for none. Raises Invalid."""
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
