"""What must happen because of a commit: rows written with the change, taken up by the relay (`messaging.relay`).

A row says one thing that must come true: messages published, a cart cleared, a hold committed. It is claimed for a
while, and deleted when its effect is confirmed; until then it comes again, with growing pauses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from django.db import connection, transaction
from django.db.models.functions import Now

from orders.outbox.effects import Effect
from orders.runtime import commit_signal
from orders.store.models import Order, OutboxMessage

MAX_PAUSE_SECONDS = 15
"""So that what failed is in effect within half a minute of its neighbour's return (promise P10)."""

LEASE_SECONDS = 20
"""How long a claimed row is left to whoever claimed it: longer than any publish or task takes when all is well.

It never grows, for what had claimed a row may be gone (promise P10); a job's message expires with it.
"""


class Queue(StrEnum):
    """Rows that the relay takes up apart from the others, so that one destination that is away holds up none of the others."""

    PAYMENT_COMMANDS = "payment_commands"
    ORDER_EVENTS = "order_events"
    JOBS = "jobs"


def add(order: Order, request_id: str, effects: Iterable[Effect], delay_seconds: float = 0) -> None:
    """Write `effects` of a change to `order`, inside the change's own transaction, to be tried after `delay_seconds`."""
    available_at = Now() + timedelta(seconds=delay_seconds)
    OutboxMessage.objects.bulk_create(
        [OutboxMessage(**effect.as_row(order.id, request_id), available_at=available_at) for effect in effects]
    )
    transaction.on_commit(commit_signal.notify)


_CLAIM = """
    UPDATE outbox SET attempts = attempts + 1, available_at = now() + make_interval(secs => %s)
    WHERE id IN (
        SELECT id FROM outbox AS due
        WHERE available_at <= now() AND (kind = 'publish') = %s AND (lane = 'events') = %s AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.order_id = due.order_id AND earlier.lane = due.lane AND earlier.id < due.id)
        ORDER BY available_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id, payload::text"""

_PUT_BACK = """
    UPDATE outbox SET available_at = now() + make_interval(secs => least(2 ^ least(attempts, 10), %s)) WHERE id = ANY(%s)"""

_DONE = """
    WITH gone AS (DELETE FROM outbox WHERE id = ANY(%s) RETURNING dead_letter_id)
    DELETE FROM dead_letters WHERE id IN (SELECT dead_letter_id FROM gone WHERE dead_letter_id IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours for the length of its lease. `payload` is JSON that nobody has looked at yet."""

    id: int
    payload: str


def claim(limit: int, queue: Queue) -> list[Claimed]:
    """Take up to `limit` rows of `queue` that are due, none of them behind an earlier row of its order and lane."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [LEASE_SECONDS, queue is not Queue.JOBS, queue is Queue.ORDER_EVENTS, limit])
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def done(ids: Sequence[int]) -> None:
    """The effects of these rows are confirmed: they go, with the dead letters that they tried anew."""
    with connection.cursor() as cursor:
        cursor.execute(_DONE, [list(ids)])


def put_back(ids: Sequence[int]) -> None:
    """The effects of these rows did not happen: try again after a pause that grows with the attempts."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [MAX_PAUSE_SECONDS, list(ids)])
