"""Keyset pagination: a page begins after a row, not at an offset, so it stays correct while rows are inserted."""

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
"""The orderings of orders and vendor orders, and their columns. Other lists order by columns of the same name."""

VALUE_TYPES: Mapping[str, type] = {"total": Decimal, "code": str}
"""The types of the orderings' values; datetime for all others."""


def both_ways(*names: str) -> list[str]:
    """Return the orderings by each of these names, descending and ascending."""
    return [f"{sign}{name}" for name in names for sign in ("-", "")]


ORDERINGS = both_ways(*COLUMNS)

NEWEST = "-created_at"

PositionValue = datetime | Decimal | str
Listed = TypeVar("Listed")


@dataclass(frozen=True, slots=True)
class Position:
    """A position in a list: directly after the row with this value of the ordering's column and this id, or before it."""

    value: PositionValue
    id: uuid.UUID
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class PageRequest:
    """The requested page: cleaned `filters` by name; `ordering` is one of the list's orderings."""

    limit: int
    position: Position | None = None
    ordering: str = NEWEST
    filters: Mapping[str, Any] = field(default_factory=dict)

    @property
    def column(self) -> str:
        """Return the name of the ordering without its sign."""
        return self.ordering.removeprefix("-")

    @property
    def sort_column(self) -> str:
        """Return the column of the database by which the rows are sorted."""
        return COLUMNS.get(self.column, self.column)

    @property
    def descending(self) -> bool:
        return self.ordering.startswith("-")

    @property
    def backwards(self) -> bool:
        return self.position is not None and self.position.backwards


@dataclass(frozen=True, slots=True)
class Page(Generic[Listed]):
    """Rows in their order, and the positions of the previous and the next page.

    A page of a scan may have fewer rows than requested, even none, and a next page.
    """

    records: Sequence[Listed]
    previous: Position | None
    next: Position | None


def in_order(rows: QuerySet[Any], request: PageRequest) -> QuerySet[Any]:
    """Return the rows in the request's ordering, reversed for a backwards request."""
    sign = "-" if request.descending != request.backwards else ""
    return rows.order_by(f"{sign}{request.sort_column}", f"{sign}id")


def from_position(rows: QuerySet[Any], request: PageRequest) -> QuerySet[Any]:
    """Return the rows beyond the request's position, in order."""
    if (position := request.position) is not None:
        beyond = TupleLessThan if request.descending != request.backwards else TupleGreaterThan
        rows = rows.filter(beyond((request.sort_column, "id"), (position.value, position.id)))
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
    """Return the page of the given rows, of which there may be one more than requested.

    `scanned_to` is the end of a scan that did not fill the page; `sort_key` returns a record's position in an ordering.
    """
    more = len(records) > request.limit
    records = records[: request.limit]
    onward = sort_key(records[-1], request.column) if more else scanned_to
    back = sort_key(records[0], request.column) if records and request.position else None
    if request.backwards:
        records.reverse()
        onward, back = back, onward
    return Page(records, previous=back and Position(*back, backwards=True), next=onward and Position(*onward))
