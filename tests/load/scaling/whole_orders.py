"""The cost of one whole order, from the cart to its delivery by two vendors: CPU, transactions, WAL, disk, Redis, calls.

The orders are placed, paid and fulfilled by concurrent callers, so that what is batched under load is batched here. A checkpoint
before them makes PostgreSQL write the images of the pages into the WAL that it writes once after each checkpoint.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass

import psycopg

from compose.errors import StackError
from compose.progress import Progress
from compose.stack import Stack
from tests.load.scaling.marketplace import LINES, VENDORS, calls, checkouts, count_of, customers, fulfil, wait_for
from tests.load.scaling.usage import connections_of, counters, lsn_of, metered, pids_of, wal_between

CALLERS = 16
WARM_UP = 40
ORIGINALS = 100
"""Whole orders that are copied to fill large databases."""
PAYING = {"behaviour": "capture", "capture_after": 0}
EVENTS = 12
"""Entries of the audit trail of one whole order with two vendors."""

CHECKS = {
    "delivered orders": "SELECT count(*) FROM orders WHERE status = 'delivered' AND payment_status = 'paid'",
    "entries": f"SELECT count(*) / {EVENTS} FROM order_events",
    "items": f"SELECT count(*) / {LINES} FROM order_items",
    "payment events": "SELECT count(*) FROM payment_events",
}


@dataclass(frozen=True)
class WholeOrder:
    """The cost of one whole order. CPU in milliseconds by part; everything else in its own unit, for one order."""

    orders: int
    cpu: dict[str, float]
    busy: float
    transactions: float
    rows: float
    wal_records: float
    wal_images: float
    tables: dict[str, tuple[float, float]]
    streams: dict[str, tuple[float, float]]
    """Entries, and bytes in memory."""
    redis_in: float
    redis_out: float
    calls: dict[str, float]
    connections: int

    @property
    def disk(self) -> float:
        return sum(table + indexes for table, indexes in self.tables.values())


def measure(stack: Stack, count: int, settle: float, progress: Progress) -> WholeOrder:
    """Place, pay and fulfil `count` orders, after some that warm up. Raises StackError if one of them is not as it must be."""
    with progress.step("Warm-up"):
        run(stack, warm_up := min(WARM_UP, count), progress)
        vacuum(stack)
        time.sleep(settle)
    before, calls_before = counters(stack), asyncio.run(calls(stack.connection_info))
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        session.execute("CHECKPOINT")
    start = lsn_of(stack)
    with metered(pids_of(stack)) as used:
        run(stack, count, progress)
    end = lsn_of(stack)
    with progress.step("Vacuum"):
        vacuum(stack)
        time.sleep(settle)
    after, calls_after = counters(stack), asyncio.run(calls(stack.connection_info))
    check(stack, count + warm_up)
    records, images = wal_between(stack.postgres, start, end)
    return WholeOrder(
        orders=count,
        cpu={part: 1000 * seconds / count for part, seconds in used.cpu.items()},
        busy=used.busy,
        transactions=(after.transactions - before.transactions) / count,
        rows=(after.rows - before.rows) / count,
        wal_records=records / count,
        wal_images=images / count,
        tables={
            name: difference(size, before.tables.get(name), count)
            for name, size in after.tables.items()
            if size != before.tables.get(name)
        },
        streams={name: difference(size, before.streams.get(name), count) for name, size in after.streams.items()},
        redis_in=(after.redis_in - before.redis_in) / count,
        redis_out=(after.redis_out - before.redis_out) / count,
        calls={name: (many - calls_before.get(name, 0)) / count for name, many in calls_after.items()},
        connections=connections_of(stack),
    )


def difference(now: tuple[int, int], then: tuple[int, int] | None, count: int) -> tuple[float, float]:
    """Return by how much two counters have grown for each order."""
    first, second = then or (0, 0)
    return (now[0] - first) / count, (now[1] - second) / count


def run(stack: Stack, count: int, progress: Progress) -> None:
    """Place, pay and fulfil so many orders, and wait until nothing is left to do for them."""
    info = stack.connection_info
    done = number_of(stack, "SELECT count(*) FROM orders")
    by = asyncio.run(customers(info, count, PAYING))
    with progress.step("Checkouts") as step:
        order_ids, durations = asyncio.run(checkouts([info.url], by, CALLERS))
        wait_for(stack, "SELECT count(*) FROM orders WHERE status <> 'pending'", done + count, "paid orders")
        step.note = f"{count:,} orders placed and paid, {sum(durations) / count:.1f} ms in the mean"
    with progress.step("Fulfilment") as step:
        asyncio.run(fulfil(info, vendor_orders_of(stack, order_ids), CALLERS))
        wait_for(stack, "SELECT count(*) FROM outbox", 0, "rows in the outbox")
        step.note = f"{count:,} orders delivered, the outbox is empty"


def vendor_orders_of(stack: Stack, order_ids: Sequence[str]) -> list[tuple[str, str]]:
    with psycopg.connect(stack.postgres.url) as session:
        statement = "SELECT id, vendor_id FROM vendor_orders WHERE order_id = ANY(%s::uuid[])"
        found = [(str(id_), str(vendor)) for id_, vendor in session.execute(statement, [list(order_ids)]).fetchall()]
    if len(found) != len(VENDORS) * len(order_ids):
        raise StackError(f"{len(order_ids)} orders have {len(found)} vendor orders.")
    return found


def check(stack: Stack, count: int) -> None:
    """Raise StackError unless so many whole orders are in the tables, and known to Cart and Product."""
    known = asyncio.run(calls(stack.connection_info))
    found = {what: number_of(stack, statement) for what, statement in CHECKS.items()}
    found |= {call: min(known.get(call, 0), count) for call in ("cart: clear", "product: CommitStock")}
    if wrong := {what: number for what, number in found.items() if number != count}:
        raise StackError(f"Of {count} orders: {wrong}.")


def number_of(stack: Stack, statement: str) -> int:
    with psycopg.connect(stack.postgres.url) as session:
        return count_of(session, statement)


def vacuum(stack: Stack) -> None:
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        session.execute("VACUUM ANALYZE")
