"""A capture after the hold has expired: the stock is reserved again and sold, or the order is cancelled and refunded."""

import pytest

from tests.support.payment import ORDERS, Payment
from tests.support.records import (
    account,
    hold,
    lose_hold,
    pay,
    product_of,
    refunds,
    steps,
    trail,
    until_done,
    until_refunded,
    until_stock_is,
)
from tests.support.world import World, eventually


def test_an_expired_hold_is_renewed_and_sold(world: World, payment: Payment) -> None:
    ada = world.shopper(stock=2)
    order = ada.place()
    lose_hold(world, order["id"])
    assert world.stock(product_of(order))["available"] == 2
    pay(world, order["id"])
    until_stock_is(world, order["id"], "COMMITTED")
    until_done(world, order["id"])
    stock = world.stock(product_of(order))
    assert (stock["available"], stock["held"], stock["sold"]) == (0, 0, 2)
    assert hold(world, order["id"])["commits"] == 1
    after = ada.order(order["id"])
    assert (after["status"], after["payment_status"], after["version"]) == ("confirmed", "paid", 2)
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "order.confirmed"]


def test_an_order_that_lost_its_stock_is_cancelled_and_refunded(world: World, payment: Payment) -> None:
    ada = world.shopper(stock=2)
    order = ada.place()
    lose_hold(world, order["id"])
    world.sandbox.put_product(product_of(order), stock=0)
    pay(world, order["id"])
    after = ada.order_becomes(order["id"], status="cancelled", payment_status="refunded")
    assert [part["status"] for part in after["vendor_orders"]] == ["cancelled"]
    assert after["available_actions"] == []
    assert trail(world, order["id"]) == [
        "order.placed by customer",
        "payment.paid by payment",
        "order.confirmed by payment",
        "vendor_order.cancelled by system",
        "order.cancelled by system",
        "payment.refunded by payment",
    ]
    assert [(row["amount"], row["status"]) for row in refunds(world, order["id"])] == [(2000, "refunded")]
    assert account(world, order["id"])["refunded_minor"] == 2000
    assert "payment.cancel_requested" not in account(world, order["id"])["heard"]
    stock = world.stock(product_of(order))
    assert (stock["available"], stock["held"], stock["sold"]) == (0, 0, 0)


def test_the_cancellation_of_an_order_and_its_vendor_orders_is_published(world: World, payment: Payment) -> None:
    products = [world.product(vendor=f"v-{number}", stock=1) for number in (1, 2, 3, 4)]
    ada = world.customer([(product, 1) for product in products])
    order = ada.place()
    lose_hold(world, order["id"])
    world.sandbox.put_product(products[3], stock=0)
    pay(world, order["id"], amount_minor=4000)
    ada.order_becomes(order["id"], status="cancelled")
    # One commit has written all messages, so they are published at once, not one a second.
    eventually(lambda: "order.cancelled" in payment.types(ORDERS, order["id"]), "order.cancelled", seconds=3)
    announced = payment.stream(ORDERS, order["id"])
    assert [message["type"] for message in announced] == [
        "order.placed",
        "order.confirmed",
        *["vendor_order.cancelled"] * 4,
        "order.cancelled",
    ]
    assert {message.get("vendor_id") for message in announced[2:6]} == {"v-1", "v-2", "v-3", "v-4"}
    assert steps(world, order["id"]).count("vendor_order.cancelled") == 4
    for product in products[:3]:  # all lines or none: the stock of the other lines is still available
        assert (world.stock(product)["available"], world.stock(product)["held"]) == (1, 0)


def test_of_two_orders_for_the_last_unit_the_one_paid_first_gets_it(world: World) -> None:
    mug = world.product(stock=1)
    ada, bob = world.customer([(mug, 1)]), world.customer([(mug, 1)])
    hers = ada.place()
    lose_hold(world, hers["id"])
    his = bob.place()
    pay(world, his["id"], amount_minor=1000)
    bob.order_becomes(his["id"], status="confirmed")
    until_stock_is(world, his["id"], "COMMITTED")
    pay(world, hers["id"], amount_minor=1000)
    ada.order_becomes(hers["id"], status="cancelled", payment_status="refunded")
    stock = world.stock(mug)
    assert (stock["available"], stock["held"], stock["sold"]) == (0, 0, 1)


@pytest.mark.parametrize("lost", ["ReserveStock", "CommitStock"])
def test_a_lost_response_to_the_renewed_reservation_has_no_effect(world: World, lost: str) -> None:
    ada = world.shopper(stock=2)
    order = ada.place()
    lose_hold(world, order["id"])
    with world.sandbox.fault("product", kind="unavailable_after", call=lost, times=1):
        pay(world, order["id"])
        until_stock_is(world, order["id"], "COMMITTED")
    until_done(world, order["id"])
    assert ada.order(order["id"])["status"] == "confirmed"
    assert world.stock(product_of(order))["sold"] == 2


def test_a_capture_after_the_cancellation_is_refunded(world: World) -> None:
    ada = world.shopper(stock=2)
    order = ada.place()
    lose_hold(world, order["id"])
    world.sandbox.put_product(product_of(order), stock=0)
    pay(world, order["id"])
    ada.order_becomes(order["id"], status="cancelled", payment_status="refunded")
    pay(world, order["id"])
    until_refunded(world, order["id"], 4000)
    assert ada.order_becomes(order["id"], payment_status="refunded")["status"] == "cancelled"
