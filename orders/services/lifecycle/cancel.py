"""Cancelling a whole order: by its customer, an admin, or the service itself when its stock is gone."""

import uuid

from django.db import transaction

from orders.domain.callers import Actor, Caller
from orders.domain.errors import NotCancellable
from orders.domain.lifecycle import OrderStatus, VendorOrderStatus, cancellation_obstacle
from orders.outbox.effects import publish, release_stock, restock_items
from orders.outbox.messages import payment_command
from orders.services.lifecycle.fulfil import Tags, check_version
from orders.services.lifecycle.transition import OrderTransition, locked
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
    transition = OrderTransition(order, Actor.of(caller, request_id))
    transition.enqueue(release_stock() if order.status == OrderStatus.PENDING else restock_items())
    cancel(transition, reason)
    transition.save()


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
    transition = OrderTransition(order, Actor("system", None, request_id))
    cancel(transition, "out_of_stock")
    transition.save()


def cancel(transition: OrderTransition, reason: str) -> None:
    """Cancel every part of the order, ask for the money back, or call the payment off when none was captured."""
    cancel_parts(transition, reason)
    transition.transition_to(OrderStatus.CANCELLED, reason=reason)
    transition.announce("order.cancelled", reason=reason)
    call_off_payment(transition)


def cancel_parts(transition: OrderTransition, reason: str) -> None:
    """Cancel what is left of the vendor orders."""
    for part in _living(transition.order):
        transition.transition_vendor_order(part, VendorOrderStatus.CANCELLED, reason=reason)


def call_off_payment(transition: OrderTransition) -> None:
    """The order keeps no money any more: return what was captured, and let nothing more be captured."""
    ledger = ledger_of(transition.order)
    refund_due(transition, ledger)
    if not ledger.captured and transition.order.total:
        transition.enqueue(publish(payment_command("payment.cancel_requested", transition.order, transition.at)))


def _living(order: Order) -> list[VendorOrder]:
    return list(order.vendor_orders.exclude(status=VendorOrderStatus.CANCELLED).order_by("vendor_id"))


def _statuses(order: Order) -> list[str]:
    return list(order.vendor_orders.values_list("status", flat=True))
