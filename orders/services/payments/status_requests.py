"""What Payment has gone silent about: it is asked again, with growing pauses. A message may be lost, an order's money may not."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from orders.domain.callers import Actor
from orders.domain.lifecycle import OrderStatus
from orders.outbox.dead_letters import dead_letter_refund
from orders.outbox.effects import publish
from orders.outbox.messages import payment_command
from orders.services.lifecycle.transition import OrderTransition, database_time
from orders.services.payments.ledger import ledgers_of
from orders.services.payments.refunds import refund_due, request_refund
from orders.store.models import Order, Refund

BATCH_SIZE = 100
MAX_DOUBLINGS = 10
"""Pauses double this often, from half a minute to half a day."""

PATIENCE = 7
"""How often a refund is asked for, about an hour long, before it is shown to admins; it is asked for all the same."""


@transaction.atomic
def ask_about_silent_payments(request_id: str) -> int:
    """Ask about up to AT_ONCE unpaid orders that are due to be asked about; answers how many."""
    silent = Order.objects.filter(status=OrderStatus.PENDING, payment_check_at__lte=Now()).order_by("payment_check_at")
    orders = list(silent.select_for_update(skip_locked=True)[:BATCH_SIZE])
    now = database_time() if orders else None
    for order in orders:
        transition = OrderTransition(order, Actor("system", None, request_id), now)
        order.payment_checks += 1
        order.payment_check_at = transition.at + _pause(order.payment_checks)
        order.save(update_fields=["payment_checks", "payment_check_at"])
        transition.enqueue(publish(payment_command("payment.status_requested", order, transition.at)))
        transition.save()
    return len(orders)


@transaction.atomic
def ask_about_silent_refunds(request_id: str) -> int:
    """Ask again for up to AT_ONCE refunds that Payment has not made, each under its own id, as far as they are still owed.

    Return how many were due.
    """
    silent = Refund.objects.filter(status=Refund.Status.REQUESTED, ask_again_at__lte=Now()).order_by("ask_again_at")
    of_orders = Order.objects.filter(id__in=list(silent.values_list("order_id", flat=True)[:BATCH_SIZE])).order_by("id")
    orders = {order.id: order for order in of_orders.select_for_update(skip_locked=True)}  # first, as everywhere
    refunds = list(silent.filter(order_id__in=list(orders)).select_for_update()[:BATCH_SIZE])
    ledgers, now = ledgers_of(list(orders)), database_time() if refunds else None
    for refund in refunds:
        transition = OrderTransition(orders[refund.order_id], Actor("system", None, request_id), now)
        refund.ask_again_at = transition.at + _pause(refund.asked)
        refund.asked += 1
        refund.save(update_fields=["asked", "ask_again_at"])
        refund_due(transition, ledgers[refund.order_id])
        refund.refresh_from_db()
        if refund.status == Refund.Status.REQUESTED:
            request_refund(transition, refund)
            if refund.asked > PATIENCE:
                dead_letter_refund(refund, "Payment says nothing new of the refund, however often it is asked")
        transition.save()
    return len(refunds)


def _pause(asked: int) -> timedelta:
    return timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS * 2 ** min(asked, MAX_DOUBLINGS))
