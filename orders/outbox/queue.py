"""The outbox: rows written in the transaction of a change, claimed by the relay (`messaging.relay`) after its commit.

A row is one effect: messages published, a cart cleared, a hold committed. A claim leases it, and it is deleted when its
effect is confirmed; until then it is retried, with exponential backoff.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from django.db import connection, transaction

from orders.outbox.effects import Effect
from orders.runtime import commit_signal
from orders.store.models import Order, OutboxMessage

MAX_PAUSE_SECONDS = 15
"""The maximum pause between retries: an effect is executed within half a minute of the other service's recovery (promise P10)."""

LEASE_SECONDS = 20
"""The lease of a claimed row: longer than a publish or a task normally takes.

It is constant, for the process that claimed the row may have terminated (promise P10); a task's message expires with it.
"""


class Queue(StrEnum):
    """The queues that the relay processes independently, so that an outage of one destination delays none of the others."""

    PAYMENT_COMMANDS = "payment_commands"
    ORDER_EVENTS = "order_events"
    JOBS = "jobs"


def add(order: Order, request_id: str, effects: Iterable[Effect]) -> None:
    """Insert the `effects` of a change of `order` within the change's transaction."""
    OutboxMessage.objects.bulk_create([OutboxMessage(**effect.as_row(order.id, request_id)) for effect in effects])
    transaction.on_commit(commit_signal.notify)


# An array, and OFFSET, so that PostgreSQL makes no join of it. While its statistics say that the table is empty, as they do
# when thousands of rows arrive after a quiet time, it would join by comparing each row with every other (docs/decisions.md).
_CLAIM = """
    UPDATE outbox SET attempts = attempts + 1, available_at = now() + make_interval(secs => %s)
    WHERE id = ANY(ARRAY(
        SELECT id FROM outbox AS due
        WHERE available_at <= now() AND (kind = 'publish') = %s AND (lane = 'events') = %s AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.order_id = due.order_id AND earlier.lane = due.lane AND earlier.id < due.id OFFSET 0)
        ORDER BY available_at LIMIT %s FOR UPDATE SKIP LOCKED))
    RETURNING id, payload::text"""

_PUT_BACK = """
    UPDATE outbox SET available_at = now() + make_interval(secs => least(2 ^ least(attempts, 10), %s)) WHERE id = ANY(%s)"""

_DONE = """
    WITH gone AS (DELETE FROM outbox WHERE id = ANY(%s) RETURNING dead_letter_id)
    DELETE FROM dead_letters WHERE id IN (SELECT dead_letter_id FROM gone WHERE dead_letter_id IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this process has leased. `payload` is undecoded JSON."""

    id: int
    payload: str


def claim(limit: int, queue: Queue) -> list[Claimed]:
    """Lease up to `limit` due rows of `queue`, skipping those with an earlier row of the same order and lane."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [LEASE_SECONDS, queue is not Queue.JOBS, queue is Queue.ORDER_EVENTS, limit])
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def done(ids: Sequence[int]) -> None:
    """Delete rows with confirmed effects, and the dead letters that they retried."""
    with connection.cursor() as cursor:
        cursor.execute(_DONE, [list(ids)])


def put_back(ids: Sequence[int]) -> None:
    """Schedule a retry of failed rows after a pause that grows with the attempts."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [MAX_PAUSE_SECONDS, list(ids)])
