"""Payment events: each is recorded in the ledger once, and its order follows the ledger.

Events arrive late, repeated and in any order, so the result does not depend on their sequence: sums are computed each time.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction

from orders.domain.callers import Actor
from orders.domain.lifecycle import OrderStatus
from orders.outbox.dead_letters import PAYMENT_EVENTS, dead_letter, fail_again
from orders.outbox.effects import commit_stock, publish
from orders.outbox.messages import payment_command
from orders.runtime.metrics import PAYMENT_LAG
from orders.services.payments.ledger import Ledger, ledger_of
from orders.services.payments.refunds import follow_refund, request_due_refund
from orders.services.transition import OrderTransition
from orders.store.models import DeadLetter, Order, PaymentEvent

PARKED_BATCH_SIZE = 500
"""Parked events retried in one run; the others wait for the next one."""


@dataclass(frozen=True, slots=True)
class PaymentMessage:
    """A message of `payments.events` with a valid structure and signature. `amount` in minor units."""

    event_id: str
    type: str
    occurred_at: datetime
    order_id: UUID
    payment_id: str | None
    amount: int
    currency: str
    refund_id: str | None
    message: dict[str, Any]
    traceparent: str | None = None
    """The span in which Payment sent the message (W3C Trace Context), if it did so in one."""


class Parked(Exception):
    """The event can't be recorded yet: its order is unknown, or it refunds an unknown capture."""


class Unusable(Exception):
    """The event can never be recorded: it contradicts its order."""


def record(*, event: PaymentMessage, request_id: str) -> bool:
    """Record `event` once and update its order, and return True; park an event that arrives too early. Raises Unusable."""
    try:
        with transaction.atomic():
            is_new = _record(event, request_id)
    except Parked:
        PaymentEvent.objects.bulk_create([_entry(event)], ignore_conflicts=True)
        return False
    if is_new:
        _observe_lag(event)
    return True


def retry_parked(*, request_id: str) -> int:
    """Retry the parked events, and dead-letter those that waited too long; return their number."""
    parked = list(PaymentEvent.objects.filter(order=None).order_by("id")[:PARKED_BATCH_SIZE])
    for entry in parked:
        if _retry(entry, request_id):
            _observe_lag(_event(entry))
    return len(parked)


@transaction.atomic
def _retry(entry: PaymentEvent, request_id: str) -> bool:
    """Record a parked event, leave it parked, or dead-letter it; skip it when another process handles or has handled it.

    Return whether it was recorded.
    """
    Order.objects.select_for_update().filter(id=entry.claimed_order_id).first()  # lock order: the order first
    if not PaymentEvent.objects.select_for_update(skip_locked=True).filter(id=entry.id, order=None).exists():
        return False
    event = _event(entry)
    patience = timedelta(seconds=settings.PAYMENT_PARKING_SECONDS)
    try:
        return _record(event, request_id)
    except (Parked, Unusable) as error:
        if isinstance(error, Parked) and datetime.now(UTC) - entry.received_at < patience:
            return False
        dead_letter(PAYMENT_EVENTS, str(error), event.message, event.order_id)
        entry.delete()
        return False


@transaction.atomic
def retry_dead_letter(*, letter_id: UUID, event: PaymentMessage, request_id: str) -> None:
    """Record the event of a dead letter: delete the letter, or increment its attempts. The event isn't parked."""
    Order.objects.select_for_update().filter(id=event.order_id).first()  # lock order: the order first
    letter = DeadLetter.objects.select_for_update(skip_locked=True).filter(id=letter_id, retrying=True).first()
    if letter is None:
        return
    try:
        _record(event, request_id)
    except (Parked, Unusable) as error:
        fail_again(letter_id, str(error))
    else:
        letter.delete()


def follow_ledger(*, transition: OrderTransition, ledger: Ledger) -> None:
    """Update the order by its ledger: its payment status, its confirmation, and the refund that is due."""
    order = transition.order
    transition.transition_payment(ledger.payment_status(order.total))
    if order.status == OrderStatus.PENDING and ledger.covers(order.total):
        transition.transition_to(OrderStatus.CONFIRMED)
        transition.announce("order.confirmed")
        transition.enqueue(commit_stock())
    transition.enqueue(*request_due_refund(order=order, ledger=ledger, at=transition.at))


def _observe_lag(event: PaymentMessage) -> None:
    """Observe how old a committed event is; a clock of Payment that is ahead of this one counts as no lag."""
    PAYMENT_LAG.observe(max(0.0, (datetime.now(UTC) - event.occurred_at).total_seconds()))


def _record(event: PaymentMessage, request_id: str) -> bool:
    """Record the event and return True, or return False when it has been recorded. Raises Parked or Unusable."""
    order = Order.objects.select_for_update().filter(id=event.order_id).first()
    known = PaymentEvent.objects.filter(event_id=event.event_id).first()
    if known is not None and known.order_id is not None:
        return False
    if order is None:
        raise Parked("no order of this id was placed in time")
    _check(event, order)
    entry = known or _entry(event)
    entry.order = order
    entry.save()
    _follow_event(event, order, request_id)
    return True


def _check(event: PaymentMessage, order: Order) -> None:
    """Raise Parked or Unusable unless the event fits the order."""
    if event.currency not in ("", order.currency):
        raise Unusable(f"the order is in {order.currency}, the event in {event.currency}")
    if event.type == "payment.refunded":
        ledger = ledger_of(order=order)
        if ledger.refunded + event.amount > max(ledger.captured, order.total):
            raise Parked("it refunds more than was captured or than the order's total")


def _follow_event(event: PaymentMessage, order: Order, request_id: str) -> None:
    """Update the order by its ledger, whose latest entry is `event`."""
    transition = OrderTransition(order, Actor("payment", event.payment_id and event.payment_id[:64], request_id))
    if event.type == "payment.unknown" and order.status == OrderStatus.PENDING:  # Payment has lost the request
        transition.enqueue(publish(payment_command("payment.requested", order, transition.at)))
    ledger = ledger_of(order=order)
    if event.refund_id is not None and event.type in ("payment.refunded", "payment.refund_failed"):
        is_refused = event.type == "payment.refund_failed"
        follow_refund(order=order, refund_id=event.refund_id, is_refused=is_refused, ledger=ledger, at=transition.at)
    follow_ledger(transition=transition, ledger=ledger)
    transition.save()


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
        event_id=entry.event_id,
        type=entry.type,
        occurred_at=entry.occurred_at,
        order_id=entry.claimed_order_id,
        payment_id=entry.payment_id,
        amount=entry.amount,
        currency=entry.currency,
        refund_id=entry.refund_id,
        message=entry.message,
    )
