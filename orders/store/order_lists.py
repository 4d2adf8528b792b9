"""Lists of orders and vendor orders: filtered, searched, in an ordering, a page at a time.

The cost of a page is bounded for any size of the table: `read_page` plans one of three ways to read it
(docs/decisions.md). Only a customer's own orders by total or update cost more the more orders that customer has.

- `read_from_index`: an index has exactly the matching rows, in their ordering;
- `read_few_then_sort`: one filter leaves so few rows that all of them are read;
- `scan_along_ordering`: up to SCAN_LIMIT rows are scanned, and the next page continues after them.

The way determines the candidates that PostgreSQL reads; `visible_to` restricts them to the caller's in each way.
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
"""The maximum number of rows that a scan reads for one page."""

SORT_LIMIT = 1000
"""The maximum number of rows left by a filter that are all read and sorted rather than scanned for."""

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
    """Return the page of `read_from_index` for the most frequent list, from SQL that is compiled once."""
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
    """Read the page in the first of the three ways that applies: the planner."""
    if _is_indexed(query):
        return read_from_index(query)
    if (few := _find_few(query)) is not None:
        return read_few_then_sort(query, few)
    return scan_along_ordering(query)


def read_from_index(query: ListQuery[Record]) -> Page[Record]:
    """Read a page from an index that has exactly the matching rows, in the ordering.

    1. Read a page's number of rows from the index; with a filter by status, from the part of each status.
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
    """Read a page whose rows are all among `few`.

    1. Read the few rows, in any order.
    2. Check every filter on each of them.
    3. Sort them, and return the first.
    """
    return page_of(fetch(compile_documents(query.page, few), query.table.decoder), query.request)


def scan_along_ordering(query: ListQuery[Record]) -> Page[Record]:
    """Read a page to which neither applies by scanning along the ordering.

    1. Read up to SCAN_LIMIT of the owner's rows within the range, in the ordering.
    2. Check the residual filters on one after the other, until the page is full.
    3. If it is not full, return the matching rows; the next page continues after the last scanned row.
    """
    candidates = query.first_in_range(SCAN_LIMIT)
    sort_keys = query.in_range_by_index.values_list(COLUMNS[query.request.column], "id")
    end = sort_keys[SCAN_LIMIT - 1 : SCAN_LIMIT]
    statement = compile_scan(query.page, query.request.limit + 1, candidates, end)
    records, scanned_to = fetch_scan(statement, query.table.decoder)
    return page_of(records, query.request, scanned_to)


def _is_indexed(query: ListQuery[Any]) -> bool:
    """Return whether an index has exactly the matching rows, in the ordering."""
    if not query.residual_filters:
        return True
    name, *more = query.residual_filters
    return (
        not more and query.request.column == "created_at" and query.table.indexed_statuses.get(name) is query.is_owned
    )


def _find_few(query: ListQuery[Any]) -> QuerySet[Any] | None:
    """Return all rows left by one of the filters, or all of a customer's, if they are few; else None."""
    table = query.table
    if not query.is_owned or table.owners_are_big:
        ids = next((ids for ids in _ids_left(query) if not ids[SORT_LIMIT:].exists()), None)
        return None if ids is None else table.rows.filter(id__in=ids[: 2 * SORT_LIMIT])[:SCAN_LIMIT]
    if query.is_sorted or query.owned[SCAN_LIMIT:].exists():
        return None
    return query.in_range.order_by()[: 2 * SCAN_LIMIT]


def _ids_left(query: ListQuery[Any]) -> Iterator[QuerySet[Any]]:
    """Yield the ids of the owner's rows left by each single filter, read from an index.

    They include no foreign ids: their number, and so the way to read a page, depends on the owner's rows only.
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
