"""A vendor's day at a glance: how many vendor orders stand where, what they come to, and which has waited longest."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min, Q, Sum

from orders.callers import Caller
from orders.lifecycle import DEAD, OrderStatus, VendorOrderStatus
from orders.models import VendorOrder


@dataclass(frozen=True, slots=True)
class Summary:
    """`revenue` in minor units by currency, cancelled vendor orders left out; `oldest_waiting_at`: paid for, not accepted."""

    counts: dict[str, int]
    revenue: dict[str, int]
    oldest_waiting_at: datetime | None


def summarize(caller: Caller) -> Summary:
    """Sum up the vendor orders that this caller may know of."""
    visible = VendorOrder.objects.visible_to(caller)
    counted = dict(visible.order_by().values_list("status").annotate(Count("id")))
    living = visible.exclude(status=VendorOrderStatus.CANCELLED)
    unpaid = Q(order__status=OrderStatus.PENDING) | Q(order__status__in=DEAD)
    waiting = visible.filter(status=VendorOrderStatus.PENDING).exclude(unpaid)
    return Summary(
        counts={status: counted.get(status, 0) for status in VendorOrderStatus},
        revenue=dict(living.order_by().values_list("currency").annotate(Sum("total"))),
        oldest_waiting_at=waiting.aggregate(oldest=Min("created_at"))["oldest"],
    )
