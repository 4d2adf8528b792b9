"""Reading orders: one statement for an order or a page of them, parts included, through the gate `visible_to`.

Querysets say what is asked for; their SQL is compiled once for each shape and run with the caller's values, because
compiling costs more than running.
"""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import msgspec
from django.db import connection
from django.db.models import QuerySet, TextField
from django.db.models.expressions import RawSQL
from django.db.models.fields.tuple_lookups import TupleGreaterThan, TupleLessThan
from msgspec.structs import replace

from orders.callers import Caller, Role
from orders.errors import NotFound
from orders.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.models import Order
from orders.rows import OrderRecord


@dataclass(frozen=True, slots=True)
class Position:
    """A place in a list of orders: right behind the order with these values, or with `backwards` right before it."""

    created_at: datetime
    id: uuid.UUID
    backwards: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Orders, newest first, and the positions from which the lists before and after them are read."""

    orders: list[OrderRecord]
    previous: Position | None
    next: Position | None


# Stand-ins for the values that a compiled statement is run with.
_CALLER = "\N{BLACK SQUARE} caller"
_ID = uuid.UUID(int=1)
_TIME = datetime(1, 1, 1, tzinfo=UTC)

_DOCUMENT = """json_build_object(
    'row', row_to_json(orders.*),
    'items', (
        SELECT coalesce(json_agg(row_to_json(part) ORDER BY part.position), '[]')
        FROM order_items part WHERE part.order_id = orders.id),
    'vendor_orders', (
        SELECT coalesce(json_agg(row_to_json(part) ORDER BY part.vendor_id), '[]')
        FROM vendor_orders part WHERE part.order_id = orders.id))::text"""
_DECODER = msgspec.json.Decoder(OrderRecord)


def find(order_id: uuid.UUID) -> OrderRecord | None:
    """The order of this id, whoever asks; None when there is none."""
    return next(iter(_records(_by_id(None), {_ID: order_id})), None)


def read_order(caller: Caller, order_id: uuid.UUID) -> OrderRecord:
    """The order of this id, if this caller may know of it. Raises NotFound."""
    for record in _records(_by_id(caller.role), {_ID: order_id, _CALLER: caller.id}):
        return record
    raise NotFound()


def list_orders(caller: Caller, limit: int, position: Position | None) -> Page:
    """Up to `limit` of the caller's orders from `position` on (None: the newest)."""
    statement = _newest(caller.role, limit + 1, position and position.backwards)
    values = {_CALLER: caller.id} | ({_TIME: position.created_at, _ID: position.id} if position else {})
    records = _records(statement, values)
    more = len(records) > limit
    records = records[:limit]
    backwards = position is not None and position.backwards
    if backwards:
        records.reverse()
    if not records:
        return Page([], None, None)
    before = Position(records[0].row.created_at, records[0].row.id, backwards=True)
    behind = Position(records[-1].row.created_at, records[-1].row.id)
    return Page(
        records,
        previous=before if (more if backwards else position is not None) else None,
        next=behind if (True if backwards else more) else None,
    )


def as_placed(order: OrderRecord) -> OrderRecord:
    """The order as it was when it was placed: what it has become since is undone, the rest never changes."""
    row = replace(
        order.row,
        status=OrderStatus.PENDING if order.row.total else OrderStatus.CONFIRMED,
        payment_status=PaymentStatus.UNPAID if order.row.total else PaymentStatus.PAID,
        updated_at=order.row.created_at,
        version=1,
    )
    shipment = dict.fromkeys(("carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at"))
    parts = [replace(part, status=VendorOrderStatus.PENDING, **shipment) for part in order.vendor_orders]
    return OrderRecord(row, order.items, parts)


@lru_cache(maxsize=8)
def _by_id(role: Role | None) -> tuple[str, tuple[Any, ...]]:
    visible = Order.objects.visible_to(Caller(_CALLER, role, None, 0)) if role else Order.objects.all()
    return _compiled(visible.filter(id=_ID))


@lru_cache(maxsize=1024)
def _newest(role: Role, count: int, backwards: bool | None) -> tuple[str, tuple[Any, ...]]:
    queryset = Order.objects.visible_to(Caller(_CALLER, role, None, 0))
    if backwards is not None:
        beyond = TupleGreaterThan if backwards else TupleLessThan
        queryset = queryset.filter(beyond(("created_at", "id"), (_TIME, _ID)))
    order = ("created_at", "id") if backwards else ("-created_at", "-id")
    return _compiled(queryset.order_by(*order)[:count])


def _compiled(queryset: QuerySet[Order]) -> tuple[str, tuple[Any, ...]]:
    document = RawSQL(_DOCUMENT, (), TextField())
    return queryset.annotate(document=document).values_list("document").query.sql_with_params()


def _records(statement: tuple[str, tuple[Any, ...]], values: Mapping[Any, Any]) -> list[OrderRecord]:
    text, stand_ins = statement
    with connection.cursor() as cursor:
        cursor.execute(text, [values.get(value, value) for value in stand_ins])
        return [_DECODER.decode(document) for (document,) in cursor.fetchall()]
