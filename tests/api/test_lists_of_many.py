"""Lists of callers with more rows than one page scans: each row once, and a page depends on the caller's own rows alone."""

import binascii
import re
import uuid
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.lists import ORDERINGS, ids_of, pages
from tests.support.world import Person, World

MANY = 10_200
"""More rows than a page scans (10 000)."""

Session = psycopg.Connection[dict[str, Any]]
UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")

# Orders of one customer and one vendor, one item each. Two owners' rows stand in turns in every ordering; one row in 400 is
# cancelled and has a name of its own, the others are delivered.
FILL = """
WITH made AS (
    SELECT gen_random_uuid() AS id, gen_random_uuid() AS part_id, n,
        CASE WHEN n %% 400 = 7 THEN 'cancelled' ELSE 'delivered' END AS status, 2 * n + {turn} AS total,
        timestamptz '2026-01-01' + (2 * n + {turn}) * interval '1 second' AS created_at,
        timestamptz '2026-02-01' + (2 * (n * 7919 %% {many}) + {turn}) * interval '1 second' AS updated_at
    FROM generate_series(1, {many}) AS n),
new_order AS (
    INSERT INTO orders (id, number, customer_id, status, payment_status, currency, subtotal, discount, total, note,
        shipping_address, cart_version, request_hash, version, event_count, created_at, updated_at, expires_at,
        payment_check_at, payment_checks)
    SELECT id, left(id::text, 14), %(customer)s, status, CASE status WHEN 'cancelled' THEN 'voided' ELSE 'paid' END, 'EUR',
        total, 0, total, '', '{{"name": "", "line1": "", "line2": "", "city": "", "state": "", "postal_code": "",
        "country": "FR", "phone": ""}}', 1, '', 1, 1, created_at, updated_at, created_at, created_at, 0 FROM made),
new_part AS (
    INSERT INTO vendor_orders (id, order_id, vendor_id, status, currency, subtotal, discount, total, version, created_at,
        updated_at)
    SELECT part_id, id, %(vendor)s, status, 'EUR', total, 0, total, 1, created_at, updated_at FROM made)
INSERT INTO order_items (id, order_id, vendor_order_id, position, product_id, vendor_id, name, sku, quantity, unit_price, total)
SELECT gen_random_uuid(), id, part_id, 0, %(product)s, %(vendor)s, CASE status WHEN 'cancelled' THEN 'Needle' ELSE 'Mug' END,
    'SKU', 1, total, total FROM made"""


class Crowd:
    """Two customers with one vendor each, and that vendor's one product; the first pair are the callers."""

    def __init__(self, world: World) -> None:
        self.url, word = world.stack.postgres.url, uuid.uuid4()
        self.customers, self.vendors, self.products = (
            [f"{kind}-{which}-{word}" for which in ("own", "foreign")] for kind in "cvp"
        )
        self.callers = {
            "/orders": world.person("customer", self.customers[0]),
            "/vendor-orders": world.vendor(self.vendors[0]),
        }

    def fill(self, turn: int) -> None:
        """Add the orders of one of the two customers."""
        names = {"customer": self.customers[turn], "vendor": self.vendors[turn], "product": self.products[turn]}
        with self.session() as session:
            session.execute(FILL.format(turn=turn, many=MANY).encode(), names)
            for table in ("orders", "vendor_orders", "order_items"):
                session.execute(f"ANALYZE {table}".encode())

    def clear(self) -> None:
        """Delete all of them: no checkout has placed them, so they break invariants of orders."""
        with self.session() as session:
            session.execute("DELETE FROM order_items WHERE vendor_id = ANY(%s)", [self.vendors])
            session.execute("DELETE FROM vendor_orders WHERE vendor_id = ANY(%s)", [self.vendors])
            session.execute("DELETE FROM orders WHERE customer_id = ANY(%s)", [self.customers])

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Yield a session in which foreign keys are not checked, row by row."""
        with psycopg.connect(self.url, autocommit=True, row_factory=dict_row) as session:
            session.execute("SET session_replication_role = replica")
            yield session

    def own(self, path: str) -> list[dict[str, Any]]:
        """Return the caller's rows, read from the database."""
        table, column, owner = ("orders", "customer_id", self.customers[0])
        if path == "/vendor-orders":
            table, column, owner = ("vendor_orders", "vendor_id", self.vendors[0])
        with self.session() as session:
            columns = "id::text, status, total, total_value, created_at, updated_at"
            return session.execute(f"SELECT {columns} FROM {table} WHERE {column} = %s".encode(), [owner]).fetchall()


@pytest.fixture
def crowd(world: World) -> Iterator[Crowd]:
    """Yield the orders of the first customer."""
    crowd = Crowd(world)
    try:
        crowd.fill(0)
        yield crowd
    finally:
        crowd.clear()


def walk(person: Person, path: str, **query: Any) -> list[list[str]]:
    """Return the ids on every page, along `next`."""
    return [ids_of(page) for page in pages(person, path, limit=100, **query)]


def named(page: dict[str, Any]) -> set[str]:
    """Return the UUIDs in the links of a page, plain or behind base64."""
    found: set[str] = set()
    for link in (page["next"], page["previous"]):
        cursor = parse_qs(urlsplit(link or "").query).get("cursor", [""])[0]
        for part in (cursor, *cursor.split(".")):
            found |= set(UUID.findall(part))
            with suppress(binascii.Error):
                found |= set(UUID.findall(urlsafe_b64decode(part + "=" * (-len(part) % 4)).decode(errors="replace")))
    return found


FILTERS: dict[str, Callable[[dict[str, Any]], bool]] = {
    "status=cancelled": lambda row: row["status"] == "cancelled",
    "status=cancelled&status=shipped&q=eedl": lambda row: row["status"] == "cancelled",
    "created_after=2026-01-01T05:40:00Z": lambda row: row["total"] >= 20_400,
    "updated_since=2026-02-01T05:38:00Z&q=mug": lambda row: (
        row["updated_at"] >= datetime(2026, 2, 1, 5, 38, tzinfo=UTC) and row["status"] == "delivered"
    ),
    "product_id={foreign}": lambda row: False,
    "product_id={own}&status=cancelled": lambda row: row["status"] == "cancelled",
}


@pytest.mark.parametrize("path", ["/orders", "/vendor-orders"])
def test_a_page_of_many_rows_depends_on_the_callers_own_alone_and_leads_to_each_once(crowd: Crowd, path: str) -> None:
    caller, own = crowd.callers[path], crowd.own(path)
    products = {"own": crowd.products[0], "foreign": crowd.products[1]}
    queries: list[tuple[dict[str, Any], Callable[[dict[str, Any]], bool]]] = [
        ({"ordering": ordering} | parse_qs(query.format(**products)), fits)
        for ordering in ORDERINGS
        for query, fits in FILTERS.items()
    ]
    alone = [walk(caller, path, **query) for query, _ in queries]
    crowd.fill(1)
    for (query, fits), before in zip(queries, alone, strict=True):
        listed = list(pages(caller, path, limit=100, **query))
        assert [ids_of(page) for page in listed] == before, f"{query}: others' rows have changed the pages"
        assert set().union(*map(named, listed)) <= {row["id"] for row in own}, f"{query}: a link names a foreign row"
        column = query["ordering"].removeprefix("-").replace("total", "total_value")
        in_order = sorted(own, key=lambda row: (row[column], row["id"]), reverse=query["ordering"].startswith("-"))
        assert [id_ for page in before for id_ in page] == [row["id"] for row in in_order if fits(row)], query
