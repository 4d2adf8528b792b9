"""Pages of lists, forward and back: each row exactly once, also while orders arrive and change."""

import threading
import uuid
from collections.abc import Iterator
from typing import Any

import psycopg
import pytest

from compose.stack import Stack
from tests.support.lists import ORDERINGS, ids, ids_of, name, order_of, pages
from tests.support.world import Person, World, eventually

# Copies of one placed order, each a second older than the last; totals repeat, and so do times of each two. They don't expire in
# the middle of the tests that follow: thousands that expire together keep the worker busy for minutes.
COPY = """
WITH copy AS (
    SELECT n, md5(o.id::text || n)::uuid AS new_id, 1 + n %% 7 AS times, n / 2 * interval '1 second' AS age, o.*
    FROM orders o, generate_series(1, %s) AS n WHERE o.id = %s),
new_order AS (
    INSERT INTO orders (id, number, customer_id, status, payment_status, currency, subtotal, discount, total, coupon_code,
        note, shipping_address, cart_version, request_hash, version, event_count, created_at, updated_at, expires_at,
        payment_check_at, payment_checks)
    SELECT new_id, regexp_replace(upper(left(md5(new_id::text), 12)), '(....)(....)(....)', '\\1-\\2-\\3'), customer_id,
        status, payment_status, currency, subtotal * times, discount, total * times, coupon_code, note, shipping_address,
        cart_version, request_hash, version, event_count, created_at - age, updated_at - age,
        expires_at + interval '1 day', expires_at + interval '1 day', 0
    FROM copy),
new_part AS (
    INSERT INTO vendor_orders (id, order_id, vendor_id, status, currency, subtotal, discount, total, version,
        created_at, updated_at)
    SELECT md5(new_id::text || v.vendor_id)::uuid, new_id, v.vendor_id, v.status, v.currency, v.subtotal * times, v.discount,
        v.total * times, v.version, v.created_at - age, v.updated_at - age
    FROM copy JOIN vendor_orders v ON v.order_id = copy.id),
new_item AS (
    INSERT INTO order_items (id, order_id, vendor_order_id, position, product_id, vendor_id, name, sku, quantity,
        unit_price, total)
    SELECT md5(new_id::text || i.position)::uuid, new_id, md5(new_id::text || i.vendor_id)::uuid, position, product_id,
        i.vendor_id, i.name, sku, quantity * times, unit_price, i.total * times
    FROM copy JOIN order_items i ON i.order_id = copy.id)
INSERT INTO order_events (order_id, sequence, type, to_status, actor_role, actor_id, request_id, data, at)
SELECT new_id, sequence, type, to_status, actor_role, actor_id, request_id, data, at - age
FROM copy JOIN order_events e ON e.order_id = copy.id"""


REMOVE = """
SET session_replication_role = replica;
WITH copy AS (
    SELECT md5(first || n)::uuid AS id FROM unnest(%(orders)s::text[], %(copies)s::int[]) AS made(first, copies),
        generate_series(1, copies) AS n),
items AS (DELETE FROM order_items USING copy WHERE order_id = copy.id),
events AS (DELETE FROM order_events USING copy WHERE order_id = copy.id),
payments AS (DELETE FROM payment_events USING copy WHERE order_id = copy.id),
parts AS (DELETE FROM vendor_orders USING copy WHERE order_id = copy.id)
DELETE FROM orders USING copy WHERE orders.id = copy.id"""

MADE: dict[str, int] = {}
"""The number of copies of each order."""


@pytest.fixture(scope="module", autouse=True)
def copies_removed(stack: Stack) -> Iterator[None]:
    """Remove the copies after the module: every test that follows would check the invariants over thousands of them."""
    yield
    with psycopg.connect(stack.postgres.url, cursor_factory=psycopg.ClientCursor, autocommit=True) as connection:

        def effects_to_come() -> bool:
            return bool(connection.execute("SELECT FROM outbox LIMIT 1").fetchone())

        eventually(lambda: not effects_to_come(), "the effects of cancelled copies")
        connection.execute(REMOVE, {"orders": list(MADE), "copies": list(MADE.values())})


def many_orders(world: World, copies: int, **product: Any) -> tuple[Person, list[dict[str, Any]]]:
    """Return a customer with two placed orders and copies of the first."""
    ada = world.customer()
    cart = [(world.product(250, **product), 2), (world.product(500, **product), 1)]
    first = order_of(world, ada, *cart)
    world.sql(COPY, copies, first["id"])
    MADE[first["id"]] = copies
    order_of(world, ada, *cart)
    rows: list[dict[str, Any]] = []
    for page in pages(ada, "/orders", limit=100):
        rows += page["results"]
    assert len(rows) == copies + 2
    return ada, rows


@pytest.mark.parametrize("filters", [{}, {"status": "pending"}, {"q": "mug", "status": "pending,processing"}], ids=str)
@pytest.mark.parametrize("ordering", ORDERINGS)
def test_pages_lead_forth_and_back_over_each_row_once(world: World, ordering: str, filters: dict[str, str]) -> None:
    vendor_id = name("v")
    ada, orders = many_orders(world, 58, vendor=vendor_id)
    parts = [part for order in orders for part in order["vendor_orders"]]
    readers = [(ada, "/orders", {}, orders), (world.admin(), "/orders", {"customer_id": ada.id}, orders)]
    readers += [
        (world.admin(), "/orders", {"vendor_id": vendor_id}, orders),
        (world.vendor(vendor_id), "/vendor-orders", {}, parts),
    ]
    readers += [(world.admin(), "/vendor-orders", {"vendor_id": vendor_id}, parts)]
    column = ordering.removeprefix("-")

    def sort_key(row: dict[str, Any]) -> tuple[Any, str]:
        return (float(row[column]) if column == "total" else row[column], row["id"])

    for person, path, whose, rows in readers:
        forth = list(pages(person, path, ordering=ordering, limit=7, **whose, **filters))
        all_rows = [row for page in forth for row in page["results"]]
        assert [len(page["results"]) for page in forth] == [7] * 8 + [4]
        assert sorted(row["id"] for row in all_rows) == sorted(row["id"] for row in rows)
        assert all_rows == sorted(all_rows, key=sort_key, reverse=ordering.startswith("-"))
        assert forth[0]["previous"] is None
        back = list(pages(person, forth[-1]["previous"].split("/api/v1")[1], "previous"))
        assert [ids_of(page) for page in back] == [ids_of(page) for page in forth[-2::-1]]
        assert back[-1]["previous"] is None
        again = list(pages(person, back[-1]["next"].split("/api/v1")[1]))
        assert [ids_of(page) for page in again] == [ids_of(page) for page in forth[1:]]


def test_links_keep_the_filters(world: World) -> None:
    ada, orders = many_orders(world, 8)
    query: dict[str, Any] = {
        "limit": 3,
        "ordering": "total",
        "min_total": "15.00",
        "status": "pending,confirmed",
        "q": "mug",
    }
    found = [id_ for page in pages(ada, "/orders", **query) for id_ in ids_of(page)]
    assert sorted(found) == sorted(order["id"] for order in orders if float(order["total"]) >= 15)


@pytest.mark.parametrize("filtered", [{}, {"status": "pending,cancelled"}, {"q": "mug"}], ids=str)
@pytest.mark.parametrize("ordering", ORDERINGS)
def test_every_order_is_listed_once_while_others_arrive_and_change(
    world: World, ordering: str, filtered: dict[str, str]
) -> None:
    ada, orders = many_orders(world, 250)
    bob, mug = world.person("customer", ada.id), world.product()
    moving = {order["id"] for order in orders[1:-1:25]}
    finished = threading.Event()
    arrived: list[dict[str, Any]] = []

    def arrive() -> None:
        while not finished.is_set():
            arrived.append(order_of(world, bob, (mug, len(arrived) % 5 + 1))["id"])
            if len(arrived) <= len(moving):
                assert bob.post(f"/orders/{sorted(moving)[len(arrived) - 1]}/cancel").status_code == 200

    others = threading.Thread(target=arrive)
    others.start()
    try:
        seen: list[str] = []
        for page in pages(ada, "/orders", ordering=ordering, limit=10, **filtered):
            seen += ids_of(page)
            if len(seen) > 2000:
                break  # new orders arrive at the end faster than they are read
    finally:
        finished.set()
        others.join()
    assert arrived
    still = {order["id"] for order in orders} - (moving if ordering.endswith("updated_at") else set())
    assert sorted(id_ for id_ in seen if id_ in still) == sorted(still)
    if not ordering.endswith("updated_at"):
        assert len(seen) == len(set(seen))


@pytest.mark.parametrize("path", ["/orders", "/vendor-orders"])
def test_a_page_of_one_and_a_page_of_a_hundred(world: World, path: str) -> None:
    vendor_id = name("v")
    ada, _ = many_orders(world, 118, vendor=vendor_id)
    person = ada if path == "/orders" else world.vendor(vendor_id)
    hundred = [len(ids_of(page)) for page in pages(person, path, limit=100)]
    assert hundred == [100, 20]
    assert [len(ids_of(page)) for page in pages(person, path)] == [20] * 6
    ones = [ids_of(page) for page, _ in zip(pages(person, path, limit=1), range(5), strict=False)]
    assert [len(one) for one in ones] == [1] * 5
    assert len({one for [one] in ones}) == 5


def test_an_empty_list_is_one_page(world: World) -> None:
    assert world.customer().get("/orders").json() == {"next": None, "previous": None, "results": []}
    assert ids(world.vendor(f"v-{uuid.uuid4()}"), "/vendor-orders") == []
