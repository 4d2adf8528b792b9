"""Keyset pagination: a page begins behind a row, not at a number, so it stays right while rows arrive."""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

from django.db.models import QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan

from orders.domain.money import to_decimal
from orders.domain.records import OrderRecord, VendorOrderRecord
from orders.store.documents import SortKey

COLUMNS = {"created_at": "created_at", "updated_at": "updated_at", "total": "total_value"}
"""The orderings, and their columns."""

ORDERINGS = [f"{sign}{name}" for name in COLUMNS for sign in ("-", "")]

NEWEST = "-created_at"

PositionValue = datetime | Decimal
Listed = TypeVar("Listed")


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list: right behind the row with this value of the ordering's column and this id, or right before it."""

    value: PositionValue
    id: uuid.UUID
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The page that a client asks for: `filters` by name, cleaned; `ordering` is one of ORDERINGS."""

    limit: int
    position: Position | None = None
    ordering: str = NEWEST
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def column(self) -> str:
        return self.ordering.removeprefix("-")

    @property
    def descending(self) -> bool:
        return self.ordering.startswith("-")

    @property
    def backwards(self) -> bool:
        return self.position is not None and self.position.backwards


@dataclass(frozen=True, slots=True)
class Page(Generic[Listed]):
    """Rows in their order, and the positions from which the previous and the next page are read.

    A page of a scan may hold fewer rows than were asked for, even none, and have a next one.
    """

    records: Sequence[Listed]
    previous: Position | None
    next: Position | None


def in_order(rows: QuerySet[Any], request: PageRequest) -> QuerySet[Any]:
    """Return the rows in the request's ordering, reversed if it reads backwards."""
    sign = "-" if request.descending != request.backwards else ""
    return rows.order_by(f"{sign}{COLUMNS[request.column]}", f"{sign}id")


def from_position(rows: QuerySet[Any], request: PageRequest) -> QuerySet[Any]:
    """Return the rows beyond the request's position, in order."""
    if (position := request.position) is not None:
        beyond = TupleLessThan if request.descending != request.backwards else TupleGreaterThan
        rows = rows.filter(beyond((COLUMNS[request.column], "id"), (position.value, position.id)))
    return in_order(rows, request)


def _sort_key(record: OrderRecord | VendorOrderRecord, column: str) -> SortKey:
    row = record.row
    return to_decimal(row.total, row.currency) if column == "total" else getattr(row, column), row.id


def page_of(
    records: list[Listed],
    request: PageRequest,
    scanned_to: SortKey | None = None,
    sort_key: Callable[[Any, str], SortKey] = _sort_key,
) -> Page[Listed]:
    """Return the page of up to one row more than was asked for.

    `scanned_to` is where a scan ended before the page was full; `sort_key` returns where a record stands in an ordering.
    """
    more = len(records) > request.limit
    records = records[: request.limit]
    onward = sort_key(records[-1], request.column) if more else scanned_to
    back = sort_key(records[0], request.column) if records and request.position else None
    if request.backwards:
        records.reverse()
        onward, back = back, onward
    return Page(records, previous=back and Position(*back, backwards=True), next=onward and Position(*onward))
