"""A payment event: what Payment says happened is written into the ledger, and the order follows what the ledger says.

Events arrive late, repeated and in any order, so nothing here depends on which came first: sums are taken anew each time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from orders.domain.callers import Actor
from orders.domain.lifecycle import OrderStatus, payment_status
from orders.outbox.dead_letters import PAYMENT_EVENTS, dead_letter, fail_again
from orders.outbox.effects import commit_stock, publish
from orders.outbox.messages import payment_command
from orders.services.lifecycle.transition import OrderTransition
from orders.services.payments.ledger import Ledger, ledger_of
from orders.services.payments.refunds import follow_refund, refund_due
from orders.store.models import DeadLetter, Order, PaymentEvent

PARKED_BATCH_SIZE = 500
"""Parked events looked at in one go; the rest wait a second."""


@dataclass(frozen=True, slots=True)
class PaymentMessage:
    """A message of `payments.events` that has the right shape and signature. `amount` in minor units."""

    event_id: str
    type: str
    occurred_at: datetime
    order_id: UUID
    payment_id: str | None
    amount: int
    currency: str
    refund_id: str | None
    message: dict[str, Any]


class Parked(Exception):
    """The event can't be counted yet: its order isn't known, or it returns money that isn't known."""


class Unusable(Exception):
    """The event will never count: it contradicts its order."""


def record(event: PaymentMessage, request_id: str) -> None:
    """Count `event` once and let its order follow; one that comes too early is parked. Raises Unusable."""
    try:
        with transaction.atomic():
            _count(event, request_id)
    except Parked:
        PaymentEvent.objects.bulk_create([_entry(event)], ignore_conflicts=True)


def retry_parked(request_id: str) -> int:
    """Try every parked event again, burying those that waited too long; answers how many there were."""
    parked = list(PaymentEvent.objects.filter(order=None).order_by("id")[:PARKED_BATCH_SIZE])
    for entry in parked:
        _retry(entry, request_id)
    return len(parked)


@transaction.atomic
def _retry(entry: PaymentEvent, request_id: str) -> None:
    """Count a parked event, leave it parked, or bury it; unless another process is doing that or has done it."""
    Order.objects.select_for_update().filter(id=entry.claimed_order_id).first()  # the order first, as everywhere
    if not PaymentEvent.objects.select_for_update(skip_locked=True).filter(id=entry.id, order=None).exists():
        return
    event = _event(entry)
    patience = timedelta(seconds=settings.PAYMENT_PARKING_SECONDS)
    try:
        _count(event, request_id)
    except (Parked, Unusable) as error:
        if isinstance(error, Parked) and datetime.now(UTC) - entry.received_at < patience:
            return
        dead_letter(PAYMENT_EVENTS, str(error), event.message, event.order_id)
        entry.delete()


@transaction.atomic
def record_again(letter_id: UUID, event: PaymentMessage, request_id: str) -> None:
    """Count `event`, which an admin wants heard again: its letter goes, or counts one more attempt. It isn't parked."""
    Order.objects.select_for_update().filter(id=event.order_id).first()  # the order first, as everywhere
    letter = DeadLetter.objects.select_for_update(skip_locked=True).filter(id=letter_id, retrying=True).first()
    if letter is None:
        return
    try:
        _count(event, request_id)
    except (Parked, Unusable) as error:
        fail_again(letter_id, str(error))
    else:
        letter.delete()


def _count(event: PaymentMessage, request_id: str) -> None:
    order = Order.objects.select_for_update().filter(id=event.order_id).first()
    known = PaymentEvent.objects.filter(event_id=event.event_id).first()
    if known is not None and known.order_id is not None:
        return
    if order is None:
        raise Parked("no order of this id came to be known in time")
    if event.currency not in ("", order.currency):
        raise Unusable(f"the order is in {order.currency}, the event in {event.currency}")
    before = ledger_of(order)
    if event.type == "payment.refunded" and before.refunded + event.amount > max(before.captured, order.total):
        raise Parked("it returns more than was captured or than the order's total")
    entry = known or _entry(event)
    entry.order = order
    entry.save()
    transition = OrderTransition(order, Actor("payment", event.payment_id and event.payment_id[:64], request_id))
    if event.type == "payment.unknown":
        _ask_again(transition)
    ledger = ledger_of(order)
    if event.refund_id is not None and event.type in ("payment.refunded", "payment.refund_failed"):
        follow_refund(transition, event.refund_id, event.type == "payment.refund_failed", ledger)
    follow(transition, ledger)
    transition.save()


def follow(transition: OrderTransition, ledger: Ledger) -> None:
    """Let the order be what the ledger says: paid, confirmed, or owed its money back."""
    order = transition.order
    transition.transition_payment(payment_status(order.total, ledger.captured, ledger.refunded, ledger.words))
    if order.status == OrderStatus.PENDING and ledger.captured and ledger.captured - ledger.refunded >= order.total:
        transition.transition_to(OrderStatus.CONFIRMED)
        transition.announce("order.confirmed")
        transition.enqueue(commit_stock())
    refund_due(transition, ledger)


def _ask_again(transition: OrderTransition) -> None:
    """Payment never heard of the order: ask for its payment again, while it still wants one."""
    if transition.order.status == OrderStatus.PENDING:
        transition.enqueue(publish(payment_command("payment.requested", transition.order, transition.at)))


def _entry(event: PaymentMessage) -> PaymentEvent:
    return PaymentEvent(
        event_id=event.event_id,
        claimed_order_id=event.order_id,
        type=event.type,
        payment_id=event.payment_id,
        amount=event.amount,
        currency=event.currency,
        refund_id=event.refund_id,
        message=event.message,
        occurred_at=event.occurred_at,
    )


def _event(entry: PaymentEvent) -> PaymentMessage:
    return PaymentMessage(
        entry.event_id,
        entry.type,
        entry.occurred_at,
        entry.claimed_order_id,
        entry.payment_id,
        entry.amount,
        entry.currency,
        entry.refund_id,
        entry.message,
    )
