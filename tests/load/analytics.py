"""Speed of the analytics with 5 million orders: `make analytics-bench` (ORDERS=5000000 REQUESTS=40).

A stack of its own is filled with a year of orders (compose/history.py), without indexes and with two sessions at a time,
and `manage.py rebuild_analytics` makes the kept sums. Then every report is requested over HTTP, as an admin, as the largest
vendor and as a typical one, and compared with the targets of the contract. At last checkouts are measured with and without
reports beside them.
"""

import argparse
import asyncio
import itertools
import os
import queue
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import psycopg

from compose.command_line import run_command
from compose.composition import PYTHON
from compose.errors import StackError
from compose.history import PREPARATION, TABLES, Plan, fill_plan, sections
from compose.progress import Progress
from compose.sandbox.catalogue import generated_product
from compose.servers import Postgres
from compose.stack import CHECKOUT, DATA, Stack
from tests.load.coupon_rush import prepare

SERVER = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
}
SESSION = {"work_mem": "1GB", "session_replication_role": "replica", "synchronous_commit": "off"}
SESSIONS = 2
FACTS = [
    "orders", "vendor_orders", "order_items", "order_events", "payment_events", "refunds", "coupons", "coupon_usage",
    "coupon_events", "coupon_redemptions",
]  # fmt: skip
LONGEST_FIRST = [
    "order_events",
    "order_items",
    *(name for name in TABLES if name not in ("order_events", "order_items")),
]
VENDORS = {"EUR": 800, "USD": 120, "JPY": 80}
PRODUCTS_EACH = 20
PLATFORM_COUPONS, VENDOR_COUPONS = 100, 200
SETTINGS = {"RATE_LIMITS": "off", "RECONCILE_SECONDS": "86400"}
TIMEZONES = ("UTC", "Europe/Paris")
CHECKOUTS = 300
BYTES_AN_ORDER = 13_000
"""Of the disk while 5 million orders are generated: the tables, their indexes and temporary files."""

REPORTS_A_SECOND = 1


# --- the history ------------------------------------------------------------------------------------------------------
def plan_of(orders: int) -> Plan:
    """Return a year of a marketplace of 1 000 vendors and 20 000 products, with 300 codes and single-use ones."""
    vendors = [(f"v-{currency.lower()}-{n:03}", currency) for currency, count in VENDORS.items() for n in range(count)]
    platform = [
        {"code": f"OFF-{n}", "kind": "percentage", "percent": f"{5 + n % 4 * 5}.00", "first_order_only": n == 0}
        for n in range(PLATFORM_COUPONS)
    ]
    own = [
        {"code": f"OWN-{n}", "kind": "percentage", "percent": f"{10 + n % 3 * 5}.00", "vendor_id": vendor_id}
        for n, (vendor_id, _) in enumerate(vendors[:VENDOR_COUPONS])
    ]
    return Plan(
        orders=orders,
        customers=orders * 3 // 20,
        end=datetime.now(UTC),
        products=[generated_product(*vendor, n) for vendor in vendors for n in range(PRODUCTS_EACH)],
        coupons=[*platform, *own],
        single_use=0.02,
    )


def fill(url: str, plan: Plan, progress: Progress) -> None:
    """Write the history, two statements at a time, while the tables have neither indexes nor foreign keys."""
    statements = sections()
    with psycopg.connect(url, autocommit=True) as session:
        for group in PREPARATION:
            run_parallel(url, {name: statements[name] for name in group}, progress)
            if group == ("schema",):
                fill_plan(session, plan)
        with without_indexes(session, url, progress):
            # A table that was truncated in the same transaction is written without WAL. The longest ones first.
            tables = {name: f"TRUNCATE {name}; {statements[name]}" for name in LONGEST_FIRST}
            run_parallel(url, tables, progress)
            session.execute(statements["end"].encode())
        with progress.step("Vacuum"):
            session.execute(f"VACUUM (ANALYZE) {', '.join(FACTS)}".encode())


def configure(session: psycopg.Connection[Any]) -> None:
    for name, value in SESSION.items():
        session.execute(f"SET {name} = '{value}'".encode())


def run_parallel(url: str, statements: Mapping[str, str], progress: Progress) -> None:
    """Execute the statements in SESSIONS sessions, the first ones first. Raises the first error."""
    waiting = iter(statements.items())
    lock, failures = threading.Lock(), queue.SimpleQueue[Exception]()

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            configure(session)
            while failures.empty():
                with lock:
                    name, statement = next(waiting, ("", ""))
                if not name:
                    return
                began = time.monotonic()
                try:
                    session.execute(statement.encode())
                except psycopg.Error as error:
                    failures.put(error)
                progress.print(f"  {name:40} {time.monotonic() - began:7.1f} s", "bright_black")

    threads = [threading.Thread(target=work) for _ in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if not failures.empty():
        raise failures.get()


@contextmanager
def without_indexes(session: psycopg.Connection[Any], url: str, progress: Progress) -> Iterator[None]:
    """Drop the indexes and foreign keys of the FACTS, and create them again afterwards, without checking the foreign keys."""
    of_facts = "conrelid = ANY(%(tables)s::regclass[]) OR confrelid = ANY(%(tables)s::regclass[])"
    constraints = session.execute(
        f"SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype::text FROM pg_constraint"
        f" WHERE contype IN ('f', 'p', 'u') AND ({of_facts}) ORDER BY contype".encode(),
        {"tables": FACTS},
    ).fetchall()
    for table, name, _, _ in constraints:
        session.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
    indexes = session.execute(
        "SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename = ANY(%s)"
        " ORDER BY tablename NOT IN ('order_events', 'order_items')",
        [FACTS],
    ).fetchall()
    for name, _ in indexes:
        session.execute(f"DROP INDEX {name}".encode())
    yield
    keys = {
        name: f"ALTER TABLE {table} ADD CONSTRAINT {name} {what}"
        for table, name, what, kind in constraints
        if kind != "f"
    }
    # One statement a table: two constraints of one table would wait for each other's lock.
    by_table: dict[str, list[str]] = {}
    for table, name, _, kind in constraints:
        if kind != "f":
            by_table.setdefault(table, []).append(keys[name])
    run_parallel(url, {f"keys of {table}": ";".join(of_table) for table, of_table in by_table.items()}, progress)
    run_parallel(url, dict(indexes), progress)
    for table, name, what, kind in constraints:
        if kind == "f":
            session.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {what} NOT VALID".encode())


# --- the reports ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Report:
    """A request of the contract's promise "Fast", with its limit of p95 in milliseconds."""

    call: str
    parameters: Mapping[str, str]
    limit: int
    is_for_vendors: bool = True
    has_timezone: bool = True


def reports(end: datetime, product_id: str) -> list[Report]:
    """Return the reports of the promise; `product_id` is a popular product."""
    tomorrow = end.date() + timedelta(days=1)
    until = {"to": str(tomorrow)}
    year, month = (
        {"from": str(tomorrow - timedelta(days=365)), **until},
        {"from": str(tomorrow - timedelta(days=30)), **until},
    )
    quarter = {"from": str(tomorrow - timedelta(days=92)), **until}
    return [
        Report("sales", year, 200),
        Report("customers", year, 200, is_for_vendors=False),
        Report("payments", year, 200, is_for_vendors=False),
        Report("funnel", month, 200),
        Report("cohorts", {}, 200, is_for_vendors=False, has_timezone=False),
        Report("top-products", year, 500),
        Report("coupons", year, 500),
        Report("bought-together", {"product_id": product_id, **quarter}, 1000),
    ]


def measure(
    stack: Stack, wanted: Sequence[Report], vendors: Mapping[str, str], requests: int, progress: Progress
) -> int:
    """Print p50 and p95 of each report for each caller and time zone; return how many miss their limit."""
    callers = {"admin": stack.token("admin", "olga")}
    callers |= {name: stack.token("vendor", "vera", vendor_id) for name, vendor_id in vendors.items()}
    missed = 0
    progress.print(f"\n{'report':16} {'caller':16} {'time zone':13} {'p50 ms':>8} {'p95 ms':>8} {'limit':>6}")
    with httpx.Client(base_url=f"{stack.url}/api/v1/analytics", timeout=120, trust_env=False) as client:
        for report, (caller, token) in itertools.product(wanted, callers.items()):
            if caller != "admin" and not report.is_for_vendors:
                continue
            for timezone in TIMEZONES if report.has_timezone else TIMEZONES[:1]:
                zone = {"timezone": timezone} if report.has_timezone else {}
                times = [
                    request(client, token, report.call, {**report.parameters, **zone}) * 1000 for _ in range(requests)
                ]
                p95 = percentile(times, 95)
                missed += p95 > report.limit
                verdict = "met" if p95 <= report.limit else "NOT MET"
                progress.print(
                    f"{report.call:16} {caller:16} {timezone:13} {statistics.median(times):8.1f} {p95:8.1f}"
                    f" {report.limit:6} {verdict}"
                )
    return missed


def request(client: httpx.Client, token: str, call: str, parameters: Mapping[str, str]) -> float:
    """Return the seconds of a request, which must succeed."""
    began = time.perf_counter()
    answer = client.get(f"/{call}", params=parameters, headers={"Authorization": f"Bearer {token}"})
    seconds = time.perf_counter() - began
    if answer.status_code != httpx.codes.OK:
        raise SystemExit(f"{answer.request.url}: {answer.status_code} {answer.text[:300]}")
    return seconds


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the least value that at least so many percent of the values keep."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def print_sizes(url: str, progress: Progress) -> None:
    """Print the sizes of the kept sums beside those of the facts."""
    with psycopg.connect(url) as session:
        rows = session.execute(
            "SELECT relname, reltuples::bigint, pg_table_size(oid), pg_indexes_size(oid), relname LIKE 'analytics%%'"
            " FROM pg_class WHERE relkind = 'r' AND (relname LIKE 'analytics%%' OR relname = ANY(%s))"
            " ORDER BY 5, pg_total_relation_size(oid) DESC",
            [FACTS],
        ).fetchall()
    progress.print(f"\n{'table':32} {'rows':>12} {'table MB':>10} {'indexes MB':>11}")
    for name, count, table, indexes, _ in rows:
        progress.print(f"{name:32} {count:12,} {table / 2**20:10,.0f} {indexes / 2**20:11,.0f}")
    for title, is_kept in (("facts", False), ("kept sums", True)):
        table, indexes = (sum(row[place] for row in rows if row[4] == is_kept) for place in (2, 3))
        progress.print(f"{title:32} {'':12} {table / 2**20:10,.0f} {indexes / 2**20:11,.0f}")


# --- checkouts beside reports -----------------------------------------------------------------------------------------
def compare_checkouts(stack: Stack, wanted: Sequence[Report], rounds: int, progress: Progress) -> None:
    """Print the latency of checkouts and the CPU of one, alone and with REPORTS_A_SECOND reports beside them, in turns."""
    times: dict[str, list[float]] = {"alone": [], "with reports": []}
    cpu: dict[str, list[float]] = {name: [] for name in times}
    for number in range(rounds):
        for name in times:
            with progress.step(f"Round {number + 1}") as step:
                tokens = asyncio.run(prepare(stack, CHECKOUTS))
                with reporting(stack, wanted if name == "with reports" else []):
                    began = cpu_of(stack)
                    found = [checkout(stack, token) for token in tokens]
                    cpu[name].append((cpu_of(stack) - began) / len(tokens))
                times[name] += found
                step.note = f"{name}: p50 {statistics.median(found) * 1000:.1f} ms"
    progress.print(f"\n{'checkouts':14} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8}")
    for name, found in times.items():
        p50, p95 = statistics.median(found) * 1000, percentile(found, 95) * 1000
        progress.print(f"{name:14} {p50:8.1f} {p95:8.1f} {statistics.median(cpu[name]) * 1000:8.1f}")
    slower = statistics.median(times["with reports"]) / statistics.median(times["alone"]) - 1
    progress.print(f"p50 with {REPORTS_A_SECOND} reports a second: {slower:+.1%} (limit +5 %)")


def checkout(stack: Stack, token: str) -> float:
    """Return the seconds in which the customer's order is placed."""
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
    began = time.perf_counter()
    answer = httpx.post(f"{stack.url}/api/v1/orders", json={}, headers=headers, timeout=30, trust_env=False)
    seconds = time.perf_counter() - began
    if answer.status_code != httpx.codes.CREATED:
        raise SystemExit(f"{answer.status_code}: {answer.text}")
    return seconds


@contextmanager
def reporting(stack: Stack, wanted: Sequence[Report]) -> Iterator[None]:
    """Request the reports in turn as an admin meanwhile, REPORTS_A_SECOND."""
    ended = threading.Event()
    token = stack.token("admin", "olga")

    def work() -> None:
        with httpx.Client(base_url=f"{stack.url}/api/v1/analytics", timeout=120, trust_env=False) as client:
            for report in itertools.cycle(wanted):
                request(client, token, report.call, report.parameters)
                if ended.wait(1 / REPORTS_A_SECOND):
                    return

    thread = threading.Thread(target=work)
    if wanted:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if wanted:
            thread.join()


def cpu_of(stack: Stack) -> float:
    """Return the CPU seconds that PostgreSQL and the service have used so far, with those of the reports."""
    return sum(
        cpu_of_tree(process.pid)
        for process in (stack.postgres.process, *stack._processes)
        if process.name != "neighbours"
    )


def cpu_of_tree(pid: int) -> float:
    """Return the CPU seconds of a process, its running children, and those that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return own + sum(cpu_of_tree(int(child)) for child in children)


# --- the whole --------------------------------------------------------------------------------------------------------
def prepare_servers(folder: Path, progress: Progress) -> None:
    """Create the servers' data and the schema, and configure PostgreSQL."""
    with (
        Stack(folder, settings=SETTINGS, durable=False, service=False, progress=progress) as stack,
        psycopg.connect(stack.postgres.url, autocommit=True) as session,
    ):
        for name, value in SERVER.items():
            session.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())


def largest_and_typical(url: str) -> tuple[dict[str, str], str]:
    """Return the largest vendor and the median one, and the product sold most often."""
    with psycopg.connect(url) as session:
        by_size = session.execute(
            "SELECT vendor_id FROM vendor_orders GROUP BY vendor_id ORDER BY count(*) DESC, vendor_id"
        ).fetchall()
        [product] = session.execute(
            "SELECT product_id FROM order_items GROUP BY product_id ORDER BY count(*) DESC LIMIT 1"
        ).fetchall()
    return {"largest vendor": by_size[0][0], "typical vendor": by_size[len(by_size) // 2][0]}, product[0]


def timed(step: Callable[[], object]) -> float:
    began = time.monotonic()
    step()
    return time.monotonic() - began


def bench(folder: Path, orders: int, requests: int, rounds: int, only_fill: bool) -> int:
    """Fill, rebuild, measure; return how many reports miss their limit."""
    progress = Progress(visible=True)
    plan = plan_of(orders)
    prepare_servers(folder, progress)
    with Postgres(folder / "postgres", durable=False) as server:
        seconds = timed(lambda: fill(server.url, plan, progress))
        progress.print(f"\n{orders:,} orders generated in {seconds:,.0f} s")
        if only_fill:
            print_sizes(server.url, progress)
            return 0
        vendors, product_id = largest_and_typical(server.url)
    wanted = reports(plan.end, product_id)
    with Stack(folder, settings=SETTINGS, durable=False, progress=progress) as stack:
        with progress.step("Rebuild") as step:
            command = [PYTHON, "manage.py", "rebuild_analytics"]
            seconds = timed(lambda: subprocess.run(command, cwd=CHECKOUT, env=stack.environment, check=True))
            step.note = f"manage.py rebuild_analytics: {seconds:,.0f} s"
        print_sizes(stack.postgres.url, progress)
        missed = measure(stack, wanted, vendors, requests, progress)
        compare_checkouts(stack, wanted, rounds, progress)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(prog="make analytics-bench ARGS=…")
    parser.add_argument("--orders", type=int, default=5_000_000)
    parser.add_argument("--requests", type=int, default=40, help="requests of each report, caller and time zone")
    parser.add_argument("--rounds", type=int, default=3, help="rounds of checkouts with and without reports")
    parser.add_argument(
        "--only-fill", action="store_true", help="generate the orders and print the sizes of their tables"
    )
    given = parser.parse_args()
    DATA.mkdir(exist_ok=True)
    if shutil.disk_usage(DATA).free < given.orders * BYTES_AN_ORDER:
        needed = given.orders * BYTES_AN_ORDER / 2**30
        raise StackError(f"{DATA} needs {needed:,.0f} GiB of free space meanwhile. Choose fewer ORDERS.")
    with tempfile.TemporaryDirectory(prefix="analytics-", dir=DATA) as folder:
        missed = bench(Path(folder), given.orders, given.requests, given.rounds, given.only_fill)
    return int(missed > 0)


if __name__ == "__main__":
    sys.exit(run_command(main))
