"""Ids carry their customer's shard, and an order placed before they did is still found under its key."""

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial

import pytest

from compose.stack import Stack
from tests.support import ids
from tests.support.problem import problem
from tests.support.records import pay, refunds, until_stock_is
from tests.support.server import server
from tests.support.world import Person, Sandbox, World, eventually

NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"


@pytest.fixture(scope="module")
def earlier_url(stack: Stack) -> Iterator[str]:
    """Yield a server process that derives order ids without a shard."""
    with server(stack, "before shards", "tests.support.before_shards:application") as url:
        yield url


@pytest.fixture
def earlier_world(stack: Stack, sandbox: Sandbox, earlier_url: str) -> Iterator[World]:
    """Yield the same marketplace at that process."""
    with closing(World(stack, earlier_url, sandbox)) as world:
        yield world


def last_bits(id_: object) -> str:
    """Return the last ten bits of a UUID."""
    return f"{uuid.UUID(str(id_)).int:0128b}"[-10:]


def orders_of(world: World, customer: Person) -> list[str]:
    return [str(row["id"]) for row in world.sql("SELECT id FROM orders WHERE customer_id = %s", customer.id)]


def test_every_id_of_a_new_order_carries_its_customers_bits(world: World) -> None:
    ada = world.customer([(world.product(vendor=vendor), 1) for vendor in ("v-1", "v-2", "v-1")])
    order = ada.checkout(key="k").json()
    pay(world, order["id"])
    ada.order_becomes(order["id"], status="confirmed")
    until_stock_is(world, order["id"], "COMMITTED")
    assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
    (refund,) = refunds(world, order["id"])

    carried = [order, *order["items"], *order["vendor_orders"], refund]
    assert [last_bits(each["id"]) for each in carried] == [ids.shard(ada.id)] * 7
    assert order["id"] == ids.order_id(ada.id, "k")
    assert "".join(f"{NUMBER_ALPHABET.index(letter):05b}" for letter in order["number"][:2]) == ids.shard(ada.id)


def test_no_other_table_refers_to_an_order(world: World) -> None:
    """A new table that refers to an order must be added to the test above; the others hold messages and coupons."""
    rows = world.sql(
        "SELECT table_name FROM information_schema.columns WHERE table_schema = 'public' AND column_name = 'id'"
        " AND data_type = 'uuid' ORDER BY 1"
    )
    assert [row["table_name"] for row in rows] == [
        *("coupon_batches", "coupon_redemptions", "coupons"),
        *("dead_letters", "order_items", "orders", "refunds", "vendor_orders"),
    ]


def test_a_key_used_before_the_upgrade_returns_its_order(world: World, earlier_world: World) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    placed = earlier_world.person("customer", ada.id).checkout(key="k")
    assert (placed.status_code, placed.json()["id"]) == (201, ids.earlier_order_id(ada.id, "k"))

    again = ada.checkout(key="k")
    assert (again.status_code, again.json()) == (201, placed.json())
    assert again.headers["idempotent-replayed"] == "true"
    assert orders_of(world, ada) == [placed.json()["id"]]
    problem(ada.checkout({"note": "another body"}, key="k"), 422, "idempotency_key_reused")
    assert world.stock(mug)["held"] == 2


def test_copies_at_an_old_process_and_a_new_one_make_one_order(world: World, earlier_world: World) -> None:
    """The unique index over a cart's version decides. A copy at the old process may get the other's order as a conflict."""
    for _ in range(5):
        mug = world.product()
        ada = world.customer([(mug, 2)])
        elsewhere = earlier_world.person("customer", ada.id)
        with world.sandbox.fault("cart", kind="delay", value=0.05, call="clear"), ThreadPoolExecutor(6) as crowd:
            answers = list(crowd.map(lambda person: person.checkout(key="k"), [ada, elsewhere] * 3))
        (order_id,) = orders_of(world, ada)
        for answer in answers:
            if answer.status_code == 201:
                assert answer.json()["id"] == order_id
            elif answer.status_code == 409:
                assert problem(answer, 409, "cart_already_ordered", "order_id")["order_id"] == order_id
            else:  # the cart was cleared before this copy arrived
                problem(answer, 422, "empty_cart")
        again = ada.checkout(key="k")
        assert (again.status_code, again.json()["id"]) == (201, order_id)
        eventually(partial(holds_two, world, mug), "the refused copies to hold nothing", seconds=5)


def test_of_two_orders_under_one_key_the_first_is_returned(world: World, earlier_world: World) -> None:
    """Two orders are possible only while old processes run, and only if the cart changed between the copies."""
    ada = world.shopper()
    new = ada.checkout(key="k").json()
    world.sandbox.put_cart(ada.id, [{"product_id": world.product(), "quantity": 1}])
    old = earlier_world.person("customer", ada.id).checkout(key="k").json()
    assert {new["id"], old["id"]} == {ids.order_id(ada.id, "k"), ids.earlier_order_id(ada.id, "k")}
    assert ada.checkout(key="k").json() == new


def holds_two(world: World, product_id: str) -> bool:
    return int(world.stock(product_id)["held"]) == 2
