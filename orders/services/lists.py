"""Lists of orders and vendor orders: filtered, searched, in an order, a page at a time.

A page begins behind a row, not at a number, so it stays right while orders arrive. A search looks at SEARCHED rows a page and
says where the next page goes on, so it costs the same in a table of any size (docs/decisions.md).
"""

import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache
from typing import Any, Generic

import msgspec
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan

from orders.callers import Caller, Role
from orders.documents import ORDERS, VENDOR_ORDERS, Record, Statement, compiled, fetch
from orders.models import Order, OrderItem, VendorOrder
from orders.money import to_decimal
from orders.rows import OrderRecord, VendorOrderRecord
from orders.services.read import CALLER, ID, anyone

SEARCHED = 10_000
"""Rows that a search looks at for one page."""

COLUMNS = {"created_at": "created_at", "updated_at": "updated_at", "total": "total_value"}
NEWEST = "-created_at"
TIME = datetime(1, 1, 1, tzinfo=UTC)

PositionValue = datetime | Decimal


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
class Page(Generic[Record]):
    """Rows in their order, and the positions from which the pages before and after them are read."""

    records: Sequence[Record]
    previous: Position | None
    next: Position | None


def _parts(**of: Any) -> Exists:
    return Exists(OrderItem.objects.filter(**of))


def _named(word: str) -> Q:
    return Q(name__icontains=word) | Q(sku__icontains=word)


COMMON: dict[str, Callable[[Any], Q]] = {
    "status": lambda words: Q(status__in=words),
    "created_after": lambda moment: Q(created_at__gte=moment),
    "created_before": lambda moment: Q(created_at__lt=moment),
    "updated_since": lambda moment: Q(updated_at__gte=moment),
}
ORDER_FILTERS: dict[str, Callable[[Any], Q]] = {
    **COMMON,
    "payment_status": lambda words: Q(payment_status__in=words),
    "min_total": lambda amount: Q(total_value__gte=amount),
    "max_total": lambda amount: Q(total_value__lte=amount),
    "product_id": lambda id_: Q(_parts(order=OuterRef("id"), product_id=id_)),
    "vendor_id": lambda id_: Q(Exists(VendorOrder.objects.filter(order=OuterRef("id"), vendor_id=id_))),
    "customer_id": lambda id_: Q(customer_id=id_),
}
VENDOR_ORDER_FILTERS: dict[str, Callable[[Any], Q]] = {
    **COMMON,
    "product_id": lambda id_: Q(_parts(vendor_order=OuterRef("id"), product_id=id_)),
    "vendor_id": lambda id_: Q(vendor_id=id_),
}


def _order_matches(word: str) -> Q:
    items = OrderItem.objects.filter(_named(word), order=OuterRef("id"))
    return Q(number__icontains=word) | Q(Exists(items))


def _vendor_order_matches(word: str) -> Q:
    items = OrderItem.objects.filter(_named(word), vendor_order=OuterRef("id"))
    return Q(order__number__icontains=word) | Q(Exists(items))


def list_orders(caller: Caller, listing: Listing) -> Page[OrderRecord]:
    """A page of the orders that this caller may know of."""
    if not listing.filters and listing.ordering == NEWEST:
        values: dict[Any, Any] = {CALLER: caller.id}
        if listing.position:
            values |= {TIME: listing.position.value, ID: listing.position.id}
        statement = _newest(caller.role, listing.limit, listing.position and listing.position.backwards)
        return _page(fetch(statement, ORDERS, values), listing, _order_position, None)
    orders = _filtered(Order.objects.visible_to(caller), listing, ORDER_FILTERS)
    return _read(orders, listing, ORDERS, _order_matches, _order_position)


def list_vendor_orders(caller: Caller, listing: Listing) -> Page[VendorOrderRecord]:
    """A page of the vendor orders that this caller may know of."""
    vendor_orders = _filtered(VendorOrder.objects.visible_to(caller), listing, VENDOR_ORDER_FILTERS)
    return _read(vendor_orders, listing, VENDOR_ORDERS, _vendor_order_matches, _vendor_order_position)


@lru_cache(maxsize=1024)
def _newest(role: Role, limit: int, backwards: bool | None) -> Statement:
    position = None if backwards is None else Position(TIME, ID, backwards)
    orders = Order.objects.visible_to(anyone(role))
    return compiled(_from_position(orders, Listing(limit, position))[: limit + 1])


def _filtered(rows: QuerySet[Any], listing: Listing, filters: Mapping[str, Callable[[Any], Q]]) -> QuerySet[Any]:
    for name, value in listing.filters.items():
        if name != "q":
            rows = rows.filter(filters[name](value))
    return _from_position(rows, listing)


def _from_position(rows: QuerySet[Any], listing: Listing) -> QuerySet[Any]:
    column, position = COLUMNS[listing.column], listing.position
    descending = listing.descending != listing.backwards
    if position is not None:
        beyond = TupleLessThan if descending else TupleGreaterThan
        rows = rows.filter(beyond((column, "id"), (position.value, position.id)))
    sign = "-" if descending else ""
    return rows.order_by(f"{sign}{column}", f"{sign}id")


def _read(
    rows: QuerySet[Any],
    listing: Listing,
    decoder: "msgspec.json.Decoder[Record]",
    matches: Callable[[str], Q],
    position_of: Callable[[Record, str], tuple[PositionValue, uuid.UUID]],
) -> Page[Record]:
    word = listing.filters.get("q")
    if word is None:
        return _page(fetch(compiled(rows[: listing.limit + 1]), decoder), listing, position_of, None)
    column = COLUMNS[listing.column]
    last = rows.values_list(column, "id")[SEARCHED - 1 : SEARCHED].first()
    within = rows.filter(id__in=rows.values("id")[:SEARCHED]) if last else rows
    records = fetch(compiled(within.filter(matches(word))[: listing.limit + 1]), decoder)
    return _page(records, listing, position_of, Position(*last) if last else None)


def _page(
    records: list[Record],
    listing: Listing,
    position_of: Callable[[Record, str], tuple[PositionValue, uuid.UUID]],
    searched_to: Position | None,
) -> Page[Record]:
    """The page of up to one row more than was asked for; `searched_to` is where a search stopped looking."""
    more = len(records) > listing.limit
    records = records[: listing.limit]
    onward = Position(*position_of(records[-1], listing.column)) if more else searched_to
    back = Position(*position_of(records[0], listing.column)) if records and listing.position else None
    if listing.backwards:
        records.reverse()
        onward, back = back, onward
    return Page(
        records,
        previous=back and Position(back.value, back.id, backwards=True),
        next=onward and Position(onward.value, onward.id),
    )


def _order_position(record: OrderRecord, column: str) -> tuple[PositionValue, uuid.UUID]:
    row = record.row
    value = to_decimal(row.total, row.currency) if column == "total" else getattr(row, column)
    return value, row.id


def _vendor_order_position(record: VendorOrderRecord, column: str) -> tuple[PositionValue, uuid.UUID]:
    row = record.row
    value = to_decimal(row.total, row.currency) if column == "total" else getattr(row, column)
    return value, row.id
