"""Status requests to Payment for payments and refunds without an event, with exponential backoff."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from orders.domain.lifecycle import OrderStatus
from orders.outbox import queue
from orders.outbox.effects import publish
from orders.outbox.messages import payment_command
from orders.services.payments.ledger import ledgers_of
from orders.services.payments.refunds import repeat_refund_request
from orders.store.changes import database_time
from orders.store.models import Order, Refund

BATCH_SIZE = 100
MAX_DOUBLINGS = 10
"""Doublings of the pause, from half a minute to half a day."""


@transaction.atomic
def request_payment_statuses(*, request_id: str) -> int:
    """Request the payment status of up to BATCH_SIZE unpaid orders that are due; return their number."""
    due = Order.objects.filter(status=OrderStatus.PENDING, payment_check_at__lte=Now()).order_by("payment_check_at")
    orders = list(due.select_for_update(skip_locked=True)[:BATCH_SIZE])
    if not orders:
        return 0
    now = database_time()
    for order in orders:
        order.payment_checks += 1
        order.payment_check_at = now + _pause(order.payment_checks)
        order.save(update_fields=["payment_checks", "payment_check_at"])
        queue.add(order, request_id, [publish(payment_command("payment.status_requested", order, now))])
    return len(orders)


@transaction.atomic
def repeat_refund_requests(*, request_id: str) -> int:
    """Repeat up to BATCH_SIZE requests of unanswered refunds; return the number that were due."""
    due = Refund.objects.filter(status=Refund.Status.REQUESTED, ask_again_at__lte=Now()).order_by("ask_again_at")
    of_orders = Order.objects.filter(id__in=list(due.values_list("order_id", flat=True)[:BATCH_SIZE])).order_by("id")
    # Lock order: the orders first.
    orders = {order.id: order for order in of_orders.select_for_update(skip_locked=True)}
    refunds = list(due.filter(order_id__in=list(orders)).select_for_update()[:BATCH_SIZE])
    if not refunds:
        return 0
    ledgers, now = ledgers_of(order_ids=list(orders)), database_time()
    for refund in refunds:
        refund.ask_again_at = now + _pause(refund.asked)
        refund.asked += 1
        refund.save(update_fields=["asked", "ask_again_at"])
        order = orders[refund.order_id]
        effects = repeat_refund_request(order=order, refund=refund, ledger=ledgers[order.id], at=now)
        queue.add(order, request_id, effects)
    return len(refunds)


def _pause(requests: int) -> timedelta:
    return timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS * 2 ** min(requests, MAX_DOUBLINGS))
