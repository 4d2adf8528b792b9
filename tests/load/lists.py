"""Cost of a list's page in a small and in a large table: each filter with each ordering, from its start and its middle.

`make lists` fills PostgreSQL servers of its own, calls the service's own functions for pages, and prints time and
buffers (8 KiB pages that the database accessed: the steadier figure) of both sizes and their ratio. `--writes` measures
instead the cost of each index for the writer of new orders.
"""

import argparse
import os
import random
import re
import statistics
import tempfile
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import django
import psycopg

ROOT = Path(__file__).resolve().parents[2]
LINES = (ROOT / "compose/check.env").read_text().splitlines()
os.environ.update(line.split("=", 1) for line in LINES if line[:1] != "#")  # type: ignore[misc]
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "asgi_app.settings")
django.setup()

from django.core.management import call_command  # noqa: E402  Django must be set up first
from django.db import connection  # noqa: E402

from compose.servers import Postgres  # noqa: E402
from orders.domain.callers import Actor, Caller  # noqa: E402
from orders.domain.pricing import Product, price  # noqa: E402
from orders.services.checkout.new_order import new_order  # noqa: E402
from orders.store import order_writer  # noqa: E402
from orders.store.order_lists import list_orders, list_vendor_orders  # noqa: E402
from orders.store.paging import Page, PageRequest  # noqa: E402

NOW = datetime(2026, 11, 1, tzinfo=UTC)
SPAN = timedelta(days=730)
RUNS = 3
ROUNDS = 20
MEMORY = {"shared_buffers": "2GB", "effective_cache_size": "6GB", "max_wal_size": "8GB", "jit": "off"}
TABLES = ("orders", "vendor_orders", "order_items")

# One customer in each 20 000 orders has 5 000 of them, the others 40; a third of the orders have one vendor, two thirds two.
# `h(i, n)` is a hash: a steady number below n for each i.
FILL = r"""
SET session_replication_role = replica;
SET maintenance_work_mem = '1GB';
CREATE FUNCTION h(i bigint, salt int, n int) RETURNS int LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN ((hashint8extended(i, salt) & 9223372036854775807) % n)::int;
CREATE FUNCTION vendor(i bigint, part int) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN 'v-' || CASE WHEN h(i, 20, 100) < 30 THEN part * (1 + h(i, 21, 49)) ELSE 1 + (h(i, 21, 49) + part * 7) % 49 END;

INSERT INTO orders (id, number, customer_id, status, payment_status, currency, subtotal, discount, total, note,
    shipping_address, cart_version, request_hash, version, event_count, created_at, updated_at, expires_at,
    payment_check_at, payment_checks)
SELECT gen_random_uuid(), regexp_replace(lpad(i::text, 12, '0'), '(....)(....)(....)', '\1-\2-\3'),
    CASE WHEN h(i, 1, 4) = 0 THEN 'big-' || h(i, 2, greatest({orders} / 20000, 1))
         ELSE 'c-' || h(i, 2, greatest({orders} * 3 / 160, 1)) END,
    status, CASE WHEN status IN ('pending', 'expired') THEN 'unpaid' WHEN status = 'cancelled' THEN 'refunded'
        WHEN h(i, 4, 200) = 0 THEN 'partially_refunded' ELSE 'paid' END,
    (ARRAY['EUR', 'EUR', 'EUR', 'JPY', 'KWD'])[1 + h(i, 5, 5)], total, 0, total, '',
    '{{"name": "Ada Lovelace", "line1": "12 Rue de la Paix", "city": "Paris", "postal_code": "75002", "country": "FR"}}',
    1, '\x00', 1, 1, created_at, created_at + h(i, 6, 864000) * interval '1 second', created_at, created_at, 0
FROM (SELECT i, {start} + i * {step} AS created_at, 100 + h(i, 7, 1000) * h(i, 8, 1000) / 5 AS total,
    CASE WHEN i > {orders} * 0.97 AND h(i, 3, 3) = 0 THEN 'pending' WHEN i > {orders} * 0.97 THEN 'processing'
         WHEN h(i, 3, 100) < 3 THEN 'cancelled' WHEN h(i, 3, 100) < 5 THEN 'expired' WHEN h(i, 3, 100) < 7 THEN 'shipped'
         WHEN h(i, 3, 100) < 8 THEN 'confirmed' ELSE 'delivered' END AS status
    FROM generate_series(1, {orders}) AS i) AS o;

INSERT INTO vendor_orders (id, order_id, vendor_id, status, currency, subtotal, discount, total, version, created_at, updated_at)
SELECT gen_random_uuid(), id, vendor(i, part), CASE WHEN status IN ('confirmed') THEN 'pending'
        WHEN status = 'expired' THEN 'cancelled' ELSE status END,
    currency, total, 0, total, 1, created_at, updated_at
FROM (SELECT *, replace(number, '-', '')::bigint AS i FROM orders) AS o, generate_series(0, 1) AS part
WHERE part = 0 OR h(i, 9, 3) > 0;

INSERT INTO order_items (id, order_id, vendor_order_id, position, product_id, vendor_id, name, sku, quantity, unit_price, total)
SELECT gen_random_uuid(), order_id, id, (row_number() OVER (PARTITION BY order_id))::int, 'p-' || product, vendor_id,
    'Product no. ' || product || ' in blue', 'SKU-' || product, 1, total, total
FROM (SELECT v.*, CASE WHEN h(uuid_hash(id), 10, 20) = 0 THEN 0 ELSE 1 + h(uuid_hash(id), 11 + part, 999) END AS product
    FROM vendor_orders v, generate_series(0, 1) AS part WHERE part = 0 OR h(uuid_hash(id), 12, 2) = 0) AS v;

UPDATE order_items SET product_id = 'p-rare', name = 'Unicorn', sku = 'RARE'
WHERE order_id IN (SELECT id FROM orders WHERE replace(number, '-', '')::bigint % ({orders} / 5) = 1);
"""


@dataclass(frozen=True)
class Case:
    """A list: its caller, its filters and its ordering."""

    name: str
    caller: Caller
    read: Callable[[Caller, PageRequest], Page[Any]]
    filters: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Cost:
    """Cost of one page."""

    milliseconds: float
    buffers: int
    rows: int
    plans: list[str]


def caller(role: Any, id_: str) -> Caller:
    return Caller(id_, role, id_, 0)


def cases() -> Iterator[Case]:
    """Yield every filter, frequent and rare, for each role that may use it."""
    day, half = timedelta(days=1), SPAN / 2
    times = {
        "created_after 1 day ago": {"created_after": NOW - day},
        "created_after 1 year ago": {"created_after": NOW - half},
        "created_before 1 year ago": {"created_before": NOW - half},
        "created within 1 month": {"created_after": NOW - half, "created_before": NOW - half + 30 * day},
        "updated_since 1 day ago": {"updated_since": NOW - day},
        "updated_since 1 year ago": {"updated_since": NOW - half},
    }
    common: dict[str, dict[str, Any]] = {
        "no filter": {},
        "status delivered": {"status": ["delivered"]},
        "status pending": {"status": ["pending"]},
        "status pending,processing": {"status": ["pending", "processing"]},
        **times,
        "product in 1 of 10": {"product_id": "p-0"},
        "product in 1 of 300": {"product_id": "p-7"},
        "product in 5 orders": {"product_id": "p-rare"},
        "q in all": {"q": "blue"},
        "q in 1 of 300": {"q": "sku-77"},
        "q in 5 orders": {"q": "unicorn"},
        "q a number": {"q": "0000-0000-7777"},
        "status shipped, product in 1 of 10": {"status": ["shipped"], "product_id": "p-0"},
    }
    of_orders: dict[str, dict[str, Any]] = {
        **common,
        "payment_status paid": {"payment_status": ["paid"]},
        "payment_status partially_refunded": {"payment_status": ["partially_refunded"]},
        "min_total, 1 of 100": {"min_total": Decimal(1700)},
        "max_total, 1 of 2": {"max_total": Decimal(400)},
        "vendor in 1 of 3": {"vendor_id": "v-0"},
        "vendor in 1 of 40": {"vendor_id": "v-9"},
        "status pending, min_total": {"status": ["pending"], "min_total": Decimal(400)},
    }
    yield from (Case(f"admin's orders: {name}", caller("admin", "a"), list_orders, f) for name, f in of_orders.items())
    for owner, name in (("c-7", "customer's orders"), ("big-0", "big customer's orders")):
        yield from (Case(f"{name}: {what}", caller("customer", owner), list_orders, f) for what, f in of_orders.items())
        yield Case(f"admin's orders: customer_id of {name}", caller("admin", "a"), list_orders, {"customer_id": owner})
    of_vendor_orders: dict[str, dict[str, Any]] = {
        **common,
        "order_status pending": {"order_status": ["pending"]},
        "order_status confirmed": {"order_status": ["confirmed"]},
        "order_status expired": {"order_status": ["expired"]},
        "status pending, order_status confirmed": {"status": ["pending"], "order_status": ["confirmed"]},
    }
    for owner, name in (("v-0", "big vendor's"), ("v-9", "vendor's")):
        of_one = caller("vendor", owner)
        yield from (Case(f"{name}: {what}", of_one, list_vendor_orders, f) for what, f in of_vendor_orders.items())
        yield Case(f"admin's vendor orders: {name}", caller("admin", "a"), list_vendor_orders, {"vendor_id": owner})
    admin = caller("admin", "a")
    every = of_vendor_orders.items()
    yield from (Case(f"admin's vendor orders: {what}", admin, list_vendor_orders, f) for what, f in every)


@contextmanager
def database(folder: Path, orders: int) -> Iterator[None]:
    """Yield a PostgreSQL server with this number of orders, in a folder that may hold it from an earlier run."""
    server = Postgres(folder / str(orders), durable=False)
    is_new = not server.data.exists()
    server.start()
    try:
        if is_new:
            with psycopg.connect(server.url, autocommit=True) as session:
                for name, value in MEMORY.items():
                    session.execute(f"ALTER SYSTEM SET {name} = '{value}'".encode())
            server.stop()
            server.start()
        connection.settings_dict.update(
            HOST="127.0.0.1", PORT=server.port, USER="orders", PASSWORD=server.password, NAME="orders"
        )
        connection.settings_dict["OPTIONS"]["options"] = "-c statement_timeout=60000"
        if is_new:
            call_command("migrate", verbosity=0)
            fill(server.url, orders)
        yield
    finally:
        connection.close()
        server.stop()


def fill(url: str, orders: int) -> None:
    """Insert orders over two years; their indexes are created afterwards, which takes a tenth of the time."""
    began = time.monotonic()
    statements = FILL.format(orders=orders, start=f"timestamptz '{NOW - SPAN}'", step=f"interval '{SPAN / orders}'")
    with psycopg.connect(url, autocommit=True) as session:
        constraints = session.execute(
            f"""
            SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid), contype FROM pg_constraint
            WHERE contype IN ('f', 'u', 'p') AND (conrelid::regclass::text IN {TABLES}
                OR confrelid::regclass::text IN {TABLES})
            ORDER BY contype""".encode()
        ).fetchall()
        for table, name, _, _ in constraints:
            session.execute(f"ALTER TABLE {table} DROP CONSTRAINT {name}".encode())
        indexes = session.execute(
            f"SELECT indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename IN {TABLES}".encode()
        ).fetchall()
        for name, _ in indexes:
            session.execute(f"DROP INDEX {name}".encode())
        for statement in statements.split(";\n"):
            session.execute(statement.encode())
        for _, definition in indexes:
            session.execute(definition.encode())
        for table, name, definition, kind in sorted(constraints, key=lambda constraint: "puf".index(constraint[3])):
            lazily = " NOT VALID" if kind == "f" else ""
            session.execute(f"ALTER TABLE {table} ADD CONSTRAINT {name} {definition}{lazily}".encode())
        for table in TABLES:
            session.execute(f"VACUUM ANALYZE {table}".encode())
    print(f"filled {orders} orders in {time.monotonic() - began:.0f} s", flush=True)


def measure(case: Case, request: PageRequest) -> tuple[Cost, Page[Any]]:
    """Return the cost of this page: the median time, and the buffers of its statements."""
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        page = case.read(case.caller, request)
        times.append((time.perf_counter() - began) * 1000)
        if times[0] > 300:
            break
    statements: list[tuple[str, Any]] = []

    def note(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        statements.append((sql, params))
        return execute(sql, params, many, context)

    with connection.execute_wrapper(note):
        case.read(case.caller, request)
    plans = [explain(*statement) for statement in statements]
    return Cost(statistics.median(times), sum(map(buffers_of, plans)), len(page.records), plans), page


def explain(sql: str, params: Any) -> str:
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS, TIMING OFF) {sql}", params)
        return "\n".join(line for (line,) in cursor.fetchall())


def buffers_of(plan: str) -> int:
    """Return the buffers of the topmost node, which includes its children's."""
    found = re.search(r"Buffers: shared(?: hit=(\d+))?(?: read=(\d+))?", plan)
    return sum(int(number or 0) for number in found.groups()) if found else 0


def middle(case: Case, request: PageRequest) -> PageRequest | None:
    """Return the list from its fifth page on."""
    for _ in range(4):
        page = case.read(case.caller, request)
        if page.next is None:
            return None
        request = replace(request, position=page.next)
    return request


def costs(folder: Path, orders: int, wanted: str, plans: bool) -> dict[str, Cost]:
    """Return the costs of all cases whose name contains `wanted`, in a table of this number of orders."""
    found: dict[str, Cost] = {}
    with database(folder, orders):
        for case in cases():
            for ordering in ("-created_at", "created_at", "-updated_at", "updated_at", "-total", "total"):
                name = f"{case.name}, by {ordering}"
                if not re.search(wanted, name):
                    continue
                first = PageRequest(20, None, ordering, case.filters)
                found[name], _ = measure(case, first)
                later = middle(case, first)
                if later is not None:
                    found[f"{name}, 5th page"], _ = measure(case, later)
                if plans:
                    print(f"\n== {orders} orders: {name}", *found[name].plans, sep="\n", flush=True)
    return found


def report(small: dict[str, Cost], large: dict[str, Cost]) -> None:
    print(f"{'page':82} {'ms':>7} {'ms':>7} {'ratio':>5} {'buffers':>8} {'buffers':>8} {'ratio':>5} {'rows':>7}")
    for name, many in large.items():
        if few := small.get(name):
            in_time, in_buffers = many.milliseconds / few.milliseconds, many.buffers / max(few.buffers, 1)
            mark = " *" if in_buffers > 1.5 and in_time > 1.5 else " b" if in_buffers > 1.5 else ""
            print(
                f"{name:82} {few.milliseconds:7.2f} {many.milliseconds:7.2f} {in_time:5.2f} {few.buffers:8} {many.buffers:8}"
                f" {in_buffers:5.2f} {few.rows:3}/{many.rows:3}{mark}"
            )


def writes(folder: Path, orders: int) -> None:
    """Return the writer's cost of each index: CPU of its server without it, beside that with all of them."""
    with database(folder, orders), connection.cursor() as cursor:
        cursor.execute(
            "SELECT indexname FROM pg_indexes WHERE tablename IN ('orders', 'vendor_orders', 'order_items')"
            " AND indexname NOT IN (SELECT conname FROM pg_constraint)"
        )
        names = ["", *sorted(name for (name,) in cursor.fetchall())]
        found: dict[str, list[float]] = {name: [] for name in names}
        for name in names * ROUNDS:
            cursor.execute("BEGIN")
            if name:
                cursor.execute(f"DROP INDEX {name}")
            found[name] += [write_batch() for _ in range(RUNS)]
            cursor.execute("ROLLBACK")
        for name, times in found.items():
            less = statistics.mean(found[""]) - statistics.mean(times)
            print(f"{statistics.mean(times):6.3f} ms of CPU an order; {less:6.3f} less without {name or 'nothing'}")


def write_batch() -> float:
    """Return the milliseconds of PostgreSQL's CPU for one order in a batch of 32, with two vendors and three items each."""
    batch = [placed(random.randrange(1_000_000)) for _ in range(order_writer.BATCH_SIZE)]
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_backend_pid()")
        process = Path(f"/proc/{cursor.fetchone()[0]}/schedstat")
    began = int(process.read_text().split()[0])
    assert len(order_writer.insert(batch)) == order_writer.BATCH_SIZE
    return (int(process.read_text().split()[0]) - began) / 1e6 / order_writer.BATCH_SIZE


def placed(seed: int) -> order_writer.NewOrder:
    """Return an order as checkout makes it."""
    products = {
        f"p-{n}": Product(f"p-{n}", f"v-{(n + seed) % 2}", "Product in blue", f"SKU-{n}", 100 + seed, "EUR", 1)
        for n in range(seed % 900, seed % 900 + 3)
    }
    pricing = price(dict.fromkeys(products, 1), products, "EUR")
    customer = Actor("customer", f"c-{seed % 40_000}", "request")
    address = {
        "name": "Ada Lovelace",
        "line1": "12 Rue de la Paix",
        "city": "Paris",
        "postal_code": "75002",
        "country": "FR",
    }
    return new_order(
        order_id=uuid.uuid4(),
        actor=customer,
        pricing=pricing,
        address=address,
        note="",
        cart_version=1,
        request_hash="\\x00",
        stock_revision=1,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="20000,2000000", help="orders in the small and in the large table")
    parser.add_argument("--only", default="", help="a regular expression that the names of pages must match")
    parser.add_argument("--plans", action="store_true", help="print the plans of first pages")
    parser.add_argument("--writes", action="store_true", help="what each index costs the writer, in the large table")
    parser.add_argument("--folder", type=Path, help="keep the filled servers there, and use those that are there")
    chosen = parser.parse_args()
    small, large = map(int, chosen.sizes.split(","))
    with tempfile.TemporaryDirectory(prefix="lists-") as temporary:
        folder = chosen.folder or Path(temporary)
        if chosen.writes:
            writes(folder, large)
        else:
            report(*(costs(folder, orders, chosen.only, chosen.plans) for orders in (small, large)))


if __name__ == "__main__":
    main()
