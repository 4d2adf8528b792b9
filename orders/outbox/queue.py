"""The outbox: rows written in the transaction of a change, claimed by the relay (`messaging.relay`) after its commit.

A row is one effect: messages published, a cart cleared, a hold committed. A claim leases it, and it is deleted when its
effect is confirmed; until then it is retried, with exponential backoff. The rows of a new order are leased from the start: the
process that wrote them relays them without a claim, and what it does not finish is claimed when the lease ends.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import msgspec
from django.db import connection, transaction
from django.db.models.functions import Now

from orders.domain.records import OrderRow
from orders.outbox.effects import EVENTS, Effect, Kind
from orders.runtime import commit_signal
from orders.runtime.metrics import effect_seconds
from orders.store.models import Order, OutboxMessage
from orders.store.order_writer import NewOrder

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


def leased_rows(order: OrderRow, request_id: str, effects: Iterable[Effect], now: datetime) -> list[dict[str, Any]]:
    """Return the rows of the `effects` of a new order, one for each lane, as if this process had claimed them at `now`."""
    lease = {"attempts": 1, "available_at": now + timedelta(seconds=LEASE_SECONDS)}
    return [{**effect.as_row(order.id, request_id), **lease} for effect in effects]


def end_lease(order_id: uuid.UUID) -> None:
    """Make the rows of a new order due that no process has taken over."""
    OutboxMessage.objects.filter(order_id=order_id, attempts=1).update(available_at=Now())
    commit_signal.notify()


_CLAIM = "SELECT * FROM claim_outbox(%s, %s, %s, %s)"  # migration 0008: a plan that uses indexes alone

_PUT_BACK = """
    UPDATE outbox SET available_at = now() + make_interval(secs => least(2 ^ least(attempts, 10), %s)) WHERE id = ANY(%s)"""

_DONE = """
    WITH gone AS (DELETE FROM outbox WHERE id = ANY(%s) RETURNING kind, created_at, dead_letter_id),
    settled AS (DELETE FROM dead_letters WHERE id IN (SELECT dead_letter_id FROM gone WHERE dead_letter_id IS NOT NULL))
    SELECT kind, extract(epoch FROM clock_timestamp() - created_at)::float FROM gone"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that this process has leased. `payload` is undecoded JSON."""

    id: int
    payload: str | bytes


def leased(order: NewOrder) -> list[tuple[Queue, Claimed]]:
    """Return the rows of an order that this process has written, with their queues."""
    return [
        (_queue_of(row), Claimed(order.outbox_ids[row["lane"]], msgspec.json.encode(row["payload"])))
        for row in order.outbox
    ]


def _queue_of(row: Mapping[str, Any]) -> Queue:
    if row["kind"] != Kind.PUBLISH:
        return Queue.JOBS
    return Queue.ORDER_EVENTS if row["lane"] == EVENTS else Queue.PAYMENT_COMMANDS


def claim(limit: int, queue: Queue) -> list[Claimed]:
    """Lease up to `limit` due rows of `queue`, skipping those with an earlier row of the same order and lane."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [LEASE_SECONDS, queue is not Queue.JOBS, queue is Queue.ORDER_EVENTS, limit])
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def traceparents(ids: Sequence[int]) -> dict[int, str]:
    """Return the spans in which these rows were written, by row id, as far as they belong to a trace."""
    rows = OutboxMessage.objects.filter(id__in=ids, traceparent__isnull=False)
    return {row_id: traceparent for row_id, traceparent in rows.values_list("id", "traceparent") if traceparent}


def done(ids: Sequence[int]) -> None:
    """Delete rows with confirmed effects, and the dead letters that they retried."""
    with connection.cursor() as cursor:
        cursor.execute(_DONE, [list(ids)])
        for kind, seconds in cursor.fetchall():
            effect_seconds(kind).observe(seconds)


def put_back(ids: Sequence[int]) -> None:
    """Schedule a retry of failed rows after a pause that grows with the attempts."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [MAX_PAUSE_SECONDS, list(ids)])
