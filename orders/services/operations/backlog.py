"""The backlog in the database, for the metrics: the outbox, dead letters, overdue work, and the orders by status.

The cost is bounded whatever the tables' sizes: by indexes, and by counts that end at MAX_COUNTED. Beyond that the orders of a
status are estimated by the planner's statistics; all other figures stay at the limit.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.db import connection, transaction

from orders.domain.lifecycle import ORDER_STATUSES, ORDER_STEPS
from orders.outbox.dead_letters import OUTBOX, PAYMENT_EVENTS
from orders.outbox.effects import EVENTS, Kind
from orders.outbox.queue import Queue
from orders.services.payments.refunds import DEAD_LETTERS

MAX_COUNTED = 10_000
"""Rows counted of the outbox, and of a status that orders leave again."""

MAX_COUNTED_OF_FINAL = 1_000
"""Orders counted of a status that they never leave: many orders have it, so the estimate is good."""

# A plan for any status might read the whole table to find a rare one; without sequential scans it reads an index.
_PLAN = "SELECT set_config('enable_seqscan', 'off', true), set_config('jit', 'off', true)"

_OUTBOX = """
    SELECT CASE WHEN kind <> %(publish)s THEN %(jobs)s WHEN lane = %(events)s THEN %(order_events)s ELSE %(payment_commands)s END,
        count(*), extract(epoch FROM clock_timestamp() - min(created_at))::float
    FROM (SELECT kind, lane, created_at FROM outbox ORDER BY id LIMIT %(limit)s) AS oldest GROUP BY 1"""

_DEAD_LETTERS = """
    SELECT source, count(*) FROM (SELECT source FROM dead_letters ORDER BY created_at DESC, id DESC LIMIT %(limit)s) AS newest
    GROUP BY source"""

_OVERDUE = """
    SELECT 'order_expiry', extract(epoch FROM now() - min(expires_at))::float FROM orders WHERE status = 'pending'
    UNION ALL
    SELECT 'payment_status_request', extract(epoch FROM now() - min(payment_check_at))::float FROM orders WHERE status = 'pending'
    UNION ALL
    SELECT 'refund_request', extract(epoch FROM now() - min(ask_again_at))::float FROM refunds WHERE status = 'requested'
    UNION ALL
    SELECT 'parked_payment_event', extract(epoch FROM now() - min(received_at))::float FROM payment_events WHERE order_id IS NULL"""

_ORDERS = """
    WITH estimates AS (
        SELECT value AS status, frequency * greatest(reltuples, 0) AS orders
        FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
        JOIN pg_stats ON schemaname = nspname AND tablename = relname AND attname = 'status',
        unnest(most_common_vals::text::text[], most_common_freqs) AS common (value, frequency)
        WHERE pg_class.oid = 'orders'::regclass)
    SELECT wanted.status, CASE WHEN counted < most THEN counted ELSE greatest(counted, orders) END::float
    FROM unnest(%(statuses)s::text[], %(limits)s::int[]) AS wanted (status, most)
    CROSS JOIN LATERAL (
        SELECT count(*) AS counted FROM (SELECT FROM orders WHERE status = wanted.status LIMIT most) AS these) AS counts
    LEFT JOIN estimates ON estimates.status = wanted.status"""

_PARAMETERS: Mapping[str, int | str | list[str] | list[int]] = {
    "limit": MAX_COUNTED,
    "publish": Kind.PUBLISH,
    "events": EVENTS,
    "jobs": Queue.JOBS,
    "order_events": Queue.ORDER_EVENTS,
    "payment_commands": Queue.PAYMENT_COMMANDS,
    "statuses": ORDER_STATUSES,
    "limits": [MAX_COUNTED if ORDER_STEPS[status] else MAX_COUNTED_OF_FINAL for status in ORDER_STATUSES],
}


@dataclass(frozen=True, slots=True)
class Backlog:
    """The backlog at one moment. Ages in seconds; 0 for an empty queue, and for work that is not overdue."""

    outbox_depth: Mapping[str, float]
    outbox_age: Mapping[str, float]
    dead_letters: Mapping[str, float]
    overdue: Mapping[str, float]
    orders: Mapping[str, float]


@transaction.atomic
def read_backlog() -> Backlog:
    """Return the backlog now."""
    with connection.cursor() as cursor:
        cursor.execute(_PLAN)
        cursor.execute(_OUTBOX, _PARAMETERS)
        outbox = {queue: (count, age) for queue, count, age in cursor.fetchall()}
        cursor.execute(_DEAD_LETTERS, _PARAMETERS)
        letters = dict(cursor.fetchall())
        cursor.execute(_OVERDUE)
        overdue = dict(cursor.fetchall())
        cursor.execute(_ORDERS, _PARAMETERS)
        orders = dict(cursor.fetchall())
    return Backlog(
        outbox_depth={queue: outbox.get(queue, (0, 0))[0] for queue in Queue},
        outbox_age={queue: max(0.0, outbox.get(queue, (0, 0))[1]) for queue in Queue},
        dead_letters={source: letters.get(source, 0) for source in {PAYMENT_EVENTS, OUTBOX, DEAD_LETTERS, *letters}},
        overdue={work: max(0.0, seconds or 0) for work, seconds in overdue.items()},
        orders=orders,
    )
