"""Clearing away what nobody needs any more. Orders, their audit trail and the ledger are kept for good."""

from datetime import timedelta

from django.db.models.functions import Now

from orders.models import DeadLetter

KEEP_DEAD_LETTERS = timedelta(days=90)
AT_ONCE = 1000


def clear_old_rows(_request_id: str) -> int:
    """Delete up to AT_ONCE dead letters that have been lying for 90 days; answers how many."""
    old = DeadLetter.objects.filter(created_at__lt=Now() - KEEP_DEAD_LETTERS).values("id")[:AT_ONCE]
    return DeadLetter.objects.filter(id__in=old).delete()[0]
