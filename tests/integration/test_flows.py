"""The service's two flows from end to end, with one server process and with two."""

from concurrent.futures import ThreadPoolExecutor

from tests.support.payment import COMMANDS, EVENTS, ORDERS, Payment
from tests.support.records import (
    account,
    clears,
    expire,
    hold,
    pay,
    product_of,
    trail,
    until_done,
    until_stock_is,
)
from tests.support.world import Person, World, eventually


def cart_of(world: World, person: Person) -> list[dict[str, object]]:
    """Return the Cart Service's cart of a customer."""
    return list(world.sandbox.ledger("cart")["carts"][person.id]["items"])


def test_from_the_cart_to_a_paid_order(world: World, payment: Payment) -> None:
    mug, book = world.product(1000, "v-1", stock=10), world.product(333, "v-2", stock=10, name="Book", sku="BOOK")
    ada = world.customer([(mug, 2), (book, 3)])

    order = ada.place({"note": "ring twice"})
    assert (order["status"], order["payment_status"], order["total"]) == ("pending", "unpaid", "29.99")
    assert [(world.stock(each)["available"], world.stock(each)["held"]) for each in (mug, book)] == [(8, 2), (7, 3)]

    eventually(lambda: account(world, order["id"])["state"] == "requested", "the payment request")
    assert account(world, order["id"])["amount_minor"] == 2999
    eventually(lambda: cart_of(world, ada) == [], "the cart to be cleared")

    pay(world, order["id"])
    confirmed = ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    assert confirmed["items"] == order["items"]
    until_stock_is(world, order["id"], "COMMITTED")
    assert [(world.stock(each)["held"], world.stock(each)["sold"]) for each in (mug, book)] == [(0, 2), (0, 3)]

    until_done(world, order["id"])
    assert clears(world, order["id"]) == {"heard": 1, "in_effect": 1}
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "order.confirmed"]
    assert trail(world, order["id"]) == [
        "order.placed by customer",
        "payment.paid by payment",
        "order.confirmed by payment",
    ]


def test_from_the_cart_to_an_expired_order(world: World, payment: Payment) -> None:
    ada = world.shopper(stock=10)
    order = ada.place()
    assert world.stock(product_of(order))["held"] == 2

    pay(world, order["id"], "fail")
    ada.order_becomes(order["id"], status="pending", payment_status="failed")

    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired", payment_status="voided")
    until_stock_is(world, order["id"], "RELEASED")
    stock = world.stock(product_of(order))
    assert (stock["available"], stock["held"], stock["sold"]) == (10, 0, 0)
    assert account(world, order["id"])["captured_minor"] == 0

    until_done(world, order["id"])
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "vendor_order.cancelled", "order.expired"]


def test_an_order_that_costs_nothing_is_sold_at_once(world: World) -> None:
    ada = world.shopper(price=0, stock=10)
    order = ada.place()
    assert (order["status"], order["payment_status"], order["total"]) == ("confirmed", "paid", "0.00")
    until_stock_is(world, order["id"], "COMMITTED")
    assert trail(world, order["id"]) == [
        "order.placed by customer",
        "payment.paid by system",
        "order.confirmed by system",
    ]


def test_a_cart_that_changed_since_the_checkout_is_not_cleared(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", kind="status", value=503, call="clear"):
        order = ada.place()
        world.sandbox.put_cart(ada.id, [{"product_id": product_of(order), "quantity": 1}])
    world.sql("UPDATE outbox SET available_at = now() WHERE order_id = %s", order["id"])
    until_done(world, order["id"])
    assert clears(world, order["id"])["in_effect"] == 0
    assert [item["quantity"] for item in cart_of(world, ada)] == [1]


def test_an_order_placed_at_one_process_is_read_at_another(world: World, second_world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    same_ada = second_world.person("customer", ada.id)
    assert same_ada.order(order["id"]) == order
    pay(world, order["id"])
    confirmed = ada.order_becomes(order["id"], status="confirmed")
    assert same_ada.order(order["id"]) == confirmed


def test_two_relays_publish_nothing_twice(world: World, second_world: World, payment: Payment) -> None:
    def live(number: int) -> str:
        each = (world, second_world)[number % 2]
        order_id = str(each.shopper().place()["id"])
        pay(world, order_id)
        return order_id

    with ThreadPoolExecutor(4) as crowd:
        order_ids = list(crowd.map(live, range(40)))
    admin = world.admin()
    for order_id in order_ids:
        admin.order_becomes(order_id, status="confirmed", payment_status="paid")
        until_done(world, order_id)
        assert payment.types(COMMANDS, order_id) == ["payment.requested"]
        assert payment.types(ORDERS, order_id) == ["order.placed", "order.confirmed"]
        assert payment.types(EVENTS, order_id) == ["payment.captured"]
        assert hold(world, order_id)["commits"] == 1
        assert clears(world, order_id)["in_effect"] == 1


def test_copies_of_one_checkout_at_two_processes_make_one_order(world: World, second_world: World) -> None:
    ada = world.shopper(stock=10)
    same_ada = second_world.person("customer", ada.id)
    with ThreadPoolExecutor(8) as crowd:
        answers = list(crowd.map(lambda number: (ada, same_ada)[number % 2].checkout(key="the-same"), range(16)))
    assert {answer.status_code for answer in answers} == {201}
    (order_id,) = {answer.json()["id"] for answer in answers}
    pay(world, order_id)
    ada.order_becomes(order_id, status="confirmed")
    until_stock_is(world, order_id, "COMMITTED")
    product_id = product_of(answers[0].json())
    assert (world.stock(product_id)["held"], world.stock(product_id)["sold"]) == (0, 2)
