"""The query parameters of lists: read, checked, and handed on as values."""

import re
import uuid
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable, Collection, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.http import HttpRequest, QueryDict

from orders.api.errors import pointer
from orders.errors import Invalid
from orders.lifecycle import ORDER_STATUSES, PAYMENT_STATUSES, VENDOR_ORDER_STATUSES
from orders.paging import COLUMNS, NEWEST, Listing, Page, Position

DEFAULT_LIMIT, LARGEST_LIMIT = 20, 100
PAGING = ("limit", "cursor", "ordering")
LONGEST_WORD = 100
AMOUNT = re.compile(r"-?[0-9]{1,18}(\.[0-9]{1,4})?")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?(Z|[+-][0-9]{2}:[0-9]{2})")


def words(known: Collection[str]) -> Callable[[str], list[str]]:
    """A comma list of known words."""

    def read(text: str) -> list[str]:
        named = text.split(",")
        if unknown := [word for word in named if word not in known]:
            raise ValueError(f"Unknown: {', '.join(unknown)[:100]}. Known are {', '.join(known)}.")
        return named

    return read


def moment(text: str) -> datetime:
    """A time (RFC 3339, section 5.6)."""
    text = text.upper().replace(" ", "+")  # a + that was not quoted arrives as a space
    try:
        if not MOMENT.fullmatch(text):
            raise ValueError
        return datetime.fromisoformat(text).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("Not an RFC 3339 time like 2026-11-22T10:00:00Z.") from None


def amount(text: str) -> Decimal:
    """A decimal number of whole units, with up to four decimals."""
    if not AMOUNT.fullmatch(text):
        raise ValueError("Not a decimal number like 20.00.")
    return Decimal(text)


def text_up_to(longest: int) -> Callable[[str], str]:
    """Some text."""

    def read(text: str) -> str:
        if not 1 <= len(text) <= longest or not text.isprintable():
            raise ValueError(f"Not 1 to {longest} printable characters.")
        return text

    return read


COMMON: dict[str, Callable[[str], Any]] = {
    "created_after": moment,
    "created_before": moment,
    "updated_since": moment,
    "product_id": text_up_to(64),
    "q": text_up_to(LONGEST_WORD),
}
ORDER_FILTERS: dict[str, Callable[[str], Any]] = {
    **COMMON,
    "status": words(ORDER_STATUSES),
    "payment_status": words(PAYMENT_STATUSES),
    "min_total": amount,
    "max_total": amount,
    "vendor_id": text_up_to(64),
}
VENDOR_ORDER_FILTERS: dict[str, Callable[[str], Any]] = {**COMMON, "status": words(VENDOR_ORDER_STATUSES)}
ADMIN_ORDER_FILTERS = {**ORDER_FILTERS, "customer_id": text_up_to(64)}
ADMIN_VENDOR_ORDER_FILTERS = {**VENDOR_ORDER_FILTERS, "vendor_id": text_up_to(64)}


def read_listing(request: HttpRequest, filters: dict[str, Callable[[str], Any]]) -> Listing:
    """What the caller asks to be listed. Raises Invalid with an entry for each parameter that was refused."""
    errors: list[dict[str, str]] = []
    values: dict[str, Any] = {}
    readers = {"limit": _limit, "ordering": _ordering, **filters}
    for name, reader in readers.items():
        if name in request.GET:
            try:
                values[name] = reader(_only(request.GET, name))
            except ValueError as error:
                errors.append(_error(name, str(error)))
    ordering = values.pop("ordering", NEWEST)
    position = None
    if "cursor" in request.GET:
        try:
            position = _position(_only(request.GET, "cursor"), ordering)
        except ValueError:
            errors.append(_error("cursor", "Not a cursor of this list: follow next and previous as they are."))
    if errors:
        raise Invalid("Some of the parameters were refused: see errors.", errors=errors)
    return Listing(values.pop("limit", DEFAULT_LIMIT), position, ordering, values)


def page_body(
    request: HttpRequest, listing: Listing, page: Page[Any], body: Callable[[Any], dict[str, Any]]
) -> dict[str, Any]:
    """The page with links to its neighbours that keep every other parameter."""
    return {
        "next": _link(request, listing, page.next),
        "previous": _link(request, listing, page.previous),
        "results": [body(record) for record in page.records],
    }


def check_known(request: HttpRequest, known: Iterable[str]) -> None:
    """Raise Invalid when the query has a parameter that isn't among `known`."""
    if not request.META["QUERY_STRING"]:
        return
    if unknown := sorted(request.GET.keys() - set(known)):
        errors = [_error(name, "There is no such parameter.") for name in unknown]
        raise Invalid(f"Unknown query parameters: {', '.join(unknown)[:200]}.", errors=errors)


def _only(query: QueryDict, name: str) -> str:
    values = query.getlist(name)
    if len(values) > 1:
        raise ValueError("Given more than once.")
    return values[0]


def _limit(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= LARGEST_LIMIT:
        return int(text)
    raise ValueError(f"Not a whole number from 1 to {LARGEST_LIMIT}.")


def _ordering(text: str) -> str:
    if text.removeprefix("-") in COLUMNS and not text.startswith("--"):
        return text
    raise ValueError(f"Not one of {', '.join(COLUMNS)}, with or without a -.")


def _position(text: str, ordering: str) -> Position:
    try:
        made_for, value, id_, backwards = msgspec.json.decode(
            urlsafe_b64decode(text.encode() + b"=="), type=tuple[str, str, uuid.UUID, bool]
        )
    except msgspec.MsgspecError as error:
        raise ValueError from error
    if made_for != ordering:
        raise ValueError
    return Position(amount(value) if ordering.endswith("total") else moment(value), id_, backwards)


def _link(request: HttpRequest, listing: Listing, position: Position | None) -> str | None:
    if position is None:
        return None
    value = position.value.isoformat() if isinstance(position.value, datetime) else str(position.value)
    cursor = msgspec.json.encode((listing.ordering, value, position.id, position.backwards))
    parameters = request.GET.copy()
    parameters["cursor"] = urlsafe_b64encode(cursor).rstrip(b"=").decode()
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def _error(name: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer(name), "code": "invalid", "detail": detail}
