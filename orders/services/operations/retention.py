"""Clearing away what nobody needs any more. Orders, their audit trail and the ledger are kept for good."""

from datetime import timedelta

from django.db.models import Exists, OuterRef
from django.db.models.functions import Now

from orders.outbox.dead_letters import PAYMENT_EVENTS
from orders.store.models import DeadLetter, Order

KEEP_DEAD_LETTERS = timedelta(days=90)
BATCH_SIZE = 1000


def clear_old_rows(_request_id: str) -> int:
    """Delete up to AT_ONCE messages that could not be used for 90 days and concern no order; return how many.

    A refund, an effect or an order's payment event that failed stays until it is settled: its dead letter is the only way
    to try it again.
    """
    old = DeadLetter.objects.filter(source=PAYMENT_EVENTS, retrying=False, created_at__lt=Now() - KEEP_DEAD_LETTERS)
    unsettled = Exists(Order.objects.filter(id=OuterRef("order_id")))
    return DeadLetter.objects.filter(id__in=old.exclude(unsettled).values("id")[:BATCH_SIZE]).delete()[0]
