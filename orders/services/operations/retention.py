"""Retention: the deletion of expired rows. Orders, their audit trail and the ledger are never deleted."""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from orders.outbox.dead_letters import PAYMENT_EVENTS
from orders.store.models import DeadLetter, Order

KEEP_DEAD_LETTERS = timedelta(days=90)
BATCH_SIZE = 1000


def delete_expired_rows() -> int:
    """Delete up to BATCH_SIZE dead letters of payment messages without an order after 90 days; return their number.

    The dead letter of a refund, an effect or an order's payment event stays until it is settled: it is the only way to
    retry it.
    """
    old = DeadLetter.objects.filter(source=PAYMENT_EVENTS, retrying=False, created_at__lt=Now() - KEEP_DEAD_LETTERS)
    unsettled = Exists(Order.objects.filter(id=OuterRef("order_id")))
    return DeadLetter.objects.filter(id__in=old.exclude(unsettled).values("id")[:BATCH_SIZE]).delete()[0]
