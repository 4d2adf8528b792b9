"""Millions of orders, as copies of orders that the service itself has written: rows, sizes and indexes are the true ones.

A copy has ids, a number, a cart version, a customer and times of its own; every customer has ORDERS_EACH orders, spread over
a year.
"""

from typing import Any

import psycopg

from compose.progress import Progress
from tests.load.many_orders import FACTS, run_concurrently, without_indexes

COPIED = ("orders", "vendor_orders", "order_items", "order_events", "payment_events")
ORDERS_EACH = 25
"""Orders of one customer: more than a page of history."""

BYTES_AN_ORDER = 11_000
"""Of the disk while the indexes are built."""

SPECIAL = {
    "number": r"regexp_replace(lpad(n::text, 12, '0'), '(....)(....)(....)', '\1-\2-\3')",
    "customer_id": "'c-' || md5((n % customers)::text)::uuid",
    "cart_version": "n",
    "event_id": "md5(n || s.event_id)::uuid::text",
}
"""Columns whose values must differ from those of the original; `n` is the number of the copy."""

COLUMNS = """
    SELECT column_name, data_type FROM information_schema.columns
    WHERE table_schema = 'public' AND table_name = %s AND is_generated = 'NEVER' AND is_identity = 'NO' ORDER BY ordinal_position"""

ORIGINALS = """
    CREATE SCHEMA originals;
    CREATE TABLE originals.orders AS
        SELECT *, (row_number() OVER (ORDER BY created_at) - 1)::bigint AS k FROM public.orders WHERE status = 'delivered';"""


def fill(url: str, orders: int, progress: Progress) -> None:
    """Replace the orders of a database by so many copies of its delivered ones."""
    with psycopg.connect(url, autocommit=True) as session:
        session.execute(b"SET session_replication_role = replica")  # no triggers: the audit trail cannot be truncated
        session.execute(ORIGINALS.encode())
        for table in COPIED[1:]:
            session.execute(
                f"CREATE TABLE originals.{table} AS SELECT s.*, o.k FROM public.{table} s"
                " JOIN originals.orders o ON s.order_id = o.id ORDER BY k".encode()
            )
        session.execute(b"ANALYZE")
        with without_indexes(session, url, progress):
            session.execute(f"TRUNCATE outbox, {', '.join(FACTS)}".encode())
            # What is inserted in the transaction of a TRUNCATE needs no WAL.
            longest_first = sorted(COPIED, key=lambda table: table not in ("order_events", "order_items"))
            statements = {table: f"TRUNCATE {table}; {_copy(session, table, orders)}" for table in longest_first}
            run_concurrently(url, statements, progress)
        session.execute(b"DROP SCHEMA originals CASCADE")
        with progress.step("Vacuum"):
            session.execute(f"VACUUM (ANALYZE) {', '.join(FACTS)}".encode())


def _copy(session: psycopg.Connection[Any], table: str, orders: int) -> str:
    columns = dict(session.execute(COLUMNS.encode(), [table]).fetchall())
    values = ", ".join(_value(name, kind) for name, kind in columns.items())
    return (
        f"INSERT INTO {table} ({', '.join(columns)}) SELECT {values}"
        f" FROM (SELECT n, {max(orders // ORDERS_EACH, 1)} AS customers, n % originals AS k,"
        f" ({orders} - n) * interval '1 year' / {orders} AS age"
        f" FROM generate_series(1, {orders}) AS n, (SELECT count(*) AS originals FROM originals.orders) AS o) AS copy"
        f" JOIN originals.{table} s USING (k)"
    )


def _value(name: str, kind: str) -> str:
    if name in SPECIAL:
        return SPECIAL[name]
    if kind == "uuid":
        return f"md5(n || s.{name}::text)::uuid"
    return f"s.{name} - age" if kind == "timestamp with time zone" else f"s.{name}"
