"""The ledger of an order: the sums of Payment's events, which are the same for every sequence of the events."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from django.db.models import Sum

from orders.domain.lifecycle import TERMINATED, PaymentStatus, VendorOrderStatus, payment_status
from orders.store.models import Order, PaymentEvent

NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Ledger:
    """The sums of an order's payment events, in minor units of its currency.

    `types` are the types of all events without their prefix. `refunded_by_id` has the refunded amount by `refund_id`
    (None: refunds without one), `failed` the ids of the refunds whose latest event is a failure.
    """

    captured: int
    refunded: int
    types: frozenset[str]
    refunded_by_id: Mapping[str | None, int]
    failed: frozenset[str]

    @property
    def balance(self) -> int:
        return self.captured - self.refunded

    def covers(self, total: int) -> bool:
        """Return whether money was captured, and enough of it is left for `total`."""
        return self.captured > 0 and self.balance >= total

    def payment_status(self, total: int) -> PaymentStatus:
        """Return the payment status of an order of this total."""
        return payment_status(total, self.captured, self.refunded, self.types)


def ledger_of(*, order: Order) -> Ledger:
    """Return the ledger of `order`."""
    return ledgers_of(order_ids=[order.id])[order.id]


def ledgers_of(*, order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Ledger]:
    """Return the ledger of each of these orders."""
    entries: dict[uuid.UUID, list[PaymentEvent]] = {order_id: [] for order_id in order_ids}
    events = PaymentEvent.objects.filter(order_id__in=order_ids)
    for event in events.only("order_id", "type", "amount", "refund_id", "occurred_at"):
        assert event.order_id is not None
        entries[event.order_id].append(event)
    return {order_id: _sum(of_order) for order_id, of_order in entries.items()}


def amount_to_keep(*, order: Order) -> int:
    """Return the captured amount that the order may keep, in minor units.

    A terminated order keeps nothing, an active one its total without the vendor orders that were cancelled.
    """
    if order.status in TERMINATED:
        return 0
    cancelled = order.vendor_orders.filter(status=VendorOrderStatus.CANCELLED).aggregate(sum=Sum("total", default=0))
    return order.total - int(cancelled["sum"])


def _sum(entries: Iterable[PaymentEvent]) -> Ledger:
    captured = 0
    refunds: defaultdict[str | None, list[PaymentEvent]] = defaultdict(list)
    failures: defaultdict[str | None, datetime] = defaultdict(lambda: NEVER)
    types = set()
    for entry in entries:
        types.add(entry.type.removeprefix("payment."))
        if entry.type == "payment.captured":
            captured += entry.amount
        elif entry.type == "payment.refunded":
            refunds[entry.refund_id].append(entry)
        elif entry.type == "payment.refund_failed" and entry.refund_id is not None:
            failures[entry.refund_id] = max(failures[entry.refund_id], entry.occurred_at)
    # The latest event about a refund_id counts: a refund that fails later was not executed (contract: neighbours).
    made = {
        id_: [entry.amount for entry in refunded if entry.occurred_at >= failures.get(id_, NEVER)]
        for id_, refunded in refunds.items()
    }
    refunded_by_id = {id_: sum(amounts) for id_, amounts in made.items()}
    failed = frozenset(id_ for id_ in failures if id_ is not None and not made.get(id_))
    return Ledger(captured, sum(refunded_by_id.values()), frozenset(types), refunded_by_id, failed)
