"""Millions of orders in an empty database (compose/history.py), in minutes.

Their tables have neither indexes nor foreign keys meanwhile, two sessions write at a time, and nothing is written to the WAL.
"""

import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import psycopg

from compose.history import PREPARATION, TABLES, Plan, fill_plan, sections
from compose.progress import Progress
from compose.sandbox.catalogue import generated_product

SERVER = {
    "shared_buffers": "2GB",
    "effective_cache_size": "6GB",
    "maintenance_work_mem": "1GB",
    "max_wal_size": "4GB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
}
"""The configuration of the server: as of a machine with 8 GB, without replication."""

SESSION = {"work_mem": "1GB", "session_replication_role": "replica", "synchronous_commit": "off"}
SESSIONS = 2
BYTES_AN_ORDER = 13_000
"""Of the disk meanwhile: the tables, their indexes and temporary files."""

LONGEST_FIRST = sorted(TABLES, key=lambda table: table not in ("order_events", "order_items"))
FACTS = [*TABLES, "coupons", "coupon_usage", "coupon_events"]
VENDORS = {"EUR": 800, "USD": 120, "JPY": 80}
PRODUCTS_EACH = 20
PLATFORM_COUPONS, VENDOR_COUPONS = 100, 200


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
    """Write the history into a migrated database without rows, whose server has the configuration SERVER."""
    statements = sections()
    with psycopg.connect(url, autocommit=True) as session:
        for group in PREPARATION:
            run_concurrently(url, {name: statements[name] for name in group}, progress)
            if group == ("schema",):
                fill_plan(session, plan)
        with without_indexes(session, url, progress):
            # What is inserted in the transaction of a TRUNCATE needs no WAL.
            tables = {name: f"TRUNCATE {name}; {statements[name]}" for name in LONGEST_FIRST}
            run_concurrently(url, tables, progress)
            session.execute(statements["end"].encode())
        with progress.step("Vacuum"):
            session.execute(f"VACUUM (ANALYZE) {', '.join(FACTS)}".encode())


def run_concurrently(url: str, statements: Mapping[str, str], progress: Progress) -> None:
    """Execute the statements in SESSIONS sessions, each in a transaction, the first ones first. Raises the first error."""
    waiting, lock = iter(statements.items()), threading.Lock()
    failures: queue.SimpleQueue[psycopg.Error] = queue.SimpleQueue()

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as session:
            for name, value in SESSION.items():
                session.execute(f"SET {name} = '{value}'".encode())
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
                progress.print(f"  {time.monotonic() - began:7.1f} s  {name}", "bright_black")

    threads = [threading.Thread(target=work) for _ in range(min(SESSIONS, len(statements)))]
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
        "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype = 'f' FROM pg_constraint"
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
    keys: dict[str, str] = {}  # those of one table in one statement: two would wait for each other's lock
    for table, name, definition, is_foreign in constraints:
        if not is_foreign:
            keys[table] = keys.get(table, "") + f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition};"
    run_concurrently(url, {f"keys of {table}": statements for table, statements in keys.items()}, progress)
    run_concurrently(url, dict(indexes), progress)
    for table, name, definition, is_foreign in constraints:
        if is_foreign:
            session.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition} NOT VALID".encode())
