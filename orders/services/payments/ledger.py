"""What Payment has told of an order, summed up: late, repeated and contradictory events come to the same in any order."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Sum

from orders.domain.lifecycle import TERMINATED, VendorOrderStatus
from orders.store.models import Order, PaymentEvent

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The sums, in minor units of the order's currency.

    `words` are the types of all events without their prefix. `refunded_as` is what went back under each `refund_id` (None: a
    refund that names none), `failed` the ids of the refunds about which a failure is the latest word.
    """

    captured: int
    refunded: int
    words: frozenset[str]
    refunded_as: Mapping[str | None, int]
    failed: frozenset[str]


def ledger_of(order: Order) -> Ledger:
    """Sum up what Payment has told of `order`."""
    return ledgers_of([order.id])[order.id]


def ledgers_of(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Ledger]:
    """Sum up what Payment has told of each of these orders."""
    entries: dict[uuid.UUID, list[PaymentEvent]] = {order_id: [] for order_id in order_ids}
    events = PaymentEvent.objects.filter(order_id__in=order_ids)
    for event in events.only("order_id", "type", "amount", "refund_id", "occurred_at"):
        assert event.order_id is not None
        entries[event.order_id].append(event)
    return {order_id: _sum(of_order) for order_id, of_order in entries.items()}


def kept(order: Order) -> int:
    """What the order may keep of the money captured for it, in minor units."""
    if order.status in TERMINATED:
        return 0
    cancelled = order.vendor_orders.filter(status=VendorOrderStatus.CANCELLED).aggregate(sum=Sum("total", default=0))
    return order.total - int(cancelled["sum"])


def _sum(entries: Iterable[PaymentEvent]) -> Ledger:
    captured = 0
    refunds: defaultdict[str | None, list[PaymentEvent]] = defaultdict(list)
    failures: defaultdict[str | None, datetime] = defaultdict(lambda: NEVER)
    words = set()
    for entry in entries:
        words.add(entry.type.removeprefix("payment."))
        if entry.type == "payment.captured":
            captured += entry.amount
        elif entry.type == "payment.refunded":
            refunds[entry.refund_id].append(entry)
        elif entry.type == "payment.refund_failed" and entry.refund_id is not None:
            failures[entry.refund_id] = max(failures[entry.refund_id], entry.occurred_at)
    # About one refund_id the latest word counts: a refund that fails later has not been made (contract: neighbours).
    standing = {
        id_: [one for one in made if one.occurred_at >= failures.get(id_, NEVER)] for id_, made in refunds.items()
    }
    refunded_as = {id_: sum(one.amount for one in made) for id_, made in standing.items()}
    failed = frozenset(id_ for id_ in failures if id_ is not None and not standing.get(id_))
    return Ledger(captured, sum(refunded_as.values()), frozenset(words), refunded_as, failed)
