"""Orders that nobody paid in time: they expire, and their stock goes back."""

from django.db import transaction
from django.db.models.functions import Now

from orders.domain.callers import Actor
from orders.domain.lifecycle import OrderStatus
from orders.outbox.effects import release_stock
from orders.services.lifecycle.cancel import call_off_payment, cancel_parts
from orders.services.lifecycle.transition import OrderTransition
from orders.store.models import Order

BATCH_SIZE = 10
"""Orders in one transaction: short enough that a step of their customers doesn't have to give up waiting for it."""


@transaction.atomic
def expire_overdue(request_id: str) -> int:
    """Expire up to AT_ONCE overdue orders; answers how many. Orders that someone else is changing are left for the next time."""
    overdue = Order.objects.filter(status=OrderStatus.PENDING, expires_at__lte=Now()).order_by("expires_at")
    orders = list(overdue.select_for_update(skip_locked=True)[:BATCH_SIZE])
    for order in orders:
        transition = OrderTransition(order, Actor("system", None, request_id))
        cancel_parts(transition, "expired")
        transition.transition_to(OrderStatus.EXPIRED)
        transition.announce("order.expired")
        transition.enqueue(release_stock())
        call_off_payment(transition)
        transition.save()
    return len(orders)
