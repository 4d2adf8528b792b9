"""The retry of a dead letter: a payment message is handled again, an effect goes back into the outbox, a refund is requested."""

import uuid

import msgspec
from django.db import transaction

from orders.domain.callers import Actor, Caller
from orders.domain.errors import NotFound
from orders.outbox.dead_letters import OUTBOX, PAYMENT_EVENTS, REFUNDS
from orders.outbox.effects import Effect, Kind
from orders.runtime import commit_signal
from orders.services.lifecycle.transition import OrderTransition
from orders.services.payments.ledger import ledger_of
from orders.services.payments.refunds import retry_refund
from orders.store.models import DeadLetter, Order, OutboxMessage, Refund


@transaction.atomic
def retry(caller: Caller, letter_id: uuid.UUID, request_id: str) -> None:
    """Try anew what was buried; the letter goes when that has worked, and counts it when it has not. Repeatable.

    A message of Payment's is heard again by whoever listens to Payment, an effect goes back into the outbox, a refund is
    asked for again under its id, as far as it is still owed. Raises NotFound.
    """
    order_id = DeadLetter.objects.filter(id=letter_id).values_list("order_id", flat=True).first()
    order = order_id and Order.objects.select_for_update().filter(id=order_id).first()  # the order first, as everywhere
    letter = DeadLetter.objects.select_for_update().filter(id=letter_id).first()
    if letter is None:
        raise NotFound()
    if letter.source == PAYMENT_EVENTS:
        letter.retrying = True
        letter.save(update_fields=["retrying"])
    elif order and letter.source == OUTBOX:
        _back_into_the_outbox(letter, order)
    elif order and letter.source == REFUNDS:
        _ask_for_refund(letter, OrderTransition(order, Actor.of(caller, request_id)))


def _back_into_the_outbox(letter: DeadLetter, order: Order) -> None:
    if OutboxMessage.objects.filter(order=order, dead_letter_id=letter.id).exists():
        return
    row = msgspec.json.decode(letter.message)
    effect = Effect(Kind(row["kind"]), row["payload"], row["lane"])
    OutboxMessage.objects.create(**effect.as_row(order.id, row["request_id"]), dead_letter_id=letter.id)
    transaction.on_commit(commit_signal.notify)


def _ask_for_refund(letter: DeadLetter, transition: OrderTransition) -> None:
    refund_id = msgspec.json.decode(letter.message)["refund_id"]
    refund = Refund.objects.filter(id=refund_id, order=transition.order).first()
    if refund is None or refund.status in (Refund.Status.REFUNDED, Refund.Status.SETTLED):
        letter.delete()
        return
    retry_refund(transition, refund, ledger_of(transition.order))
    transition.save()
