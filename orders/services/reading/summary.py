"""The summary of a vendor's orders: counts by status, revenue, and the oldest one to accept."""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Case, Count, Min, OuterRef, Subquery, Sum, Value, When

from orders.domain.callers import Caller
from orders.domain.lifecycle import OrderStatus, VendorOrderStatus, order_status_for_vendor
from orders.store.models import Order, VendorOrder


@dataclass(frozen=True, slots=True)
class Summary:
    """`revenue` in minor units by currency, of vendor orders that are paid and not cancelled.

    `to_accept` counts those that are paid and not accepted; `oldest_waiting_at` is when the oldest of these was placed.
    """

    counts: dict[str, int]
    to_accept: int
    revenue: dict[str, int]
    oldest_waiting_at: datetime | None


def summarize(*, caller: Caller) -> Summary:
    """Summarize the vendor orders that are visible to this caller, in one statement."""
    counts = dict.fromkeys(map(str, VendorOrderStatus), 0)
    revenue: Counter[str] = Counter()
    to_accept, waiting = 0, []
    for status, currency, order_status, count, total, oldest in _groups(caller):
        counts[status] += count
        if status == VendorOrderStatus.PENDING:
            if order_status_for_vendor(order_status, status) != OrderStatus.CONFIRMED:
                continue
            to_accept += count
            waiting.append(oldest)
        if status != VendorOrderStatus.CANCELLED:
            revenue[currency] += total
    return Summary(counts, to_accept, dict(revenue), min(waiting, default=None))


def _groups(caller: Caller) -> list[tuple[str, str, str, int, int, datetime]]:
    """Return count, total and oldest creation by status and currency.

    Pending vendor orders are grouped by their order's status too; the others are paid or cancelled in any case.
    """
    order_status = Subquery(Order.objects.filter(id=OuterRef("order_id")).values("status"))
    of_pending = Case(When(status=VendorOrderStatus.PENDING, then=order_status), default=Value(""))
    groups = (
        VendorOrder.objects.visible_to(caller)
        .order_by()
        .values("status", "currency", of_order=of_pending)
        .annotate(count=Count("id"), sum=Sum("total"), oldest=Min("created_at"))
    )
    return list(groups.values_list("status", "currency", "of_order", "count", "sum", "oldest"))
