"""A migration under a running server: statements prepared on its connections are prepared anew."""

import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import httpx
import pytest

from tests.support.records import pay
from tests.support.world import Person, World

CALLERS = 8
"""Enough for every thread of the database to be busy, and few enough for none to wait long."""

CHANGES = {
    "a column more": (
        "ALTER TABLE {table} ADD COLUMN later text NOT NULL DEFAULT 'x'",
        "ALTER TABLE {table} DROP COLUMN later",
    ),
    "a longer text": (
        "ALTER TABLE {table} ALTER COLUMN {text} TYPE varchar(2000)",
        "ALTER TABLE {table} ALTER COLUMN {text} TYPE {type}",
    ),
}
TEXTS = {"orders": "note", "order_items": "name", "vendor_orders": "status", "outbox": "kind"}


@contextmanager
def changed(world: World, change: str, table: str) -> Iterator[None]:
    """Apply a migration's change of the schema for a while."""
    there, back = CHANGES[change]
    text = TEXTS[table]
    [column] = world.sql(
        "SELECT format_type(atttypid, atttypmod) AS type FROM pg_attribute WHERE attrelid = %s::regclass AND attname = %s",
        *(table, text),
    )
    words = {"table": table, "text": text, "type": column["type"]}
    world.sql(there.format(**words))
    try:
        yield
    finally:
        world.sql(back.format(**words))


def requests(world: World, buyer: Person, order_id: str) -> list[Callable[[], httpx.Response]]:
    """Return requests that read and write these tables and may be repeated."""
    admin = world.admin()
    return [
        lambda: buyer.get(f"/orders/{order_id}"),
        lambda: buyer.get("/orders"),
        lambda: admin.get("/vendor-orders?limit=2"),
        lambda: admin.get("/orders?limit=2"),
        lambda: buyer.get(f"/orders/{order_id}/history"),
        lambda: buyer.get(f"/orders/{order_id}/tracking"),
        lambda: buyer.post(f"/orders/{order_id}/cancel"),
        lambda: world.shopper().checkout(),
    ]


def refused(requests: list[Callable[[], httpx.Response]]) -> list[str]:
    """Return the failures among these requests, sent often enough that each connection runs each statement."""
    with ThreadPoolExecutor(CALLERS) as callers:
        sent = [callers.submit(request) for _ in range(CALLERS) for request in requests]
        return [answer.result().text for answer in sent if not answer.result().is_success]


@pytest.mark.parametrize("table", TEXTS)
@pytest.mark.parametrize("change", CHANGES)
def test_a_migration_under_a_running_server_breaks_no_request(world: World, change: str, table: str) -> None:
    buyer = world.shopper()
    order_id = buyer.place()["id"]
    work = requests(world, buyer, order_id)
    assert refused(work) == []
    with changed(world, change, table):
        assert refused(work) == []
        paid_by = world.shopper()
        paid = paid_by.place({"note": str(uuid.uuid4())})
        pay(world, paid["id"])
        paid_by.order_becomes(paid["id"], status="confirmed")
    assert refused(work) == []
