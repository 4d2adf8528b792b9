"""Cancelling a whole order: by its customer, an admin, or the service itself when its stock is gone."""

import uuid

from django.db import transaction

from orders.domain.callers import Actor, Caller
from orders.domain.errors import NotCancellable
from orders.domain.lifecycle import OrderStatus, VendorOrderStatus, cancellation_obstacle
from orders.outbox.effects import publish, release_stock, restock_items
from orders.outbox.messages import payment_command
from orders.services.lifecycle.fulfil import Tags, check_version
from orders.services.lifecycle.transition import Change, locked
from orders.services.payments.ledger import ledger_of
from orders.services.payments.refunds import refund_due
from orders.store.models import Order, VendorOrder


@transaction.atomic
def cancel_order(caller: Caller, order_id: uuid.UUID, if_match: Tags, request_id: str, reason: str) -> None:
    """Cancel the order, give its stock and its money back; an order that is cancelled already stays as it is.

    A customer can while every vendor order is pending, an admin until one has shipped. Raises NotFound,
    PreconditionFailed, NotCancellable.
    """
    order = locked(Order.objects.visible_to(caller), order_id)
    if order.status == OrderStatus.CANCELLED:
        return
    check_version(if_match, order.version)
    if obstacle := cancellation_obstacle(caller.role, order.status, _statuses(order)):
        raise NotCancellable(obstacle)
    change = Change(order, Actor.of(caller, request_id))
    change.then(release_stock() if order.status == OrderStatus.PENDING else restock_items())
    cancel(change, reason)
    change.save()


@transaction.atomic
def cancel_for_lack_of_stock(order_id: uuid.UUID, request_id: str) -> None:
    """The hold is gone and the stock is short: cancel the order and give back what money came.

    Repeatable. Raises NotCancellable when something has been shipped all the same.
    """
    order = locked(Order.objects.all(), order_id)
    if order.status == OrderStatus.CANCELLED:
        return
    if obstacle := cancellation_obstacle("system", order.status, _statuses(order)):
        raise NotCancellable(f"It is out of stock, and can't be cancelled. {obstacle}")
    change = Change(order, Actor("system", None, request_id))
    cancel(change, "out_of_stock")
    change.save()


def cancel(change: Change, reason: str) -> None:
    """Cancel every part of the order, ask for the money back, or call the payment off when none was captured."""
    cancel_parts(change, reason)
    change.move(OrderStatus.CANCELLED, reason=reason)
    change.announce("order.cancelled", reason=reason)
    call_off_payment(change)


def cancel_parts(change: Change, reason: str) -> None:
    """Cancel what is left of the vendor orders."""
    for part in _living(change.order):
        change.move_vendor_order(part, VendorOrderStatus.CANCELLED, reason=reason)


def call_off_payment(change: Change) -> None:
    """The order keeps no money any more: return what was captured, and let nothing more be captured."""
    ledger = ledger_of(change.order)
    refund_due(change, ledger)
    if not ledger.captured and change.order.total:
        change.then(publish(payment_command("payment.cancel_requested", change.order, change.at)))


def _living(order: Order) -> list[VendorOrder]:
    return list(order.vendor_orders.exclude(status=VendorOrderStatus.CANCELLED).order_by("vendor_id"))


def _statuses(order: Order) -> list[str]:
    return list(order.vendor_orders.values_list("status", flat=True))
