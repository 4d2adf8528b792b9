"""An order that is not paid in time expires: its stock is released, its payment cancelled, and late money refunded."""

from typing import Any

import psycopg
import pytest

from tests.support.payment import ORDERS, Payment
from tests.support.records import (
    account,
    expire,
    ledger,
    lose_hold,
    make_status_request_due,
    pay,
    product_of,
    start_job,
    steps,
    trail,
    until_counted,
    until_done,
    until_requested,
    until_stock_is,
)
from tests.support.world import Person, World, eventually


def test_beat_expires_an_overdue_order(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", order["id"])
    expired = ada.order_becomes(order["id"], status="expired")
    assert expired["version"] == 2
    assert [part["status"] for part in expired["vendor_orders"]] == ["cancelled"]
    assert trail(world, order["id"])[:3] == [
        "order.placed by customer",
        "vendor_order.cancelled by system",
        "order.expired by system",
    ]


def test_a_job_that_a_lock_stopped_is_done_at_a_later_tick(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    log = world.stack.logs / "worker.log"
    begin = log.stat().st_size
    with psycopg.connect(world.stack.postgres.url) as connection:
        connection.execute("LOCK TABLE refunds IN ACCESS EXCLUSIVE MODE")  # longer than lock_timeout
        world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", order["id"])
        eventually(lambda: b'"task_postponed"' in log.read_bytes()[begin:], "the job to give up the lock")
    ada.order_becomes(order["id"], status="expired")
    assert b"Traceback" not in log.read_bytes()[begin:], "a postponed job is no failure"


def test_an_order_does_not_expire_before_its_time(world: World) -> None:
    ada, bob = world.shopper(), world.shopper()
    living, dying = ada.place(), bob.place()
    (row,) = world.sql(
        "SELECT extract(epoch FROM expires_at - created_at)::int AS seconds FROM orders WHERE id = %s", living["id"]
    )
    assert row["seconds"] == 900  # ORDER_EXPIRY_SECONDS
    expire(world, dying["id"])
    bob.order_becomes(dying["id"], status="expired")
    assert ada.order(living["id"]) == living


def test_the_stock_of_an_expired_order_is_available_again(world: World) -> None:
    ada = world.shopper(stock=2)
    order = ada.place()
    stock = world.stock(product_of(order))
    assert (stock["available"], stock["held"], stock["sold"]) == (0, 2, 0)
    expire(world, order["id"])
    until_stock_is(world, order["id"], "RELEASED")
    stock = world.stock(product_of(order))
    assert (stock["available"], stock["held"], stock["sold"]) == (2, 0, 0)
    world.sandbox.put_cart(ada.id, [{"product_id": product_of(order), "quantity": 2}])
    assert ada.place()["status"] == "pending"


def test_an_expiry_is_published_to_payment_and_to_subscribers(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    until_requested(world, order["id"])
    expire(world, order["id"])
    voided = ada.order_becomes(order["id"], status="expired", payment_status="voided")
    assert voided["version"] == 3
    assert account(world, order["id"])["heard"] == {"payment.requested": 1, "payment.cancel_requested": 1}
    types = [message["type"] for message in payment.wait_for(ORDERS, order["id"], 3)]
    assert types == ["order.placed", "vendor_order.cancelled", "order.expired"]
    assert trail(world, order["id"])[-2:] == ["order.expired by system", "payment.voided by payment"]


def test_a_paid_order_never_expires(world: World) -> None:
    ada, bob = world.shopper(), world.shopper()
    paid, unpaid = ada.place(), bob.place()
    pay(world, paid["id"])
    confirmed = ada.order_becomes(paid["id"], status="confirmed")
    expire(world, paid["id"], unpaid["id"])
    bob.order_becomes(unpaid["id"], status="expired")
    assert ada.order(paid["id"])["status"] == "confirmed"
    assert ada.order(paid["id"])["version"] == confirmed["version"]


@pytest.mark.parametrize("word", ["authorize", "fail"])
def test_an_order_with_an_authorized_or_failed_payment_expires(world: World, word: str) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"], word)
    until_counted(world, order["id"], 1)
    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired", payment_status="voided")
    until_stock_is(world, order["id"], "RELEASED")


def test_a_partly_paid_order_expires_and_is_refunded(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"], amount_minor=1999)
    ada.order_becomes(order["id"], payment_status="partially_paid")
    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired", payment_status="refunded")
    assert account(world, order["id"])["refunded_minor"] == 1999
    assert "payment.cancel_requested" not in account(world, order["id"])["heard"]  # after a capture it would be ignored
    assert steps(world, order["id"]) == [
        "order.placed",
        "payment.partially_paid",
        "vendor_order.cancelled",
        "order.expired",
        "payment.refunded",
    ]


def test_the_payment_status_of_an_expired_order_is_no_longer_requested(world: World) -> None:
    ada, bob = world.shopper(), world.shopper()
    expired, pending = ada.place(), bob.place()
    expire(world, expired["id"])
    ada.order_becomes(expired["id"], status="expired")
    make_status_request_due(world, expired["id"], pending["id"])
    eventually(lambda: "payment.status_requested" in account(world, pending["id"])["heard"], "the status request")
    assert "payment.status_requested" not in account(world, expired["id"])["heard"]


def test_an_order_whose_hold_expired_first_expires(world: World) -> None:
    ada = world.shopper(stock=2)
    order = ada.place()
    lose_hold(world, order["id"])
    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired")
    until_done(world, order["id"])
    assert world.stock(product_of(order))["available"] == 2


def test_concurrent_expiry_and_capture_leave_an_order_sold_or_refunded(world: World) -> None:
    admin, orders = world.admin(), [world.shopper(stock=2).place() for _ in range(24)]
    for order in orders:
        until_requested(world, order["id"])
    for four in (orders[start : start + 4] for start in range(0, len(orders), 4)):
        start_job(world, "orders.expire_overdue")
        for order in four[:2]:
            pay(world, order["id"])
        world.sql("UPDATE orders SET expires_at = now() WHERE id = ANY(%s::uuid[])", [order["id"] for order in four])
        start_job(world, "orders.expire_overdue")
        for order in four[2:]:
            pay(world, order["id"])
    assert {sold_or_refunded(world, admin, order) for order in orders} <= {"confirmed", "expired"}


def sold_or_refunded(world: World, admin: Person, order: dict[str, Any]) -> str:
    """Wait until an order that was captured and expired at once is at rest; return its status."""
    order_id = order["id"]
    eventually(lambda: admin.order(order_id)["status"] != "pending", "the order to reach its final status")
    eventually(
        lambda: "payment.captured" in [row["type"] for row in ledger(world, order_id)], "the capture to be counted"
    )
    status = str(admin.order(order_id)["status"])
    sold = status == "confirmed"
    admin.order_becomes(order_id, payment_status="paid" if sold else "refunded")
    until_stock_is(world, order_id, "COMMITTED" if sold else "RELEASED")
    until_done(world, order_id)
    stock = world.stock(product_of(order))
    assert (stock["held"], stock["sold"]) == (0, 2 if sold else 0)
    assert account(world, order_id)["refunded_minor"] == (0 if sold else 2000)
    return status
