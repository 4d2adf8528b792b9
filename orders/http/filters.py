"""The query parameters of lists: read, checked, and handed on as values."""

import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.http import HttpRequest, QueryDict

from orders.domain.errors import Invalid
from orders.domain.lifecycle import ORDER_STATUSES, ORDER_STATUSES_FOR_VENDORS, PAYMENT_STATUSES, VENDOR_ORDER_STATUSES
from orders.domain.money import read_amount
from orders.domain.timestamps import read_timestamp
from orders.http.pagination import read_cursor, write_cursor
from orders.http.problems import pointer
from orders.store.paging import NEWEST, ORDERINGS, Listing, Page, Position

DEFAULT_LIMIT, MAX_LIMIT = 20, 100
PAGING = ("limit", "cursor", "ordering")
MAX_TEXT_LENGTH = 100
PLAIN_OFFSET = re.compile(r" (?=[0-9]{2}:[0-9]{2}\Z)")


@dataclass(frozen=True, slots=True)
class Words:
    """A comma list of `known` words, which may also come word by word, as a parameter that is given several times."""

    known: Collection[str]

    def __call__(self, text: str) -> list[str]:
        named = text.split(",")
        if unknown := [word for word in named if word not in self.known]:
            raise ValueError(f"Unknown: {', '.join(unknown)[:100]}. Known are {', '.join(self.known)}.")
        return [word for word in self.known if word in named]


def moment(text: str) -> datetime:
    """A time (RFC 3339, section 5.6); a + that was not quoted arrives as a space."""
    return read_timestamp(PLAIN_OFFSET.sub("+", text))


def some_text(text: str) -> str:
    """Any text that PostgreSQL can compare with."""
    if not 1 <= len(text) <= MAX_TEXT_LENGTH or "\0" in text:
        raise ValueError(f"Not 1 to {MAX_TEXT_LENGTH} characters without NUL.")
    return text


COMMON: dict[str, Callable[[str], Any]] = {
    "created_after": moment,
    "created_before": moment,
    "updated_since": moment,
    "product_id": some_text,
    "q": some_text,
}
ORDER_FILTERS: dict[str, Callable[[str], Any]] = {
    **COMMON,
    "status": Words(ORDER_STATUSES),
    "payment_status": Words(PAYMENT_STATUSES),
    "min_total": read_amount,
    "max_total": read_amount,
    "vendor_id": some_text,
}
VENDOR_ORDER_FILTERS: dict[str, Callable[[str], Any]] = {
    **COMMON,
    "status": Words(VENDOR_ORDER_STATUSES),
    "order_status": Words(ORDER_STATUSES_FOR_VENDORS),
}
ADMIN_ORDER_FILTERS = {**ORDER_FILTERS, "customer_id": some_text}
ADMIN_VENDOR_ORDER_FILTERS = {**VENDOR_ORDER_FILTERS, "vendor_id": some_text}


def read_listing(request: HttpRequest, filters: dict[str, Callable[[str], Any]]) -> Listing:
    """What the caller asks to be listed. Raises Invalid with an entry for each parameter that was refused."""
    errors: list[dict[str, str]] = []
    values: dict[str, Any] = {}
    readers = {"limit": _limit, "ordering": _ordering, **filters}
    for name, reader in readers.items():
        if name in request.GET:
            try:
                several = isinstance(reader, Words)
                values[name] = reader(",".join(request.GET.getlist(name)) if several else _only(request.GET, name))
            except ValueError as error:
                errors.append(_error(name, str(error)))
    limit, ordering = values.pop("limit", DEFAULT_LIMIT), values.pop("ordering", NEWEST)
    listing = Listing(limit, ordering=ordering, filters=values)
    if "cursor" in request.GET and not errors:
        try:
            listing = replace(listing, position=read_cursor(request, listing, _only(request.GET, "cursor")))
        except ValueError:
            errors.append(_error("cursor", "Not a cursor of this list: follow next and previous as they are."))
    if errors:
        raise Invalid("Some of the parameters were refused: see errors.", errors=errors)
    return listing


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
    if text.isascii() and text.isdigit() and len(text) <= 3 and 1 <= int(text) <= MAX_LIMIT:
        return int(text)
    raise ValueError(f"Not a whole number from 1 to {MAX_LIMIT}.")


def _ordering(text: str) -> str:
    if text in ORDERINGS:
        return text
    raise ValueError(f"Not one of {', '.join(ORDERINGS)}.")


def _link(request: HttpRequest, listing: Listing, position: Position | None) -> str | None:
    if position is None:
        return None
    parameters = request.GET.copy()
    parameters["cursor"] = write_cursor(request, listing, position)
    return request.build_absolute_uri(f"{request.path}?{parameters.urlencode()}")


def _error(name: str, detail: str) -> dict[str, str]:
    return {"pointer": pointer(name), "code": "invalid", "detail": detail}
