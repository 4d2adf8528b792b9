"""One version of a cart makes one order, over several tabs, processes and keys."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.problem import problem
from tests.support.records import expire, pay, until_done
from tests.support.world import Person, World, eventually


def refill(world: World, person: Person, product_id: str, version: int) -> None:
    """Put the ordered cart back, version included: a Cart that was restored. Pending effects of the order clear it again."""
    world.sandbox.put_cart(person.id, [{"product_id": product_id, "quantity": 1}], version=version)


def one_mug(world: World, **product: Any) -> tuple[Person, str, int]:
    """Return a customer with a mug in the cart, the mug, and the cart's version."""
    mug = world.product(1000, **product)
    ada = world.customer()
    cart = world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 1}])
    return ada, mug, int(cart["version"])


def test_another_key_does_not_order_the_same_cart_again(either_world: World) -> None:
    ada, mug, version = one_mug(either_world)
    order = ada.place()
    until_done(either_world, order["id"])
    refill(either_world, ada, mug, version)
    refused = problem(ada.checkout(), 409, "cart_already_ordered", "order_id")
    assert refused["order_id"] == order["id"]
    assert either_world.stock(mug)["held"] == 1


def test_the_same_key_still_returns_its_order(world: World) -> None:
    ada, mug, version = one_mug(world)
    first = ada.checkout(key="k")
    until_done(world, first.json()["id"])
    refill(world, ada, mug, version)
    again = ada.checkout(key="k")
    assert (again.status_code, again.json()) == (201, first.json())


def test_a_cart_whose_order_has_the_last_of_the_stock_is_already_ordered_not_out_of_stock(world: World) -> None:
    ada, mug, version = one_mug(world, stock=1)
    order = ada.place()
    until_done(world, order["id"])
    refill(world, ada, mug, version)
    assert problem(ada.checkout(), 409, "cart_already_ordered", "order_id")["order_id"] == order["id"]


def test_of_many_tabs_in_two_processes_one_orders(world: World, second_world: World) -> None:
    for _ in range(5):
        ada, mug, _ = one_mug(world)
        tabs = [ada, second_world.person("customer", ada.id)] * 6
        with (
            world.sandbox.fault("cart", kind="delay", value=0.05, call="clear"),
            ThreadPoolExecutor(len(tabs)) as crowd,
        ):
            answers = list(crowd.map(lambda tab: tab.checkout(key=str(uuid.uuid4())), tabs))
        placed = [answer for answer in answers if answer.status_code == 201]
        assert len(placed) == 1, [answer.text for answer in answers]
        for answer in answers:
            if answer.status_code == 422:  # the cart was cleared before this request arrived
                problem(answer, 422, "empty_cart")
            elif answer.status_code != 201:
                refused = problem(answer, 409, "cart_already_ordered", "order_id")
                assert refused["order_id"] == placed[0].json()["id"]
        eventually(partial(holds_one, world, mug), "the refused checkouts to hold nothing", seconds=5)


def holds_one(world: World, product_id: str) -> bool:
    return bool(world.stock(product_id)["held"] == 1)


def test_another_version_is_another_order(world: World) -> None:
    ada, mug, version = one_mug(world)
    first = ada.place()
    until_done(world, first["id"])
    refill(world, ada, mug, version + 10)
    assert ada.place()["id"] != first["id"]


def test_another_customers_cart_of_the_same_version_is_another_order(world: World) -> None:
    ada, mug, version = one_mug(world)
    ada.place()
    bob = world.customer()
    refill(world, bob, mug, version)
    bob.place()


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_cart_whose_order_has_ended_can_be_ordered_again(world: World, end: str) -> None:
    ada, mug, version = one_mug(world)
    order = ada.place()
    if end == "expired":
        expire(world, order["id"])
    else:
        assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
    ada.order_becomes(order["id"], status=end)
    until_done(world, order["id"])
    refill(world, ada, mug, version)
    assert ada.place()["id"] != order["id"]


def test_a_paid_order_still_keeps_its_cart_from_being_ordered_again(world: World) -> None:
    ada, mug, version = one_mug(world)
    order = ada.place()
    pay(world, order["id"], amount_minor=1000)
    ada.order_becomes(order["id"], status="confirmed")
    until_done(world, order["id"])
    refill(world, ada, mug, version)
    answer: httpx.Response = ada.checkout()
    assert problem(answer, 409, "cart_already_ordered", "order_id")["order_id"] == order["id"]
