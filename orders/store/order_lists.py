"""Lists of orders and vendor orders: filtered, searched, in an order, a page at a time.

A page costs the same in a table of any size, for there are three ways to read one (docs/decisions.md):

- an index has just the rows that are asked for, in their order;
- one of the filters leaves so FEW rows that all of these are looked at;
- else the list is walked along its ordering: a page looks at SEARCHED rows, and says where the next one goes on.

A way says among which rows PostgreSQL looks. What the caller sees of them is the question's, by `visible_to`, in every way.
"""

import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any, Generic

import msgspec
from django.contrib.postgres.expressions import ArraySubquery
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import F, Lookup, OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import In, IsNull
from django.db.models.sql.compiler import SQLCompiler

from orders.domain.callers import Caller, Role
from orders.domain.lifecycle import states_shown_as
from orders.domain.records import OrderRecord, VendorOrderRecord
from orders.store.documents import ORDERS, VENDOR_ORDERS, Record, Statement, compiled, fetch, fetch_to, walking
from orders.store.models import Order, OrderItem, VendorOrder
from orders.store.order_queries import CALLER, ID, anyone
from orders.store.paging import COLUMNS, NEWEST, Listing, Page, Position, from_position, page_of

SEARCHED = 10_000
"""Rows that a walk looks at for one page."""

FEW = 1000
"""Rows that are rather looked at all."""

NUMBER = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){2}", re.IGNORECASE)
TIME = datetime(1, 1, 1, tzinfo=UTC)

Filter = Callable[[Any], Q]


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


def _shown_as(words: Collection[str]) -> Q:
    """Whether vendors are told one of these words of the order; where a vendor order's own status says it, that is enough."""
    order_status = Subquery(Order.objects.filter(id=OuterRef("order_id")).values("status"))
    fits = Q()
    for status, of_order in states_shown_as(words).items():
        fits |= Q(status=status) & (Q() if of_order is None else Q(In(order_status, of_order)))
    return fits


class _OneOf(Lookup):
    """Whether a value is in an array. With IN and a query, PostgreSQL might look through all of the table for its rows."""

    prepare_rhs = False

    def as_sql(self, compiler: SQLCompiler, connection: BaseDatabaseWrapper) -> tuple[str, tuple[Any, ...]]:
        """`id = ANY (array)`."""
        value, of_value = self.process_lhs(compiler, connection)
        array, of_array = self.process_rhs(compiler, connection)
        return f"{value} = ANY ({array})", (*of_value, *of_array)


@dataclass(frozen=True, slots=True)
class _Kind(Generic[Record]):
    """How lists of orders differ from lists of vendor orders."""

    table: QuerySet[Any]
    decoder: "msgspec.json.Decoder[Record]"
    filters: Mapping[str, Filter]
    owner: str
    """The column that leads indexes: whose rows these are. A filter too."""
    owners_are_big: bool
    """Whether an owner may have a good part of the table."""
    sorted_of_owner: Collection[str]
    """The orderings in which an index has an owner's rows."""
    sorted_words: Mapping[str, bool]
    """Filters whose rows an index has by creation: those of one owner (True), or of all (False)."""
    number: str
    ids_elsewhere: Mapping[str, tuple[QuerySet[Any], str]]
    """The filters on another table's rows, and which column there refers to ours."""


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
        "order_status": _shown_as,
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
        return page_of(fetch(statement, ORDERS, values), listing)
    owner = caller.id if caller.role == "customer" else listing.filters.get("customer_id")
    return _Question(_ORDERS, Order.objects.visible_to(caller), owner, listing).answer()


def list_vendor_orders(caller: Caller, listing: Listing) -> Page[VendorOrderRecord]:
    """A page of the vendor orders that this caller may know of."""
    owner = caller.vendor_id if caller.role == "vendor" else listing.filters.get("vendor_id")
    return _Question(_VENDOR_ORDERS, VendorOrder.objects.visible_to(caller), owner, listing).answer()


@lru_cache(maxsize=1024)
def _newest(role: Role, limit: int, backwards: bool | None) -> Statement:
    position = None if backwards is None else Position(TIME, ID, backwards)
    orders = Order.objects.visible_to(anyone(role))
    return compiled(from_position(orders, Listing(limit, position))[: limit + 1])


@dataclass(frozen=True, slots=True)
class _Question(Generic[Record]):
    """A list of the rows `visible` to somebody; `owner` is set where all that are asked for are one owner's."""

    kind: _Kind[Record]
    visible: QuerySet[Any]
    owner: str | None
    listing: Listing

    def answer(self) -> Page[Record]:
        """The page, read in the first way that fits."""
        page = from_position(self.filtered(self.visible, self.listing.filters), self.listing)[self.first]
        among = self.in_an_index() or self.few()
        if among is not None:
            return page_of(fetch(compiled(page, *among), self.kind.decoder), self.listing)
        last = self.walk().values_list(COLUMNS[self.listing.column], "id")[SEARCHED - 1 : SEARCHED]
        records, searched_to = fetch_to(walking(page, self.walked(), last), self.kind.decoder)
        return page_of(records, self.listing, searched_to)

    def in_an_index(self) -> list[QuerySet[Any]] | None:
        """The rows that are asked for, if an index has just these, sorted."""
        if not self.picking:
            return [self.walked(self.listing.limit + 1)]
        name, *more = self.picking
        if more or self.listing.column != "created_at" or self.kind.sorted_words.get(name) is not self.is_owned:
            return None
        words = sorted(set(self.listing.filters[name]))
        return [_by_index(self.owners, name, word)[self.first] for word in words]

    def few(self) -> list[QuerySet[Any]] | None:
        """All rows that one of the filters leaves, or that a customer has, if these are few."""
        if not self.is_owned or self.kind.owners_are_big:
            few = (ids for ids in self.narrowed() if not ids[FEW:].exists())
            ids = next(few, None)
            return None if ids is None else [self.kind.table.filter(id__in=ids[: 2 * FEW])[:SEARCHED]]
        if self.is_sorted or self.of_owner[SEARCHED:].exists():
            return None
        return [self.owners.order_by()[: 2 * SEARCHED]]

    def walk(self) -> QuerySet[Any]:
        """The rows of the stretch in their order: the owner's alone, so that no position is ever somebody else's."""
        everyone = from_position(self.filtered(self.kind.table, self.stretch), self.listing)
        return _by_index(everyone, self.kind.owner, self.owner) if self.is_owned else everyone

    def walked(self, longest: int = SEARCHED) -> QuerySet[Any]:
        """The first `longest` rows of the walk.

        Where no index has the owner's rows in their order, one has all that they are sorted by: then it is ids that are
        sorted, and only the rows that come first are looked at.
        """
        rows = self.walk()
        if self.is_sorted:
            return rows[:longest]
        ids = ArraySubquery(rows.values("id")[:longest])
        return self.kind.table.filter(_OneOf(F("id"), ids))[:longest]

    @property
    def first(self) -> slice:
        """A page, and one row more, which tells whether there is another."""
        return slice(self.listing.limit + 1)

    @property
    def is_owned(self) -> bool:
        return self.owner is not None

    @property
    def is_sorted(self) -> bool:
        """Whether an index has the rows of this owner, or else all rows, in the ordering."""
        return not self.is_owned or self.listing.column in self.kind.sorted_of_owner

    @property
    def stretch(self) -> list[str]:
        """The filters that say where the ordering begins and ends."""
        return [name for name in self.listing.filters if name in RANGES[self.listing.column]]

    @property
    def picking(self) -> list[str]:
        """The filters that pick some of the owner's rows out of this stretch."""
        return [name for name in self.listing.filters if name not in self.stretch and name != self.kind.owner]

    @property
    def own(self) -> dict[str, str]:
        return {self.kind.owner: self.owner} if self.owner is not None else {}

    @property
    def of_owner(self) -> QuerySet[Any]:
        return self.kind.table.filter(**self.own)

    @property
    def owners(self) -> QuerySet[Any]:
        """The owner's rows of the stretch, in their order."""
        return from_position(self.filtered(self.of_owner, self.stretch), self.listing)

    def filtered(self, rows: QuerySet[Any], names: Iterable[str]) -> QuerySet[Any]:
        for name in names:
            rows = rows.filter(self.kind.filters[name](self.listing.filters[name]))
        return rows

    def narrowed(self) -> Iterator[QuerySet[Any]]:
        """The ids of the owner's rows that single filters leave, each read from an index.

        Nobody else's are among them: whether they are few, and so how a page is read, depends on the owner's rows alone.
        """
        filters, kind = self.listing.filters, self.kind
        word = filters.get("q", "")
        if NUMBER.fullmatch(word):
            named = self.of_owner.filter(**{kind.number: word.upper()})
            if named.exists():
                yield named.values("id")
        for name, (others, column) in kind.ids_elsewhere.items():
            if name in filters:
                yield others.filter(**{name: filters[name]}, **self.own).values(column)
        for ranges in RANGES.values():
            if names := [name for name in ranges if name in filters]:
                yield self.filtered(self.of_owner, names).values("id")
        for name, of_owner in kind.sorted_words.items():
            if name in filters and of_owner is self.is_owned:
                yield self.filtered(self.of_owner, [name]).values("id")
        if "order_status" in filters and self.is_owned:
            yield self.of_owner.filter(status__in=list(states_shown_as(filters["order_status"]))).values("id")


def _by_index(rows: QuerySet[Any], column: str, value: Any) -> QuerySet[Any]:
    """Those of the sorted `rows` with this value, in an order that only the index led by it has, so that this one is used.

    PostgreSQL might think that another index leads to them sooner, and walk the whole table where it is wrong.
    """
    by, *then = map(str, rows.query.order_by)
    sign = "" if by.startswith("-") else "-"
    return rows.filter(**{f"{column}__gte": value, f"{column}__lte": value}).order_by(f"{sign}{column}", by, *then)
