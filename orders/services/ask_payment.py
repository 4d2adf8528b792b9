"""Orders whose payment has gone silent: Payment is asked what became of it, with growing pauses."""

from datetime import UTC, datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models.functions import Now

from orders import outbox
from orders.callers import Actor
from orders.lifecycle import OrderStatus
from orders.models import Order
from orders.services.change import Change

AT_ONCE = 500


@transaction.atomic
def ask_about_silent_payments(request_id: str) -> int:
    """Ask about up to AT_ONCE orders that are due to be asked about; answers how many."""
    silent = Order.objects.filter(status=OrderStatus.PENDING, payment_check_at__lte=Now()).order_by("payment_check_at")
    orders = list(silent.select_for_update(skip_locked=True)[:AT_ONCE])
    now = datetime.now(UTC)
    for order in orders:
        order.payment_checks += 1
        order.payment_check_at = now + timedelta(
            seconds=settings.PAYMENT_STATUS_AFTER_SECONDS * 2 ** min(order.payment_checks, 10)
        )
        order.save(update_fields=["payment_checks", "payment_check_at"])
        change = Change(order, Actor("system", None, request_id), now)
        change.then(outbox.publish(outbox.payment_command("payment.status_requested", order, now)))
        change.save()
    return len(orders)
