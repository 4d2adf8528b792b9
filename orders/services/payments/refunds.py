"""Money that an order may not keep is asked back from Payment, once: before each request and at each event the sums decide.

Owed is what was captured, less what the order may keep and what has gone back; a request is for what is owed and not asked
for yet. What has gone back some other way (by hand, at Payment) makes the requests that are still open smaller, or settles them.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings

from orders.outbox.dead_letters import dead_letter_refund, settle_refund
from orders.outbox.effects import publish
from orders.outbox.messages import payment_command
from orders.services.lifecycle.transition import OrderTransition
from orders.services.payments.ledger import Ledger, kept
from orders.store.models import Order, OutboxMessage, PaymentEvent, Refund

ATTEMPTS = 5
"""How often a refund that Payment refuses is asked for before an admin has to look at it."""

PAUSE_SECONDS = 5

Status = Refund.Status


@dataclass(frozen=True, slots=True)
class Balance:
    """An order's ledger beside its refunds; amounts in minor units."""

    ledger: Ledger
    keeps: int
    refunds: Sequence[Refund]

    @classmethod
    def of(cls, order: Order, ledger: Ledger) -> "Balance":
        return cls(ledger, kept(order), list(Refund.objects.filter(order=order).order_by("created_at", "id")))

    def left_of(self, refund: Refund) -> int:
        """What Payment has still to give back under this refund's id."""
        return max(0, refund.amount - self.ledger.refunded_as.get(str(refund.id), 0))

    def having(self, status: Refund.Status) -> list[Refund]:
        return [refund for refund in self.refunds if refund.status == status]

    def sum_left(self, refunds: Iterable[Refund]) -> int:
        return sum(self.left_of(refund) for refund in refunds)

    @property
    def missing(self) -> int:
        """What is owed and not asked for; below zero, more is asked for than is owed."""
        owed = self.ledger.captured - self.keeps - self.ledger.refunded
        return owed - self.sum_left(self.having(Status.REQUESTED))

    @property
    def unknown_to_admins(self) -> int:
        """What is missing besides the refunds that failed, whose dead letters wait for an admin."""
        return self.missing - self.sum_left(self.having(Status.FAILED))


def refund_due(transition: OrderTransition, ledger: Ledger) -> None:
    """Ask Payment for what is owed and not asked for yet; settle or shrink what is asked for and no longer owed.

    A terminated order keeps nothing; an active one its total without the parts of vendors who cancelled. One rule for late
    money, too much money, and cancellations.
    """
    balance = Balance.of(transition.order, ledger)
    if balance.missing < 0:
        _shrink(transition, balance, -balance.missing)
    elif balance.unknown_to_admins > 0:
        for refund in balance.having(Status.FAILED):
            _settle(refund)
        refund = Refund(order=transition.order, amount=balance.missing)
        refund.ask_again_at = transition.at + timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS)
        refund.save(force_insert=True)
        request_refund(transition, refund)


def follow_refund(transition: OrderTransition, refund_id: str, is_refused: bool, ledger: Ledger) -> None:
    """Keep what became of the refund of this id; one that Payment has just refused is asked for again, a few times."""
    refund = next((r for r in Refund.objects.filter(order=transition.order) if str(r.id) == refund_id), None)
    if refund is None:
        return
    if ledger.refunded_as.get(refund_id, 0) >= refund.amount:
        refund.status = Status.REFUNDED
        settle_refund(refund)
    elif refund.status in (Status.FAILED, Status.SETTLED):
        return
    elif refund_id not in ledger.failed:
        refund.status = Status.REQUESTED
    elif not is_refused:
        return
    elif refund.attempts < ATTEMPTS:
        refund.status, refund.asked = Status.REQUESTED, 1
        refund.ask_again_at = transition.at + timedelta(seconds=PAUSE_SECONDS * refund.attempts)
        refund.attempts += 1
    else:
        refund.status = Status.FAILED
        dead_letter_refund(refund, "Payment refuses the refund")
    refund.save()


def retry_refund(transition: OrderTransition, refund: Refund, ledger: Ledger) -> None:
    """Ask again for a refund that an admin retries, as far as it is still owed; else settle it."""
    others = [each for each in Refund.objects.filter(order=transition.order) if each.id != refund.id]
    balance = Balance(ledger, kept(transition.order), others)
    left = min(balance.left_of(refund), balance.missing)
    if left <= 0:
        _settle(refund)
        return
    refund.amount -= balance.left_of(refund) - left
    refund.status, refund.attempts, refund.asked = Status.REQUESTED, 1, 1
    refund.ask_again_at = transition.at + timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS)
    refund.save()
    request_refund(transition, refund)


def request_refund(transition: OrderTransition, refund: Refund) -> None:
    """Send Payment the request for `refund`, under the same id each time."""
    last = PaymentEvent.objects.filter(order=transition.order, payment_id__isnull=False).order_by("-id").first()
    command = payment_command(
        "payment.refund_requested",
        transition.order,
        transition.at,
        amount_minor=refund.amount,
        refund_id=str(refund.id),
        payment_id=last and last.payment_id,
    )
    transition.enqueue(publish(command))


def _shrink(transition: OrderTransition, balance: Balance, excess: int) -> None:
    """Take `excess` off what is asked for, from the latest request on. A request that is still to be sent is replaced."""
    for refund in reversed(balance.having(Status.REQUESTED)):
        less = min(excess, balance.left_of(refund))
        if not less:
            continue
        excess -= less
        unsent = [{"message": {"refund_id": str(refund.id)}}]
        withdrawn, _ = OutboxMessage.objects.filter(order=transition.order, payload__messages__contains=unsent).delete()
        if less == balance.left_of(refund):
            _settle(refund)
            continue
        refund.amount -= less
        refund.save()
        if withdrawn:
            request_refund(transition, refund)


def _settle(refund: Refund) -> None:
    refund.status = Status.SETTLED
    refund.save()
    settle_refund(refund)
