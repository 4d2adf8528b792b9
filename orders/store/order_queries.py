"""Reading one order or vendor order, through the gate `visible_to`."""

import uuid
from functools import lru_cache

from msgspec.structs import replace

from orders.domain.callers import Caller, Role
from orders.domain.errors import NotFound
from orders.domain.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.domain.records import OrderRecord, VendorOrderRecord
from orders.store.documents import ORDERS, VENDOR_ORDERS, Statement, compiled, fetch
from orders.store.models import Order, VendorOrder

# Stand-ins for the values that a compiled statement is run with.
CALLER = "\N{BLACK SQUARE} caller"
ID = uuid.UUID(int=1)


def find(order_id: uuid.UUID) -> OrderRecord | None:
    """The order of this id, whoever asks; None when there is none."""
    return next(iter(fetch(_order(None), ORDERS, {ID: order_id})), None)


def find_order_of_cart(customer_id: str, cart_version: int) -> uuid.UUID | None:
    """Return the id of the pending or confirmed order that this version of the customer's cart has made, if any."""
    orders = Order.objects.filter(customer_id=customer_id, cart_version=cart_version, stock_revision__gt=0)
    return orders.filter(status__in=[OrderStatus.PENDING, OrderStatus.CONFIRMED]).values_list("id", flat=True).first()


def read_order(caller: Caller, order_id: uuid.UUID) -> OrderRecord:
    """The order of this id, if this caller may know of it. Raises NotFound."""
    for record in fetch(_order(caller.role), ORDERS, {ID: order_id, CALLER: caller.id}):
        return record
    raise NotFound()


def read_vendor_order(caller: Caller, vendor_order_id: uuid.UUID) -> VendorOrderRecord:
    """The vendor order of this id, if this caller may know of it. Raises NotFound."""
    for record in fetch(_vendor_order(caller.role), VENDOR_ORDERS, {ID: vendor_order_id, CALLER: caller.vendor_id}):
        return record
    raise NotFound()


def as_placed(order: OrderRecord) -> OrderRecord:
    """The order as it was when it was placed: what it has become since is undone, the rest never changes."""
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


def anyone(role: Role) -> Caller:
    """A caller of this role whose ids are stand-ins."""
    return Caller(CALLER, role, CALLER, 0)


@lru_cache(maxsize=8)
def _order(role: Role | None) -> Statement:
    orders = Order.objects.visible_to(anyone(role)) if role else Order.objects.all()
    return compiled(orders.filter(id=ID))


@lru_cache(maxsize=8)
def _vendor_order(role: Role) -> Statement:
    return compiled(VendorOrder.objects.visible_to(anyone(role)).filter(id=ID))
