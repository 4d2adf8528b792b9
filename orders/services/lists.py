"""Lists of orders and vendor orders: filtered, searched, in an order, a page at a time.

A page begins behind a row, not at a number, so it stays right while orders arrive. It costs the same in a table of any
size, for there are three ways to read one (docs/decisions.md):

- an index has just the rows that are asked for, in their order;
- one of the filters leaves so FEW rows that all of these are looked at;
- else the list is walked along its ordering: a page looks at SEARCHED rows, and says where the next one goes on.
"""

import re
import uuid
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from functools import lru_cache, partial
from typing import Any, Generic

import msgspec
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from django.db.models.lookups import IsNull

from orders.callers import Caller, Role
from orders.documents import ORDERS, VENDOR_ORDERS, Place, Record, Statement, compiled, fetch, fetch_to, walking
from orders.models import Order, OrderItem, VendorOrder
from orders.money import to_decimal
from orders.rows import OrderRecord, VendorOrderRecord
from orders.services.read import CALLER, ID, anyone

SEARCHED = 10_000
"""Rows that a walk looks at for one page."""

FEW = 1000
"""Rows that are rather looked at all."""

NUMBER = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){2}", re.IGNORECASE)
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
    """Rows in their order, and the positions from which the pages before and after them are read.

    A page of a walk may hold fewer rows than were asked for, even none, and have a next one.
    """

    records: Sequence[Record]
    previous: Position | None
    next: Position | None


Filter = Callable[[Any], Q]


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Record]):
    """How lists of orders differ from lists of vendor orders."""

    rows: QuerySet[Any]
    decoder: "msgspec.json.Decoder[Record]"
    filters: Mapping[str, Filter]
    owner: str
    """The column that leads indexes: whose rows these are. A filter too."""
    owners_are_big: bool
    """Whether an owner may have a good part of the table."""
    sorted_of_owner: Collection[str]
    """The columns by which an index has an owner's rows in order."""
    sorted_words: Mapping[str, bool]
    """Filters whose rows an index has by creation: those of one owner (True), or of all (False)."""
    number: str
    ids_elsewhere: Mapping[str, tuple[QuerySet[Any], str]]
    """The filters on another table's rows, and which column there refers to ours."""


def _compared(lookup: str, value: Any) -> Q:
    return Q((lookup, value))


def _ranges(column: str, **lookups: str) -> dict[str, Filter]:
    return {name: partial(_compared, f"{column}__{lookup}") for name, lookup in lookups.items()}


RANGES: dict[str, dict[str, Filter]] = {
    "created_at": _ranges("created_at", created_after="gte", created_before="lt"),
    "updated_at": _ranges("updated_at", updated_since="gte"),
    "total": _ranges("total_value", min_total="gte", max_total="lte"),
}
"""The filters that take a stretch out of an ordering."""

COMMON: dict[str, Filter] = {name: q for ranges in RANGES.values() for name, q in ranges.items()}
COMMON |= {"status": lambda words: Q(status__in=words), "vendor_id": lambda id_: Q(vendor_id=id_)}


def _some(rows: QuerySet[Any]) -> Q:
    """Whether there are any. As an EXISTS, PostgreSQL might look for all such rows of the table at once."""
    return Q(IsNull(Subquery(rows.values("id")[:1]), False))


def _called(word: str) -> QuerySet[OrderItem]:
    return OrderItem.objects.filter(Q(name__icontains=word) | Q(sku__icontains=word))


def _order_matches(word: str) -> Q:
    return Q(number__icontains=word) | _some(_called(word).filter(order=OuterRef("id")))


def _vendor_order_matches(word: str) -> Q:
    orders = Order.objects.filter(id=OuterRef("order_id"), number__icontains=word)
    return _some(orders) | _some(_called(word).filter(vendor_order=OuterRef("id")))


_ORDERS = _Kind(
    Order.objects.all(),
    ORDERS,
    {
        **COMMON,
        "payment_status": lambda words: Q(payment_status__in=words),
        "customer_id": lambda id_: Q(customer_id=id_),
        "product_id": lambda id_: _some(OrderItem.objects.filter(order=OuterRef("id"), product_id=id_)),
        "vendor_id": lambda id_: _some(VendorOrder.objects.filter(order=OuterRef("id"), vendor_id=id_)),
        "q": _order_matches,
    },
    owner="customer_id",
    owners_are_big=False,
    sorted_of_owner=["created_at"],
    sorted_words={"status": False, "payment_status": False},
    number="number",
    ids_elsewhere={
        "product_id": (OrderItem.objects.all(), "order_id"),
        "vendor_id": (VendorOrder.objects.all(), "order_id"),
    },
)
_VENDOR_ORDERS = _Kind(
    VendorOrder.objects.all(),
    VENDOR_ORDERS,
    {
        **COMMON,
        "product_id": lambda id_: _some(OrderItem.objects.filter(vendor_order=OuterRef("id"), product_id=id_)),
        "q": _vendor_order_matches,
    },
    owner="vendor_id",
    owners_are_big=True,
    sorted_of_owner=list(COLUMNS),
    sorted_words={"status": True},
    number="order__number",
    ids_elsewhere={"product_id": (OrderItem.objects.all(), "vendor_order_id")},
)


def list_orders(caller: Caller, listing: Listing) -> Page[OrderRecord]:
    """A page of the orders that this caller may know of."""
    if not listing.filters and listing.ordering == NEWEST:
        values: dict[Any, Any] = {CALLER: caller.id}
        if listing.position:
            values |= {TIME: listing.position.value, ID: listing.position.id}
        statement = _newest(caller.role, listing.limit, listing.position and listing.position.backwards)
        return _page(fetch(statement, ORDERS, values), listing, None)
    return _read(_ORDERS, Order.objects.visible_to(caller), caller.id if caller.role == "customer" else None, listing)


def list_vendor_orders(caller: Caller, listing: Listing) -> Page[VendorOrderRecord]:
    """A page of the vendor orders that this caller may know of."""
    owner = caller.vendor_id if caller.role == "vendor" else None
    return _read(_VENDOR_ORDERS, VendorOrder.objects.visible_to(caller), owner, listing)


@lru_cache(maxsize=1024)
def _newest(role: Role, limit: int, backwards: bool | None) -> Statement:
    position = None if backwards is None else Position(TIME, ID, backwards)
    orders = Order.objects.visible_to(anyone(role))
    return compiled(_from_position(orders, Listing(limit, position))[: limit + 1])


def _read(kind: _Kind[Record], rows: QuerySet[Any], owner: str | None, listing: Listing) -> Page[Record]:
    """A page of `rows`, which are those of `owner` if there is one."""
    if kind.owner in listing.filters:
        owner = listing.filters[kind.owner]
        rows = rows.filter(**{kind.owner: owner})
    stretch = {name: value for name, value in listing.filters.items() if name in RANGES[listing.column]}
    rest = {name: value for name, value in listing.filters.items() if name not in stretch and name != kind.owner}
    several = slice(listing.limit + 1)
    page = _in_order(_filtered(kind, kind.rows, rest), listing)
    visible = _from_position(_filtered(kind, rows, stretch), listing)
    in_order = owner is None or listing.column in kind.sorted_of_owner
    walked, among = visible, None
    if in_order and owner is not None and kind.owners_are_big:
        # The very rows that are visible to this owner: said in a way that leaves PostgreSQL no other index.
        walked = _by_index(_from_position(_filtered(kind, kind.rows, stretch), listing), kind.owner, owner)
        page = page.order_by(*walked.query.order_by)
    if not rest:
        among = [walked[several]] if in_order else [kind.rows.filter(id__in=visible.values("id")[several])[:SEARCHED]]
    elif listing.column == "created_at" and len(rest) == 1 and kind.sorted_words.get(*rest) is (owner is not None):
        [(name, words)] = rest.items()
        among = [_by_index(visible, name, word)[several] for word in sorted(set(words))]
    elif owner is None or kind.owners_are_big:
        few = (ids for ids in _narrowed(kind, rows, listing.filters, owner is not None) if not ids[FEW:].exists())
        if (ids := next(few, None)) is not None:
            among = [visible.filter(id__in=ids[: 2 * FEW]).order_by()[:SEARCHED]]
    elif not in_order and not rows[SEARCHED:].exists():
        among = [visible.order_by()[: 2 * SEARCHED]]
    elif not in_order:
        walked = _from_position(_filtered(kind, kind.rows, stretch), listing)
        page = page.filter(**{kind.owner: owner})
    if among is not None:
        return _page(fetch(compiled(page[several], *among), kind.decoder), listing, None)
    records, last = fetch_to(walking(page[several], walked, SEARCHED, COLUMNS[listing.column]), kind.decoder)
    return _page(records, listing, last)


def _filtered(kind: _Kind[Any], rows: QuerySet[Any], filters: Mapping[str, Any]) -> QuerySet[Any]:
    for name, value in filters.items():
        rows = rows.filter(kind.filters[name](value))
    return rows


def _by_index(rows: QuerySet[Any], name: str, word: str) -> QuerySet[Any]:
    """Those of the sorted `rows` with this word, in an order that only the index led by it has, so that this one is used.

    PostgreSQL might think that another index leads to them sooner, and walk the whole table where it is wrong.
    """
    by, *then = map(str, rows.query.order_by)
    sign = "" if by.startswith("-") else "-"
    return rows.filter(**{f"{name}__gte": word, f"{name}__lte": word}).order_by(f"{sign}{name}", by, *then)


def _narrowed(
    kind: _Kind[Any], rows: QuerySet[Any], filters: Mapping[str, Any], owned: bool
) -> Iterator[QuerySet[Any]]:
    """The ids that single filters leave, each read from an index."""
    word = filters.get("q", "")
    if NUMBER.fullmatch(word):
        named = rows.filter(**{kind.number: word.upper()})
        if named.exists():
            yield named.values("id")
    for name, (others, column) in kind.ids_elsewhere.items():
        if name in filters:
            yield others.filter(**{name: filters[name]}).values(column)
    for ranges in RANGES.values():
        if stretch := {name: value for name, value in filters.items() if name in ranges}:
            yield _filtered(kind, rows, stretch).values("id")
    for name, of_owner in kind.sorted_words.items():
        if name in filters and of_owner is owned:
            yield _filtered(kind, rows, {name: filters[name]}).values("id")


def _from_position(rows: QuerySet[Any], listing: Listing) -> QuerySet[Any]:
    column, position = COLUMNS[listing.column], listing.position
    if position is not None:
        beyond = TupleLessThan if listing.descending != listing.backwards else TupleGreaterThan
        rows = rows.filter(beyond((column, "id"), (position.value, position.id)))
    return _in_order(rows, listing)


def _in_order(rows: QuerySet[Any], listing: Listing) -> QuerySet[Any]:
    sign = "-" if listing.descending != listing.backwards else ""
    return rows.order_by(f"{sign}{COLUMNS[listing.column]}", f"{sign}id")


def _page(records: list[Record], listing: Listing, searched_to: Place | None) -> Page[Record]:
    """The page of up to one row more than was asked for; `searched_to` is where a walk stopped looking."""
    more = len(records) > listing.limit
    records = records[: listing.limit]
    onward = _place_of(records[-1], listing.column) if more else searched_to
    back = _place_of(records[0], listing.column) if records and listing.position else None
    if listing.backwards:
        records.reverse()
        onward, back = back, onward
    return Page(records, previous=back and Position(*back, backwards=True), next=onward and Position(*onward))


def _place_of(record: OrderRecord | VendorOrderRecord, column: str) -> Place:
    row = record.row
    return to_decimal(row.total, row.currency) if column == "total" else getattr(row, column), row.id
