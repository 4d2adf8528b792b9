"""Pages of a list in an order: a page begins behind a row, not at a number, so it stays right while rows arrive."""

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
from orders.store.documents import Place

COLUMNS = {"created_at": "created_at", "updated_at": "updated_at", "total": "total_value"}
"""The orderings, and the columns they go by."""

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
class Listing:
    """What is asked for: `filters` by name with their values, `ordering` one of COLUMNS with or without a `-`."""

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
    """Rows in their order, and the positions from which the pages before and after them are read.

    A page of a walk may hold fewer rows than were asked for, even none, and have a next one.
    """

    records: Sequence[Listed]
    previous: Position | None
    next: Position | None


def in_order(rows: QuerySet[Any], listing: Listing) -> QuerySet[Any]:
    """The rows as the listing orders them, the other way round if it reads backwards."""
    sign = "-" if listing.descending != listing.backwards else ""
    return rows.order_by(f"{sign}{COLUMNS[listing.column]}", f"{sign}id")


def from_position(rows: QuerySet[Any], listing: Listing) -> QuerySet[Any]:
    """The rows in order that lie beyond the listing's position."""
    if (position := listing.position) is not None:
        beyond = TupleLessThan if listing.descending != listing.backwards else TupleGreaterThan
        rows = rows.filter(beyond((COLUMNS[listing.column], "id"), (position.value, position.id)))
    return in_order(rows, listing)


def _place_of(record: OrderRecord | VendorOrderRecord, column: str) -> Place:
    row = record.row
    return to_decimal(row.total, row.currency) if column == "total" else getattr(row, column), row.id


def page_of(
    records: list[Listed],
    listing: Listing,
    searched_to: Place | None = None,
    place: Callable[[Any, str], Place] = _place_of,
) -> Page[Listed]:
    """The page of up to one row more than was asked for; `searched_to` is where a walk stopped looking.

    `place` answers where a record stands in the order of a column.
    """
    more = len(records) > listing.limit
    records = records[: listing.limit]
    onward = place(records[-1], listing.column) if more else searched_to
    back = place(records[0], listing.column) if records and listing.position else None
    if listing.backwards:
        records.reverse()
        onward, back = back, onward
    return Page(records, previous=back and Position(*back, backwards=True), next=onward and Position(*onward))
