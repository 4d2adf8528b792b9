"""The cancellation of a whole order: by its customer, an admin, or the service itself when its stock is short."""

import uuid
from collections.abc import Sequence

from django.db import transaction

from orders.domain.callers import Actor, Caller
from orders.domain.errors import NotCancellable
from orders.domain.lifecycle import OrderStatus, VendorOrderStatus, cancellation_obstacle
from orders.domain.records import OrderRecord
from orders.outbox.effects import release_stock, restock_items
from orders.services.payments.refunds import return_or_cancel_payment
from orders.services.transition import OrderTransition, lock_order
from orders.store.changes import Tags, check_version
from orders.store.models import Order, VendorOrder
from orders.store.order_queries import read_order


@transaction.atomic
def cancel_order(*, caller: Caller, order_id: uuid.UUID, if_match: Tags, request_id: str, reason: str) -> OrderRecord:
    """Cancel the order, release its stock, refund its payment, and return its record. A cancelled order is unchanged.

    A customer can cancel while every vendor order is pending, an admin until one has shipped. Raises NotFound,
    PreconditionFailed, NotCancellable.
    """
    order = lock_order(orders=Order.objects.visible_to(caller).filter(id=order_id))
    if order.status != OrderStatus.CANCELLED:
        check_version(if_match=if_match, version=order.version)
        vendor_orders = list(order.vendor_orders.order_by("vendor_id"))
        if obstacle := _obstacle(caller.role, order, vendor_orders):
            raise NotCancellable(obstacle)
        transition = OrderTransition(order, Actor.of(caller, request_id))
        transition.enqueue(release_stock() if order.status == OrderStatus.PENDING else restock_items())
        _cancel(transition, vendor_orders, reason)
    return read_order(caller, order_id)


@transaction.atomic
def cancel_for_lack_of_stock(*, order_id: uuid.UUID, version: int, request_id: str) -> None:
    """Cancel and refund an order whose hold has lapsed and whose stock is short in this version. Repeatable.

    Raises PreconditionFailed when it has changed since: what is short may have been cancelled. Raises NotCancellable when a
    vendor order has been shipped all the same.
    """
    order = lock_order(orders=Order.objects.filter(id=order_id))
    if order.status == OrderStatus.CANCELLED:
        return
    check_version(if_match=frozenset({f'"{version}"'}), version=order.version)
    vendor_orders = list(order.vendor_orders.order_by("vendor_id"))
    if obstacle := _obstacle("system", order, vendor_orders):
        raise NotCancellable(f"It is out of stock, and can't be cancelled. {obstacle}")
    _cancel(OrderTransition(order, Actor("system", None, request_id)), vendor_orders, "out_of_stock")


def cancel_vendor_orders(*, transition: OrderTransition, vendor_orders: Sequence[VendorOrder], reason: str) -> None:
    """Cancel the vendor orders that are not cancelled yet."""
    for vendor_order in vendor_orders:
        if vendor_order.status != VendorOrderStatus.CANCELLED:
            transition.transition_vendor_order(vendor_order, VendorOrderStatus.CANCELLED, reason=reason)


def _obstacle(role: str, order: Order, vendor_orders: Sequence[VendorOrder]) -> str | None:
    return cancellation_obstacle(role, order.status, [vendor_order.status for vendor_order in vendor_orders])


def _cancel(transition: OrderTransition, vendor_orders: Sequence[VendorOrder], reason: str) -> None:
    cancel_vendor_orders(transition=transition, vendor_orders=vendor_orders, reason=reason)
    transition.transition_to(OrderStatus.CANCELLED, reason=reason)
    transition.announce("order.cancelled", reason=reason)
    transition.enqueue(*return_or_cancel_payment(order=transition.order, at=transition.at))
    transition.save()
