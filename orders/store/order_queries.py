"""Reads of one order or vendor order, restricted by `visible_to`."""

import uuid
from collections.abc import Callable, Collection
from functools import lru_cache
from typing import ParamSpec, TypeVar, cast

from django.db import connection, transaction
from msgspec.structs import replace

from orders.domain.callers import Caller, Role
from orders.domain.errors import NotFound
from orders.domain.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.domain.records import OrderRecord, VendorOrderRecord
from orders.store.documents import ORDERS, VENDOR_ORDERS, Placeholder, compile_template, fetch
from orders.store.models import Order, VendorOrder
from orders.store.reconnect import check_primary

Arguments = ParamSpec("Arguments")
Found = TypeVar("Found")


def on_primary(look: Callable[Arguments, Found], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Found:
    """Return what `look` finds on the primary. Raises NotWritable on a standby, whose data is incomplete, or ahead:

    a former primary that was cut off restarts as a standby with commits that no other server has received, and that it will
    undo to follow the new primary.
    """
    with transaction.atomic():
        check_primary()
        return look(*args, **kwargs)


def confirmed(
    look: Callable[Arguments, Found | None], *args: Arguments.args, **kwargs: Arguments.kwargs
) -> Found | None:
    """Return what `look` finds, if anything, for a response that confirms it: that is read again on the primary."""
    found = look(*args, **kwargs)
    return found if found is None else on_primary(look, *args, **kwargs)


def find(order_id: uuid.UUID) -> OrderRecord | None:
    """Return the order of this id regardless of the caller; None when it does not exist."""
    return next(iter(fetch((_order(None), {"id": order_id}), ORDERS)), None)


def find_by_ids(order_id: uuid.UUID, earlier_id: uuid.UUID) -> OrderRecord | None:
    """Return the order of one of these ids, the first one placed where both exist; None when neither does."""
    orders = fetch((_order_by_ids(), {"id": order_id, "earlier_id": earlier_id}), ORDERS)
    return min(orders, key=lambda order: order.row.created_at, default=None)


def existing(ids: Collection[uuid.UUID]) -> set[uuid.UUID]:
    """Return those of `ids` that are ids of orders."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM orders WHERE id = ANY(%s)", [list(ids)])
        return {order_id for (order_id,) in cursor.fetchall()}


def find_order_of_cart(customer_id: str, cart_version: int) -> uuid.UUID | None:
    """Return the id of the pending or confirmed order of this version of the customer's cart, if any."""
    orders = Order.objects.filter(customer_id=customer_id, cart_version=cart_version, stock_revision__gt=0)
    return orders.filter(status__in=[OrderStatus.PENDING, OrderStatus.CONFIRMED]).values_list("id", flat=True).first()


def read_order(caller: Caller, order_id: uuid.UUID) -> OrderRecord:
    """Return the order of this id. Raises NotFound unless it is visible to the caller."""
    for record in fetch((_order(caller.role), {"id": order_id, "caller_id": caller.id}), ORDERS):
        return record
    raise NotFound()


def read_vendor_order(caller: Caller, vendor_order_id: uuid.UUID) -> VendorOrderRecord:
    """Return the vendor order of this id. Raises NotFound unless it is visible to the caller."""
    parameters = {"id": vendor_order_id, "vendor_id": caller.vendor_id}
    for record in fetch((_vendor_order(caller.role), parameters), VENDOR_ORDERS):
        return record
    raise NotFound()


def as_placed(order: OrderRecord) -> OrderRecord:
    """Return the order as placed: later changes are reverted, the other fields never change."""
    row = replace(
        order.row,
        status=OrderStatus.PENDING if order.row.total else OrderStatus.CONFIRMED,
        payment_status=PaymentStatus.UNPAID if order.row.total else PaymentStatus.PAID,
        updated_at=order.row.created_at,
        version=1,
    )
    shipment: dict[str, None] = dict.fromkeys(
        ("carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at")
    )
    placed_at = order.row.created_at
    parts = [
        replace(part, status=VendorOrderStatus.PENDING, version=1, updated_at=placed_at, **shipment)
        for part in order.vendor_orders
    ]
    return OrderRecord(row, order.items, parts)


def any_caller(role: Role) -> Caller:
    """Return a caller of this role whose ids are Placeholders, which a queryset accepts in place of values."""
    return Caller(cast("str", Placeholder("caller_id")), role, cast("str", Placeholder("vendor_id")), 0)


@lru_cache(maxsize=8)
def _order(role: Role | None) -> str:
    orders = Order.objects.visible_to(any_caller(role)) if role else Order.objects.all()
    return compile_template(orders.filter(id=Placeholder("id")))


@lru_cache(maxsize=1)
def _order_by_ids() -> str:
    return compile_template(Order.objects.filter(id__in=[Placeholder("id"), Placeholder("earlier_id")]))


@lru_cache(maxsize=8)
def _vendor_order(role: Role) -> str:
    return compile_template(VendorOrder.objects.visible_to(any_caller(role)).filter(id=Placeholder("id")))
