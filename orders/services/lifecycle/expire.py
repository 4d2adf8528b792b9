"""The expiry of orders that were not paid in time, and the release of their stock."""

from django.db import transaction
from django.db.models.functions import Now

from orders.coupons.redemptions import lock_usage
from orders.domain.callers import Actor
from orders.domain.lifecycle import OrderStatus
from orders.outbox.effects import release_stock
from orders.services.lifecycle.cancel import cancel_vendor_orders
from orders.services.payments.refunds import return_or_cancel_payment
from orders.services.transition import OrderTransition
from orders.store.models import Order

BATCH_SIZE = 10
"""Orders in one transaction: few enough that requests of their customers do not time out waiting for a lock."""


@transaction.atomic
def expire_overdue(*, request_id: str) -> int:
    """Expire up to BATCH_SIZE overdue orders and return their number. Locked orders are left to the next run."""
    overdue = Order.objects.filter(status=OrderStatus.PENDING, expires_at__lte=Now()).order_by("expires_at")
    orders = list(overdue.select_for_update(skip_locked=True)[:BATCH_SIZE])
    # All locked before the first order is updated, in the order in which a checkout locks them: no deadlock.
    lock_usage(applied["coupon_id"] for order in orders for applied in order.coupons)
    for order in orders:
        _expire(OrderTransition(order, Actor("system", None, request_id)))
    return len(orders)


def _expire(transition: OrderTransition) -> None:
    vendor_orders = list(transition.order.vendor_orders.order_by("vendor_id"))
    cancel_vendor_orders(transition=transition, vendor_orders=vendor_orders, reason="expired")
    transition.transition_to(OrderStatus.EXPIRED)
    transition.announce("order.expired")
    transition.enqueue(release_stock(), *return_or_cancel_payment(order=transition.order, at=transition.at))
    transition.save()
