"""Lists of orders and vendor orders: filtered, searched, in an ordering, a page at a time.

What a page costs is bounded, however large the table is: there are three ways to read one, and `read_page` plans which
(docs/decisions.md). Only a customer's own orders by total or update cost more the more that customer has.

- `read_from_index`: an index holds exactly the rows that match, in their ordering;
- `read_few_then_sort`: one filter leaves so few rows that all of them are read;
- `scan_along_ordering`: up to SCAN_LIMIT rows are looked at, and the next page continues behind them.

A way determines among which rows PostgreSQL looks. Which of these the caller may see is decided by `visible_to`, in each way.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache
from typing import Any, cast
from uuid import UUID

from django.db.models import QuerySet

from orders.domain.callers import Caller, Role
from orders.domain.lifecycle import states_shown_as
from orders.domain.records import OrderRecord, VendorOrderRecord
from orders.store.documents import (
    ORDERS,
    Placeholder,
    Record,
    compile_documents,
    compile_scan,
    compile_template,
    fetch,
    fetch_scan,
)
from orders.store.list_filters import ORDER_LIST, RANGES, VENDOR_ORDER_LIST
from orders.store.list_query import ListQuery, by_index
from orders.store.models import Order, VendorOrder
from orders.store.order_queries import any_caller
from orders.store.paging import COLUMNS, NEWEST, Page, PageRequest, Position, from_position, page_of

SCAN_LIMIT = 10_000
"""Rows that a scan looks at for one page."""

SORT_LIMIT = 1000
"""Up to so many rows that a filter leaves are all read and sorted, rather than scanned for."""

NUMBER = re.compile(r"[0-9A-Z]{4}(-[0-9A-Z]{4}){2}", re.IGNORECASE)


def list_orders(caller: Caller, request: PageRequest) -> Page[OrderRecord]:
    """Return a page of the orders that are visible to this caller."""
    if not request.filters and request.ordering == NEWEST:
        return _list_newest(caller, request)
    owner = caller.id if caller.role == "customer" else request.filters.get("customer_id")
    return read_page(ListQuery(ORDER_LIST, Order.objects.visible_to(caller), owner, request))


def list_vendor_orders(caller: Caller, request: PageRequest) -> Page[VendorOrderRecord]:
    """Return a page of the vendor orders that are visible to this caller."""
    owner = caller.vendor_id if caller.role == "vendor" else request.filters.get("vendor_id")
    return read_page(ListQuery(VENDOR_ORDER_LIST, VendorOrder.objects.visible_to(caller), owner, request))


def _list_newest(caller: Caller, request: PageRequest) -> Page[OrderRecord]:
    """What `read_from_index` returns for the list that is read most, from SQL that is compiled once."""
    parameters: dict[str, Any] = {"caller_id": caller.id}
    if request.position:
        parameters |= {"created_at": request.position.value, "id": request.position.id}
    template = _newest(caller.role, request.limit, request.position and request.position.backwards)
    return page_of(fetch((template, parameters), ORDERS), request)


@lru_cache(maxsize=1024)
def _newest(role: Role, limit: int, backwards: bool | None) -> str:
    created_at, id_ = cast("datetime", Placeholder("created_at")), cast("UUID", Placeholder("id"))
    position = None if backwards is None else Position(created_at, id_, backwards)
    orders = Order.objects.visible_to(any_caller(role))
    return compile_template(from_position(orders, PageRequest(limit, position))[: limit + 1])


def read_page(query: ListQuery[Record]) -> Page[Record]:
    """The planner: read the page in the first of the three ways that fits."""
    if _is_indexed(query):
        return read_from_index(query)
    if (few := _find_few(query)) is not None:
        return read_few_then_sort(query, few)
    return scan_along_ordering(query)


def read_from_index(query: ListQuery[Record]) -> Page[Record]:
    """Read a page whose rows an index holds, and no others, in the ordering.

    1. Read as many rows as a page has from the index: of a filter by status, from the part of each of its statuses.
    2. Merge these parts in the ordering, and return the first rows.
    """
    limit = query.request.limit + 1
    if query.residual_filters:
        [name] = query.residual_filters
        statuses = sorted(set(query.request.filters[name]))
        parts = [by_index(query.in_range, name, status)[:limit] for status in statuses]
    else:
        parts = [query.first_in_range(limit)]
    return page_of(fetch(compile_documents(query.page, *parts), query.table.decoder), query.request)


def read_few_then_sort(query: ListQuery[Record], few: QuerySet[Any]) -> Page[Record]:
    """Read a page of which all rows are among `few`.

    1. Read the few rows, in whatever order.
    2. Check every filter on each of them.
    3. Sort them, and return the first.
    """
    return page_of(fetch(compile_documents(query.page, few), query.table.decoder), query.request)


def scan_along_ordering(query: ListQuery[Record]) -> Page[Record]:
    """Read a page for which neither fits: look for its rows along the ordering.

    1. Read up to SCAN_LIMIT of the owner's rows within the range, in the ordering.
    2. Check the residual filters on one after the other, until the page is full.
    3. If it is not, return the rows that were found, and let the next page continue behind the last row looked at.
    """
    candidates = query.first_in_range(SCAN_LIMIT)
    sort_keys = query.in_range_by_index.values_list(COLUMNS[query.request.column], "id")
    end = sort_keys[SCAN_LIMIT - 1 : SCAN_LIMIT]
    statement = compile_scan(query.page, query.request.limit + 1, candidates, end)
    records, scanned_to = fetch_scan(statement, query.table.decoder)
    return page_of(records, query.request, scanned_to)


def _is_indexed(query: ListQuery[Any]) -> bool:
    """Whether an index holds exactly the rows that match, in the ordering."""
    if not query.residual_filters:
        return True
    name, *more = query.residual_filters
    return (
        not more and query.request.column == "created_at" and query.table.indexed_statuses.get(name) is query.is_owned
    )


def _find_few(query: ListQuery[Any]) -> QuerySet[Any] | None:
    """Return all rows that one of the filters leaves, or that a customer has, if they are few; else None."""
    table = query.table
    if not query.is_owned or table.owners_are_big:
        ids = next((ids for ids in _ids_left(query) if not ids[SORT_LIMIT:].exists()), None)
        return None if ids is None else table.rows.filter(id__in=ids[: 2 * SORT_LIMIT])[:SCAN_LIMIT]
    if query.is_sorted or query.owned[SCAN_LIMIT:].exists():
        return None
    return query.in_range.order_by()[: 2 * SCAN_LIMIT]


def _ids_left(query: ListQuery[Any]) -> Iterator[QuerySet[Any]]:
    """Yield the ids of the owner's rows that single filters leave, each read from an index.

    No foreign ids are among them: whether they are few, and so how a page is read, depends on the owner's rows alone.
    """
    filters, table, owned = query.request.filters, query.table, query.owned
    word = filters.get("q", "")
    if NUMBER.fullmatch(word):
        named = owned.filter(**{table.number: word.upper()})
        if named.exists():
            yield named.values("id")
    for name, (rows, column) in table.foreign_ids.items():
        if name in filters:
            yield rows.filter(**{name: filters[name]}, **query.by_owner).values(column)
    for ranges in RANGES.values():
        if names := [name for name in ranges if name in filters]:
            yield query.filtered(owned, names).values("id")
    for name, of_owner in table.indexed_statuses.items():
        if name in filters and of_owner is query.is_owned:
            yield query.filtered(owned, [name]).values("id")
    if "order_status" in filters and query.is_owned:
        yield owned.filter(status__in=list(states_shown_as(filters["order_status"]))).values("id")
