"""The needs of a rate of whole orders, from the measured cost of one: pure arithmetic."""

import math
from collections.abc import Iterator
from typing import NamedTuple

from tests.load.scaling.whole_orders import WholeOrder

RATE = 1000
"""Orders a second."""

UTILISATION = 0.6
"""The share of a processor that one process uses at that rate; the rest is for bursts, reads, and the loss of a process."""

STREAM_LENGTH = 100_000
"""Entries that Redis keeps of each stream (messaging/relay.py)."""

SERVER_CONNECTIONS, WORKER_CONNECTIONS = 4, 2
"""Connections of one process to PostgreSQL: DATABASE_THREADS, and those that a worker's single task uses."""

SECONDS_A_DAY = 86_400


class Need(NamedTuple):
    """The needs of one part: for one order, and for a rate."""

    part: str
    one: str
    all: str


def needs(one: WholeOrder, rate: int = RATE) -> Iterator[Need]:
    """Yield what each part needs for `rate` whole orders a second."""
    servers, workers = processes(one.cpu["service"], rate), processes(one.cpu["worker"], rate)
    yield Need("server processes", f"{one.cpu['service']:.1f} ms of CPU", f"{servers}")
    yield Need("worker processes", f"{one.cpu['worker']:.1f} ms of CPU", f"{workers}")
    for part in ("postgresql", "redis"):
        title = {"postgresql": "PostgreSQL", "redis": "Redis"}[part]
        yield Need(f"{title}, CPU", f"{one.cpu[part]:.1f} ms", f"{one.cpu[part] * rate / 1000:.1f} cores")
    yield Need("PostgreSQL, transactions", f"{one.transactions:.0f}", f"{one.transactions * rate:,.0f} a second")
    yield Need("PostgreSQL, rows written", f"{one.rows:.0f}", f"{one.rows * rate:,.0f} a second")
    yield Need("WAL, records", kilobytes(one.wal_records), f"{one.wal_records * rate / 1e6:.0f} MB a second")
    disk = one.disk * rate * SECONDS_A_DAY / 1e9
    yield Need("disk", kilobytes(one.disk), f"{disk:,.0f} GB a day")
    traffic = (one.redis_in + one.redis_out) * rate / 1e6
    yield Need("Redis, traffic", kilobytes(one.redis_in + one.redis_out), f"{traffic:.0f} MB a second")
    for name, (entries, size) in sorted(one.streams.items()):
        kept = STREAM_LENGTH / (entries * rate) if entries else math.inf
        each = size / entries if entries else 0
        memory = f"{STREAM_LENGTH:,} entries: {each * STREAM_LENGTH / 1e6:.0f} MB, the last {kept:.0f} s"
        yield Need(f"stream `{name}`", f"{entries:.1f} entries of {each:.0f} bytes", memory)
    connections = servers * SERVER_CONNECTIONS + workers * WORKER_CONNECTIONS
    yield Need(
        "connections to PostgreSQL", f"{SERVER_CONNECTIONS} a server, {WORKER_CONNECTIONS} a worker", f"{connections}"
    )
    for call, many in sorted(one.calls.items()):
        if many:
            yield Need(f"calls, {call}", f"{many:.1f}", f"{many * rate:,.0f} a second")


def processes(milliseconds: float, rate: int) -> int:
    """Return how many processes of one core share so much CPU for each order, at UTILISATION."""
    return math.ceil(milliseconds * rate / 1000 / UTILISATION)


def kilobytes(size: float) -> str:
    return f"{size / 1000:.1f} KB"
