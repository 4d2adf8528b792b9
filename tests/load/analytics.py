"""Speed of the analytics with 5 million orders: `make analytics-bench` (ORDERS=5000000 REQUESTS=40).

A stack of its own is filled with a year of orders, and `manage.py rebuild_analytics` makes the kept sums. Then every report
is requested over HTTP, as an admin, as the largest vendor and as a typical one, and compared with the limits of the contract
(analytics, "Fast"). At last checkouts are measured with and without reports beside them.
"""

import argparse
import asyncio
import itertools
import os
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
from datetime import datetime, timedelta
from pathlib import Path

import httpx
import psycopg

from compose.command_line import run_command
from compose.composition import PYTHON
from compose.errors import StackError
from compose.progress import Progress
from compose.servers import Postgres
from compose.stack import CHECKOUT, DATA, Stack
from tests.load.coupon_rush import prepare
from tests.load.many_orders import BYTES_AN_ORDER, FACTS, SERVER, fill, plan_of

SETTINGS = {"RATE_LIMITS": "off", "RECONCILE_SECONDS": "86400"}
TIMEZONES = ("UTC", "Europe/Paris")
CHECKOUTS = 300
"""Checkouts of a round, one after the other."""

REPORTS_A_SECOND = 1
TIMEOUT_SECONDS = 120


# --- the reports ------------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Report:
    """A request of the contract's promise "Fast", with its limit of p95 in milliseconds."""

    call: str
    parameters: Mapping[str, str]
    limit: int
    is_for_vendors: bool = True
    has_timezone: bool = True


@dataclass(frozen=True)
class Caller:
    """A caller of the reports, and the product that it asks about."""

    name: str
    token: str
    product_id: str
    is_admin: bool = False


def reports(end: datetime) -> list[Report]:
    """Return the reports of the promise; `bought-together` takes the caller's product, too."""
    tomorrow = end.date() + timedelta(days=1)

    def until_tomorrow(days: int) -> dict[str, str]:
        return {"from": str(tomorrow - timedelta(days=days)), "to": str(tomorrow)}

    year = until_tomorrow(365)
    return [
        Report("sales", year, 200),
        Report("customers", year, 200, is_for_vendors=False),
        Report("payments", year, 200, is_for_vendors=False),
        Report("funnel", until_tomorrow(30), 200),
        Report("cohorts", {}, 200, is_for_vendors=False, has_timezone=False),
        Report("top-products", year, 500),
        Report("coupons", year, 500),
        Report("bought-together", until_tomorrow(92), 1000),
    ]


def callers(stack: Stack) -> list[Caller]:
    """Return an admin, the largest vendor and the median one, each with the product that is most often in its orders."""
    with psycopg.connect(stack.postgres.url) as session:
        rows = session.execute(
            "SELECT vendor_id, product_id, count(*) FROM order_items GROUP BY 1, 2 ORDER BY 3 DESC, 2"
        ).fetchall()
    sizes: dict[str, int] = {}
    for vendor_id, _, count in rows:
        sizes[vendor_id] = sizes.get(vendor_id, 0) + count
    products = {vendor_id: product_id for vendor_id, product_id, _ in reversed(rows)}
    by_size = sorted(sizes, key=lambda vendor_id: sizes[vendor_id])
    vendors = {"largest vendor": by_size[-1], "typical vendor": by_size[len(by_size) // 2]}
    return [
        Caller("admin", stack.token("admin", "olga"), rows[0][1], is_admin=True),
        *(Caller(name, stack.token("vendor", "vera", id_), products[id_]) for name, id_ in vendors.items()),
    ]


def measure(stack: Stack, wanted: Sequence[Report], by: Sequence[Caller], requests: int, progress: Progress) -> int:
    """Print p50 and p95 of each report for each caller and time zone; return how many miss their limit."""
    missed = 0
    progress.print(f"\n{'report':16} {'caller':16} {'time zone':13} {'p50 ms':>8} {'p95 ms':>8} {'limit':>6}")
    for report, caller in itertools.product(wanted, by):
        if not (caller.is_admin or report.is_for_vendors):
            continue
        for timezone in TIMEZONES if report.has_timezone else TIMEZONES[:1]:
            with reader(stack, caller) as read:
                times = [read(report, timezone) * 1000 for _ in range(requests)]
            p50, p95 = statistics.median(times), percentile(times, 95)
            missed += p95 > report.limit
            verdict = "met" if p95 <= report.limit else "NOT MET"
            names = f"{report.call:16} {caller.name:16} {timezone:13}"
            progress.print(f"{names} {p50:8.1f} {p95:8.1f} {report.limit:6} {verdict}")
    return missed


@contextmanager
def reader(stack: Stack, caller: Caller) -> Iterator[Callable[[Report, str], float]]:
    """Yield a function that requests a report, which must succeed, and returns the seconds."""
    authorization = {"Authorization": f"Bearer {caller.token}"}
    url = f"{stack.url}/api/v1/analytics"
    with httpx.Client(base_url=url, headers=authorization, timeout=TIMEOUT_SECONDS, trust_env=False) as client:

        def read(report: Report, timezone: str) -> float:
            parameters = dict(report.parameters)
            if report.has_timezone:
                parameters["timezone"] = timezone
            if report.call == "bought-together":
                parameters["product_id"] = caller.product_id
            began = time.perf_counter()
            answer = client.get(f"/{report.call}", params=parameters)
            seconds = time.perf_counter() - began
            if answer.status_code != httpx.codes.OK:
                raise StackError(f"{answer.request.url}: {answer.status_code} {answer.text[:300]}")
            return seconds

        yield read


def percentile(values: Sequence[float], percent: int) -> float:
    """Return the least value that at least so many percent of the values keep."""
    return sorted(values)[-(-len(values) * percent // 100) - 1]


def print_sizes(url: str, progress: Progress) -> None:
    """Print the sizes of the kept sums beside those of the facts."""
    with psycopg.connect(url) as session:
        rows = session.execute(
            "SELECT relname, greatest(reltuples, 0)::bigint, pg_table_size(oid), pg_indexes_size(oid), relname LIKE 'analytics%%'"
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
def compare_checkouts(stack: Stack, wanted: Sequence[Report], caller: Caller, rounds: int, progress: Progress) -> None:
    """Print the latency of checkouts and the CPU of one, alone and with REPORTS_A_SECOND reports beside them, in turns."""
    times: dict[str, list[float]] = {"alone": [], "with reports": []}
    cpu: dict[str, list[float]] = {name: [] for name in times}
    for number in range(rounds):
        for name in times:
            with progress.step(f"Round {number + 1}") as step:
                tokens = asyncio.run(prepare(stack, CHECKOUTS))
                with reading(stack, wanted if name == "with reports" else [], caller):
                    began = cpu_of(stack)
                    found = checkouts(stack, tokens)
                    cpu[name].append((cpu_of(stack) - began) / len(tokens))
                times[name] += found
                step.note = f"{name}: p50 {statistics.median(found) * 1000:.1f} ms"
    progress.print(f"\n{'checkouts':14} {'p50 ms':>8} {'p95 ms':>8} {'CPU ms':>8}  (with that of the reports)")
    for name, found in times.items():
        p50, p95 = statistics.median(found) * 1000, percentile(found, 95) * 1000
        progress.print(f"{name:14} {p50:8.1f} {p95:8.1f} {statistics.median(cpu[name]) * 1000:8.1f}")
    slower = statistics.median(times["with reports"]) / statistics.median(times["alone"]) - 1
    progress.print(f"p50 with {REPORTS_A_SECOND} reports a second: {slower:+.1%} (limit +5 %)")


def checkouts(stack: Stack, tokens: Sequence[str]) -> list[float]:
    """Place an order of each customer, one after the other; return the seconds of each."""
    times = []
    with httpx.Client(base_url=stack.url, timeout=TIMEOUT_SECONDS, trust_env=False) as client:
        for token in tokens:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
            began = time.perf_counter()
            answer = client.post("/api/v1/orders", json={}, headers=headers)
            times.append(time.perf_counter() - began)
            if answer.status_code != httpx.codes.CREATED:
                raise StackError(f"{answer.status_code}: {answer.text}")
    return times


@contextmanager
def reading(stack: Stack, wanted: Sequence[Report], caller: Caller) -> Iterator[None]:
    """Request these reports in turn meanwhile, REPORTS_A_SECOND."""
    ended = threading.Event()

    def work() -> None:
        with reader(stack, caller) as read:
            for report in itertools.cycle(wanted):
                read(report, TIMEZONES[0])
                if ended.wait(1 / REPORTS_A_SECOND):
                    return

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        ended.set()
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


def seconds_of(work: Callable[[], object]) -> float:
    began = time.monotonic()
    work()
    return time.monotonic() - began


def bench(folder: Path, orders: int, requests: int, rounds: int, only_fill: bool) -> int:
    """Fill, rebuild, measure; return how many reports miss their limit."""
    progress = Progress(visible=True)
    plan = plan_of(orders)
    prepare_servers(folder, progress)
    with Postgres(folder / "postgres", durable=False) as server:
        seconds = seconds_of(lambda: fill(server.url, plan, progress))
        progress.print(f"\n{orders:,} orders generated in {seconds:,.0f} s")
        if only_fill:
            print_sizes(server.url, progress)
            return 0
    # Without the worker, which would add up the same entries at the same time.
    with (
        Stack(folder, settings=SETTINGS, durable=False, service=False, progress=progress) as stack,
        progress.step("Rebuild") as step,
    ):
        command = [PYTHON, "manage.py", "rebuild_analytics"]
        seconds = seconds_of(lambda: subprocess.run(command, cwd=CHECKOUT, env=stack.environment, check=True))
        step.note = f"manage.py rebuild_analytics: {seconds:,.0f} s"
    with Stack(folder, settings=SETTINGS, durable=False, progress=progress) as stack:
        print_sizes(stack.postgres.url, progress)
        with progress.step("Callers") as step:
            wanted, by = reports(plan.end), callers(stack)
            step.note = "an admin, the largest vendor and a typical one"
        missed = measure(stack, wanted, by, requests, progress)
        compare_checkouts(stack, wanted, by[0], rounds, progress)
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
