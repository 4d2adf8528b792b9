"""The order writer's one statement writes the rows that the models describe, and the database refuses inconsistent rows."""

import json
import subprocess
import sys
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest

from compose.stack import CHECKOUT
from tests.support.problem import problem
from tests.support.records import pay
from tests.support.world import World, eventually


def by_the_models(world: World, *order_ids: str) -> list[dict[str, Any]]:
    """Return the orders as read by a program that uses the models only (`models_view.py`)."""
    command = [sys.executable, "-m", "tests.support.models_view", *order_ids]
    done = subprocess.run(command, cwd=CHECKOUT, env=world.stack.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def test_written_orders_are_what_the_models_read_validate_and_would_write(world: World) -> None:
    mug, book = world.product(1000, "v-1"), world.product(333, "v-2", name='Bücher – “Ada” \\ "x" 😀', sku="B'00K")
    address = {
        "name": "Ada O'Hara",
        "line1": "1 rue de l'Été",
        "line2": "",
        "city": "Paris",
        "postal_code": "75001",
        "country": "FR",
        "phone": "+33 1",
    }
    ada = world.customer([(mug, 2), (book, 3)])
    placed = ada.place({"note": 'line one\nline two \\ "quoted" — 😀', "shipping_address": address})
    yen = world.customer([(world.product(700, currency="JPY"), 3)], "JPY", default_address=address).place()
    free = world.shopper(price=0).place()
    paid_by = world.shopper()
    paid = paid_by.place()
    pay(world, paid["id"])
    paid = paid_by.order_becomes(paid["id"], status="confirmed")

    orders = [placed, yen, free, paid]
    for order, view in zip(orders, by_the_models(world, *(each["id"] for each in orders)), strict=True):
        assert view["invalid"] == []
        assert view["changed_by_saving"] == []
        assert view["order"] == {name: order[name] for name in view["order"]}
        assert view["items"] == order["items"]
        assert view["vendor_orders"] == order["vendor_orders"]
        assert view["events"] == (1 if order["version"] == 1 and order["status"] == "pending" else 3)


def test_an_order_that_arrives_just_after_a_write_is_written_at_once(world: World) -> None:
    command = [sys.executable, "-m", "tests.support.serial_writes"]
    done = subprocess.run(
        command, cwd=CHECKOUT, env=world.stack.environment, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    assert world.sql("SELECT count(*) AS n FROM orders WHERE customer_id = %s", done.stdout.strip()) == [{"n": 3}]


@contextmanager
def refused_items(world: World, name: str) -> Iterator[None]:
    """Refuse items of this name in the database for a while."""
    world.sql(f"ALTER TABLE order_items ADD CONSTRAINT no_such_item CHECK (name <> '{name}') NOT VALID")
    try:
        yield
    finally:
        world.sql("ALTER TABLE order_items DROP CONSTRAINT no_such_item")


def test_an_order_that_the_database_refuses_leaves_no_row_and_affects_no_other_order(world: World) -> None:
    refused, others = world.shopper(name="refused"), [world.shopper() for _ in range(7)]
    with refused_items(world, "refused"), ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda person: person.checkout().status_code, [refused, *others]))
    assert answers == [500, *[201] * 7]
    assert world.sql("SELECT id FROM orders WHERE customer_id = %s", refused.id) == []
    refused.place()


def test_orders_whose_lock_times_out_are_refused_as_unavailable(world: World) -> None:
    shoppers = [world.shopper() for _ in range(4)]  # two are written at once, and the others together behind them
    with psycopg.connect(world.stack.postgres.url) as other, ThreadPoolExecutor(4) as crowd:
        other.execute("LOCK TABLE order_items IN SHARE MODE")
        answers = list(crowd.map(lambda person: person.checkout(key="k"), shoppers))
    for answer in answers:
        problem(answer, 503, "dependency_unavailable", "dependency")
    assert [person.checkout(key="k").status_code for person in shoppers] == [201] * 4


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE order_events SET type = 'order.paid' WHERE order_id = %s",
        "UPDATE order_events SET at = now() WHERE order_id = %s",
        "DELETE FROM order_events WHERE order_id = %s",
        "WITH one AS (SELECT %s::uuid) DELETE FROM order_events",
    ],
)
def test_an_audit_entry_cannot_be_changed_or_deleted(world: World, statement: str) -> None:
    order = world.shopper().place()
    before = world.sql("SELECT * FROM order_events WHERE order_id = %s", order["id"])
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        world.sql(statement, order["id"])
    assert world.sql("SELECT * FROM order_events WHERE order_id = %s", order["id"]) == before


@pytest.mark.parametrize("statement", ["TRUNCATE order_events", "TRUNCATE orders CASCADE"])
def test_the_audit_trail_cannot_be_truncated(world: World, statement: str) -> None:
    world.shopper().place()
    assert "append-only" in eventually(lambda: refusal_of(world, statement), "a refusal")


def refusal_of(world: World, statement: str) -> str | None:
    """Return the words of the trigger; None if the statement met a job that locks the same tables in another order."""
    try:
        world.sql(statement)
    except psycopg.errors.DeadlockDetected:
        return None
    except psycopg.errors.RaiseException as refusal:
        return str(refusal)
    pytest.fail(f"{statement} was executed.")


def test_an_order_with_a_history_cannot_be_deleted(world: World) -> None:
    order = world.shopper().place()
    with pytest.raises(psycopg.errors.ForeignKeyViolation):
        world.sql("DELETE FROM orders WHERE id = %s", order["id"])


@pytest.mark.parametrize(
    "change",
    [
        "orders SET total = -1",
        "orders SET total = -1, subtotal = -1",
        "orders SET discount = -1, total = subtotal + 1",
        "orders SET discount = subtotal + 1, total = -1",
        "orders SET total = total + 1",
        "orders SET status = 'paid'",
        "orders SET payment_status = 'confirmed'",
        "vendor_orders SET total = -1, subtotal = -1",
        "vendor_orders SET total = total + 1",
        "vendor_orders SET status = 'expired'",
        "order_items SET quantity = 0, total = 0",
        "order_items SET quantity = -2, total = -2 * unit_price",
        "order_items SET unit_price = -1, total = -quantity",
        "order_items SET total = total + 1",
        "payment_events SET amount = -1",
        "refunds SET amount = 0",
        "refunds SET amount = -1",
    ],
)
def test_the_database_refuses(world: World, change: str) -> None:
    order_id = world.shopper().place()["id"]
    column = "id" if change.startswith("orders") else "order_id"
    with psycopg.connect(world.stack.postgres.url) as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "INSERT INTO refunds (id, order_id, amount, status, attempts)"
            " VALUES (gen_random_uuid(), %s, 1, 'refunded', 1)",
            [order_id],
        )
        connection.execute(
            "INSERT INTO payment_events"
            " (event_id, order_id, claimed_order_id, type, amount, currency, message, occurred_at)"
            " VALUES (gen_random_uuid(), %s, %s, 'payment.failed', 0, '', '{}', now())",
            [order_id, order_id],
        )
        with pytest.raises(psycopg.errors.CheckViolation):
            connection.execute(f"UPDATE {change} WHERE {column} = %s".encode(), [order_id])


def test_an_event_id_and_a_sequence_number_in_the_trail_are_unique(world: World) -> None:
    order = world.shopper().place()
    event = "event_id, claimed_order_id, type, amount, currency, message, occurred_at"
    values = "%s, %s, 'payment.captured', 1, 'EUR', '{}', now()"
    event_id = str(uuid.uuid4())
    world.sql(
        f"INSERT INTO payment_events ({event}, order_id) VALUES ({values}, %s)", event_id, order["id"], order["id"]
    )
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.sql(f"INSERT INTO payment_events ({event}) VALUES ({values})", event_id, order["id"])
    world.sql("DELETE FROM payment_events WHERE event_id = %s", event_id)
    columns = "order_id, vendor_order_id, sequence, type, from_status, to_status, actor_role, request_id, data, at"
    with pytest.raises(psycopg.errors.UniqueViolation):
        world.sql(
            f"INSERT INTO order_events ({columns}) SELECT {columns} FROM order_events WHERE order_id = %s", order["id"]
        )
