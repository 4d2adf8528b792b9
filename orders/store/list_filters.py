"""Filters of lists as SQL conditions, and the rows that the indexes of each table hold.

`orders/http/filters.py` declares the query parameters; their cleaned values are passed by the filter's name.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, Generic

import msgspec
from django.db.models import OuterRef, Q, QuerySet, Subquery
from django.db.models.lookups import In, IsNull

from orders.domain.lifecycle import states_shown_as
from orders.store.documents import ORDERS, VENDOR_ORDERS, Record
from orders.store.models import Order, OrderItem, VendorOrder
from orders.store.paging import COLUMNS

Condition = Callable[[Any], Q]


def _lookup(lookup: str, value: Any) -> Q:
    return Q((lookup, value))


def _ranges(column: str, **lookups: str) -> dict[str, Condition]:
    return {name: partial(_lookup, f"{column}__{lookup}") for name, lookup in lookups.items()}


RANGES: dict[str, dict[str, Condition]] = {
    "created_at": _ranges("created_at", created_after="gte", created_before="lt"),
    "updated_at": _ranges("updated_at", updated_since="gte"),
    "total": _ranges("total_value", min_total="gte", max_total="lte"),
}
"""The filters that bound the column of an ordering."""

COMMON: dict[str, Condition] = {name: condition for ranges in RANGES.values() for name, condition in ranges.items()}
COMMON |= {"status": partial(_lookup, "status__in"), "vendor_id": partial(_lookup, "vendor_id")}


def _any(rows: QuerySet[Any]) -> Q:
    """Return the condition that such a row exists. With EXISTS, PostgreSQL might read all such rows of the table first."""
    return Q(IsNull(Subquery(rows.values("id")[:1]), False))


def _items_called(word: str) -> QuerySet[OrderItem]:
    return OrderItem.objects.filter(Q(name__icontains=word) | Q(sku__icontains=word))


def _order_matches(word: str) -> Q:
    return Q(number__icontains=word) | _any(_items_called(word).filter(order=OuterRef("id")))


def _vendor_order_matches(word: str) -> Q:
    orders = Order.objects.filter(id=OuterRef("order_id"), number__icontains=word)
    return _any(orders) | _any(_items_called(word).filter(vendor_order=OuterRef("id")))


def _shown_as(statuses: Collection[str]) -> Q:
    """Return the condition that vendors see one of these statuses of the order, by the vendor order's status where it suffices."""
    order_status = Subquery(Order.objects.filter(id=OuterRef("order_id")).values("status"))
    fits = Q()
    for status, of_order in states_shown_as(statuses).items():
        fits |= Q(status=status) & (Q() if of_order is None else Q(In(order_status, of_order)))
    return fits


@dataclass(frozen=True, slots=True)
class ListedTable(Generic[Record]):
    """The differences between lists of orders and lists of vendor orders."""

    rows: QuerySet[Any]
    decoder: "msgspec.json.Decoder[Record]"
    conditions: Mapping[str, Condition]
    owner: str
    """The column of the owner, the first one of the indexes. Also a filter."""
    owners_are_big: bool
    """True where one owner may have a large part of the table."""
    owner_orderings: Collection[str]
    """The orderings with an index of an owner's rows."""
    indexed_statuses: Mapping[str, bool]
    """Filters by a status with an index of the rows by creation: of one owner (True), or of all (False)."""
    number: str
    foreign_ids: Mapping[str, tuple[QuerySet[Any], str]]
    """Filters on the rows of another table, and its column that refers to this one."""


ORDER_LIST = ListedTable(
    Order.objects.all(),
    ORDERS,
    {
        **COMMON,
        "payment_status": partial(_lookup, "payment_status__in"),
        "customer_id": partial(_lookup, "customer_id"),
        "product_id": lambda id_: _any(OrderItem.objects.filter(order=OuterRef("id"), product_id=id_)),
        "vendor_id": lambda id_: _any(VendorOrder.objects.filter(order=OuterRef("id"), vendor_id=id_)),
        "q": _order_matches,
    },
    owner="customer_id",
    owners_are_big=False,
    owner_orderings=["created_at"],
    indexed_statuses={"status": False, "payment_status": False},
    number="number",
    foreign_ids={
        "product_id": (OrderItem.objects.all(), "order_id"),
        "vendor_id": (VendorOrder.objects.all(), "order_id"),
    },
)
VENDOR_ORDER_LIST = ListedTable(
    VendorOrder.objects.all(),
    VENDOR_ORDERS,
    {
        **COMMON,
        "order_status": _shown_as,
        "product_id": lambda id_: _any(OrderItem.objects.filter(vendor_order=OuterRef("id"), product_id=id_)),
        "q": _vendor_order_matches,
    },
    owner="vendor_id",
    owners_are_big=True,
    owner_orderings=list(COLUMNS),
    indexed_statuses={"status": True},
    number="order__number",
    foreign_ids={"product_id": (OrderItem.objects.all(), "vendor_order_id")},
)
