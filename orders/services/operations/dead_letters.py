"""The retry of a dead letter: a payment message is handled again, an effect is enqueued again, a refund requested again."""

import uuid

import msgspec
from django.db import transaction

from orders.domain.errors import NotFound
from orders.outbox import queue
from orders.outbox.dead_letters import OUTBOX, PAYMENT_EVENTS
from orders.outbox.effects import Effect, Kind
from orders.runtime import commit_signal
from orders.services.payments.refunds import DEAD_LETTERS, retry_refund
from orders.store.changes import database_time
from orders.store.models import DeadLetter, Order, OutboxMessage


@transaction.atomic
def retry_dead_letter(*, dead_letter_id: uuid.UUID, request_id: str) -> None:
    """Retry a dead letter: it is deleted when the retry succeeds, and its attempts are incremented when it fails. Repeatable.

    A payment message is marked for the subscriber, an effect returns to the outbox, a refund is requested under its id
    as far as it is still owed. Raises NotFound.
    """
    order_id = DeadLetter.objects.filter(id=dead_letter_id).values_list("order_id", flat=True).first()
    order = order_id and Order.objects.select_for_update().filter(id=order_id).first()  # lock order: the order first
    letter = DeadLetter.objects.select_for_update().filter(id=dead_letter_id).first()
    if letter is None:
        raise NotFound()
    if letter.source == PAYMENT_EVENTS:
        letter.retrying = True
        letter.save(update_fields=["retrying"])
    elif order and letter.source == OUTBOX:
        _requeue(letter, order)
    elif order and letter.source == DEAD_LETTERS:
        queue.add(order, request_id, retry_refund(order=order, letter=letter, at=database_time()))


def _requeue(letter: DeadLetter, order: Order) -> None:
    if OutboxMessage.objects.filter(order=order, dead_letter_id=letter.id).exists():
        return
    row = msgspec.json.decode(letter.message)
    effect = Effect(Kind(row["kind"]), row["payload"], row["lane"])
    OutboxMessage.objects.create(**effect.as_row(order.id, row["request_id"]), dead_letter_id=letter.id)
    transaction.on_commit(commit_signal.notify)
