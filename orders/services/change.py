"""What every change of an order has in common: the row is locked, the step is legal, the audit trail grows, the version too.

Used by the use cases beside this file, inside their transaction.
"""

import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import F, Sum

from orders import outbox
from orders.callers import Actor
from orders.errors import NotFound
from orders.lifecycle import DEAD, OrderStatus, VendorOrderStatus, check_order_step, check_vendor_order_step
from orders.models import Order, OrderEvent, OrderQuerySet, PaymentEvent, Refund, VendorOrder

CHANGING = ("status", "payment_status", "version", "event_count", "updated_at")
"""The columns of an order that ever change after it is placed."""


@dataclass
class Change:
    """One change of one locked order by one actor. Nothing is written before `save`."""

    order: Order
    actor: Actor
    at: datetime = field(default_factory=lambda: datetime.now(UTC))
    events: list[OrderEvent] = field(default_factory=list)
    effects: list[outbox.Effect] = field(default_factory=list)

    def move(self, wanted: OrderStatus, **data: Any) -> None:
        """Take the order to status `wanted`. Raises IllegalTransition."""
        check_order_step(self.order.status, wanted)
        self._note(f"order.{wanted}", self.order.status, wanted, data)
        self.order.status = wanted
        if wanted == OrderStatus.CONFIRMED:  # vendors see it, so their vendor orders have changed
            self.order.vendor_orders.update(version=F("version") + 1, updated_at=self.at)

    def move_vendor_order(self, vendor_order: VendorOrder, wanted: VendorOrderStatus, **data: Any) -> None:
        """Take one vendor's part to status `wanted`, keep it and announce it. Raises IllegalTransition."""
        check_vendor_order_step(vendor_order.status, wanted)
        self._note(f"vendor_order.{wanted}", vendor_order.status, wanted, data, vendor_order)
        vendor_order.status, vendor_order.updated_at = wanted, self.at
        vendor_order.version += 1
        vendor_order.save()
        self.announce(f"vendor_order.{wanted}", vendor_order_id=str(vendor_order.id), vendor_id=vendor_order.vendor_id)

    def move_payment(self, wanted: str) -> None:
        """Take the payment to what the ledger says, if that is new."""
        if wanted != self.order.payment_status:
            self._note(f"payment.{wanted}", self.order.payment_status, wanted, {})
            self.order.payment_status = wanted

    def then(self, *effects: outbox.Effect) -> None:
        """Let `effects` happen after the commit."""
        self.effects += effects

    def announce(self, type_: str, **more: Any) -> None:
        """Tell whoever listens to `orders.events`."""
        self.then(outbox.publish(outbox.order_event(type_, self.order, self.at, **more)))

    def save(self) -> Order:
        """Write the order, its new audit entries and its effects."""
        if self.events:
            self.order.version += 1
            self.order.updated_at = self.at
            self.order.save(update_fields=CHANGING)
            OrderEvent.objects.bulk_create(self.events)
        outbox.add(self.order, self.actor.request_id, self.effects)
        return self.order

    def _note(
        self, type_: str, from_: str, to: str, data: dict[str, Any], vendor_order: VendorOrder | None = None
    ) -> None:
        self.order.event_count += 1
        entry = OrderEvent(
            order=self.order,
            vendor_order=vendor_order,
            sequence=self.order.event_count,
            type=type_,
            from_status=from_,
            to_status=to,
            actor_role=self.actor.role,
            actor_id=self.actor.id,
            request_id=self.actor.request_id,
            data=data,
            at=self.at,
        )
        self.events.append(entry)


def locked(orders: OrderQuerySet, order_id: uuid.UUID) -> Order:
    """The order of this id among `orders`, locked until the transaction ends. Raises NotFound."""
    order = orders.select_for_update(of=("self",)).filter(id=order_id).first()
    if order is None:
        raise NotFound()
    return order


@dataclass(frozen=True, slots=True)
class Ledger:
    """What Payment's events about an order come to, in minor units; `words` are the events that moved no money."""

    captured: int
    refunded: int
    words: frozenset[str]


def ledger_of(order: Order) -> Ledger:
    """Sum up what Payment has told of `order`."""
    return ledgers_of([order.id])[order.id]


def ledgers_of(order_ids: Collection[uuid.UUID]) -> dict[uuid.UUID, Ledger]:
    """Sum up what Payment has told of each of these orders."""
    sums: dict[uuid.UUID, dict[str, int]] = {order_id: {} for order_id in order_ids}
    events = PaymentEvent.objects.filter(order_id__in=order_ids).order_by()
    for order_id, type_, amount in events.values_list("order_id", "type").annotate(Sum("amount")):
        sums[order_id][type_.removeprefix("payment.")] = amount
    return {id_: Ledger(of.get("captured", 0), of.get("refunded", 0), frozenset(of)) for id_, of in sums.items()}


def refund_due(change: Change, ledger: Ledger) -> None:
    """Ask Payment to return what the order may not keep and that has not been asked for or returned yet.

    A dead order keeps nothing; a live one its total without the parts of vendors who cancelled. One rule for late
    money, too much money, and cancellations.
    """
    if (due := due_to_return(change.order, ledger)) > 0:
        patience = timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS)
        refund = Refund.objects.create(order=change.order, amount=due, asked=1, ask_again_at=change.at + patience)
        request_refund(change, refund)


def due_to_return(order: Order, ledger: Ledger) -> int:
    """What of the captured money is still to be asked back, in minor units; below zero, too much went back or will."""
    ours = set(Refund.objects.filter(order=order).values_list("id", "amount"))
    requested = sum(amount for _, amount in ours)
    foreign = ledger.refunded - _sum_refunded(order, [str(id_) for id_, _ in ours])
    return ledger.captured - kept(order) - requested - foreign


def returned(refund: Refund) -> int:
    """What Payment has given back under this refund's id, in minor units."""
    return _sum_refunded(refund.order, [str(refund.id)])


def kept(order: Order) -> int:
    """What the order may keep of the money captured for it, in minor units."""
    if order.status in DEAD:
        return 0
    cancelled = order.vendor_orders.filter(status=VendorOrderStatus.CANCELLED).aggregate(sum=Sum("total", default=0))
    return order.total - int(cancelled["sum"])


def request_refund(change: Change, refund: Refund) -> None:
    """Send Payment the request for `refund`, under the same id each time."""
    last = PaymentEvent.objects.filter(order=change.order, payment_id__isnull=False).order_by("-id").first()
    command = outbox.payment_command(
        "payment.refund_requested",
        change.order,
        change.at,
        amount_minor=refund.amount,
        refund_id=str(refund.id),
        payment_id=last and last.payment_id,
    )
    change.then(outbox.publish(command))


def _sum_refunded(order: Order, refund_ids: Iterable[str]) -> int:
    events = PaymentEvent.objects.filter(order=order, type="payment.refunded", refund_id__in=refund_ids)
    return int(events.aggregate(sum=Sum("amount", default=0))["sum"])
