"""Refunds: their requests to Payment, retries, dead letters and final statuses.

Each amount that an order may not keep is requested from Payment once, by the sums of the ledger. The amount owed is the
captured amount, less the amount to keep and the refunded amount; a request is for the amount owed and not yet requested.
Money that was refunded some other way (manually, at Payment) reduces the open requests, or settles them.

The functions take an order that the caller has locked, and return the effects for the caller to enqueue.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from django.conf import settings

from orders.domain.ids import ids_of_parts
from orders.outbox.dead_letters import dead_letter
from orders.outbox.effects import Effect, publish
from orders.outbox.messages import payment_command
from orders.services.payments.ledger import Ledger, amount_to_keep, ledger_of
from orders.store.models import DeadLetter, Order, OutboxMessage, PaymentEvent, Refund

DEAD_LETTERS = "refunds"
"""The source of the dead letters about refunds."""

MAX_ATTEMPTS = 5
"""Requests of a refund that Payment refuses, before a dead letter is created for an admin."""

PAUSE_SECONDS = 5
"""The pause after the first refusal; it grows with each refusal."""

MAX_SILENT_REQUESTS = 7
"""Unanswered requests of a refund, over about an hour, before a dead letter is created; the requests continue."""

Status = Refund.Status


@dataclass(frozen=True, slots=True)
class Balance:
    """An order's ledger and its refunds; amounts in minor units."""

    ledger: Ledger
    to_keep: int
    refunds: Sequence[Refund]

    @classmethod
    def of(cls, order: Order, ledger: Ledger) -> "Balance":
        refunds = Refund.objects.filter(order=order).order_by("created_at", "id")
        return cls(ledger, amount_to_keep(order=order), list(refunds))

    def outstanding(self, refund: Refund) -> int:
        """Return the amount of this refund that Payment has not refunded yet."""
        return max(0, refund.amount - self.ledger.refunded_by_id.get(str(refund.id), 0))

    def sum_outstanding(self, refunds: Iterable[Refund]) -> int:
        return sum(self.outstanding(refund) for refund in refunds)

    def having(self, status: Refund.Status) -> list[Refund]:
        return [refund for refund in self.refunds if refund.status == status]

    @property
    def unrequested(self) -> int:
        """Return the amount owed and not requested; negative when more is requested than owed."""
        return self.ledger.balance - self.to_keep - self.sum_outstanding(self.having(Status.REQUESTED))

    @property
    def unknown_to_admins(self) -> int:
        """Return the unrequested amount less the failed refunds, whose dead letters wait for an admin."""
        return self.unrequested - self.sum_outstanding(self.having(Status.FAILED))


def request_due_refund(*, order: Order, ledger: Ledger, at: datetime) -> list[Effect]:
    """Request the amount owed and not yet requested; reduce or settle requests that are no longer owed.

    The one rule for late payments, overpayments and cancellations. A new request includes the failed refunds.
    """
    balance = Balance.of(order, ledger)
    if balance.unrequested < 0:
        return _reduce(order, balance, -balance.unrequested, at)
    if balance.unknown_to_admins <= 0:
        return []
    for failed in balance.having(Status.FAILED):
        _settle(failed)
    (refund_id,) = ids_of_parts(order.id, 1)
    refund = Refund(id=refund_id, order=order, amount=balance.unrequested, ask_again_at=_first_repetition(at))
    refund.save(force_insert=True)
    return [_request(order, refund, at)]


def return_or_cancel_payment(*, order: Order, at: datetime) -> list[Effect]:
    """Request the refund of a terminated order; where nothing was captured, cancel its payment."""
    ledger = ledger_of(order=order)
    effects = request_due_refund(order=order, ledger=ledger, at=at)
    if not ledger.captured and order.total:
        effects.append(publish(payment_command("payment.cancel_requested", order, at)))
    return effects


def repeat_refund_request(*, order: Order, refund: Refund, ledger: Ledger, at: datetime) -> list[Effect]:
    """Repeat an unanswered refund request, under its id, as far as it is still owed."""
    effects = request_due_refund(order=order, ledger=ledger, at=at)
    refund.refresh_from_db()
    if refund.status != Status.REQUESTED:
        return effects
    if refund.asked > MAX_SILENT_REQUESTS:
        _dead_letter(refund, "Payment does not report the outcome of the refund")
    return [*effects, _request(order, refund, at)]


def follow_refund(*, order: Order, refund_id: str, is_refused: bool, ledger: Ledger, at: datetime) -> None:
    """Update the refund of this id by the ledger; after a refusal it is requested again, up to MAX_ATTEMPTS times."""
    refund = next((r for r in Refund.objects.filter(order=order) if str(r.id) == refund_id), None)
    if refund is None:
        return
    if ledger.refunded_by_id.get(refund_id, 0) >= refund.amount:
        _end(refund, Status.REFUNDED)
    elif refund.status in (Status.FAILED, Status.SETTLED):
        return
    elif refund_id not in ledger.failed:
        refund.status = Status.REQUESTED
        refund.save()
    elif is_refused:
        _refused(refund, at)


def retry_refund(*, order: Order, letter: DeadLetter, at: datetime) -> list[Effect]:
    """Request the refund of a dead letter again, as far as it is still owed; else settle it and delete the letter."""
    refund_id = msgspec.json.decode(letter.message)["refund_id"]
    refund = Refund.objects.filter(id=refund_id, order=order).first()
    if refund is None or refund.status in (Status.REFUNDED, Status.SETTLED):
        letter.delete()
        return []
    others = list(Refund.objects.filter(order=order).exclude(id=refund.id))
    balance = Balance(ledger_of(order=order), amount_to_keep(order=order), others)
    owed = min(balance.outstanding(refund), balance.unrequested)
    if owed <= 0:
        _settle(refund)
        return []
    refund.amount -= balance.outstanding(refund) - owed
    refund.status, refund.attempts, refund.asked = Status.REQUESTED, 1, 1
    refund.ask_again_at = _first_repetition(at)
    refund.save()
    return [_request(order, refund, at)]


def _request(order: Order, refund: Refund, at: datetime) -> Effect:
    """Return the request of `refund`; repetitions have the same id."""
    last = PaymentEvent.objects.filter(order=order, payment_id__isnull=False).order_by("-id").first()
    command = payment_command(
        "payment.refund_requested",
        order,
        at,
        amount_minor=refund.amount,
        refund_id=str(refund.id),
        payment_id=last and last.payment_id,
    )
    return publish(command)


def _first_repetition(at: datetime) -> datetime:
    return at + timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS)


def _refused(refund: Refund, at: datetime) -> None:
    if refund.attempts < MAX_ATTEMPTS:
        refund.status, refund.asked = Status.REQUESTED, 1
        refund.ask_again_at = at + timedelta(seconds=PAUSE_SECONDS * refund.attempts)
        refund.attempts += 1
    else:
        refund.status = Status.FAILED
        _dead_letter(refund, "Payment refuses the refund")
    refund.save()


def _reduce(order: Order, balance: Balance, excess: int, at: datetime) -> list[Effect]:
    """Reduce the requests by `excess`, from the latest one on. A request that has not been sent yet is replaced."""
    effects = []
    for refund in reversed(balance.having(Status.REQUESTED)):
        outstanding = balance.outstanding(refund)
        less = min(excess, outstanding)
        if not less:
            continue
        excess -= less
        unsent = [{"message": {"refund_id": str(refund.id)}}]
        withdrawn, _ = OutboxMessage.objects.filter(order=order, payload__messages__contains=unsent).delete()
        if less == outstanding:
            _settle(refund)
            continue
        refund.amount -= less
        refund.save()
        if withdrawn:
            effects.append(_request(order, refund, at))
    return effects


def _settle(refund: Refund) -> None:
    _end(refund, Status.SETTLED)


def _end(refund: Refund, status: Refund.Status) -> None:
    """Set the refund's final status, and delete its dead letter."""
    refund.status = status
    refund.save()
    letters = DeadLetter.objects.filter(source=DEAD_LETTERS, order_id=refund.order_id)
    letters.filter(message__contains=str(refund.id)).delete()


def _dead_letter(refund: Refund, reason: str) -> None:
    """Store a dead letter of the refund, until it is refunded or no longer owed."""
    message = {"refund_id": str(refund.id), "order_id": str(refund.order_id), "amount_minor": refund.amount}
    dead_letter(DEAD_LETTERS, reason, message, refund.order_id, same=str(refund.id))
