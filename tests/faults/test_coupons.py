"""A coupon is never used beyond its limits, under any concurrency, kill or retry (promise P8)."""

import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from random import Random
from typing import Any

import httpx
import pytest

from tests.faults.conftest import kills
from tests.support.checkout_load import Client, Purchase, ensure_same, ensure_status
from tests.support.fleet import Fleet
from tests.support.world import World, eventually

CROWD = 40
"""Concurrent customers of one coupon; more would wait for the machine, not for the service."""

KILLS_AT_MOST = 20


@pytest.fixture
def unpaid(world: World) -> Iterator[None]:
    """Have Payment ignore requests, so that orders stay pending and their stock held."""
    world.sandbox.payments(behaviour="ignore")
    yield
    world.sandbox.payments(behaviour="capture", capture_after=0.3)


def purchases(world: World, count: int, product_id: str, code: str) -> list[Purchase]:
    """Return purchases of new customers, each of one unit with this coupon."""
    wanted = [Purchase(body={"coupon_code": code}) for _ in range(count)]
    for purchase in wanted:
        world.sandbox.put_user(purchase.customer)
        world.sandbox.put_cart(purchase.customer, [{"product_id": product_id, "quantity": 1}])
    return wanted


def bought(fleet: Fleet, world: World, rng: Random, wanted: list[Purchase]) -> list[httpx.Response]:
    """Return the responses to these purchases, made by CROWD customers at a time at either server, until all have one."""
    clients = threading.local()
    with ExitStack() as closed:

        def start(seed: int) -> None:
            clients.one = closed.enter_context(closing(Client(world, fleet.urls, Random(seed))))

        seeds = iter([rng.randrange(2**32) for _ in range(CROWD)])
        with ThreadPoolExecutor(CROWD, initializer=lambda: start(next(seeds))) as crowd:
            return list(crowd.map(lambda purchase: clients.one.buy(purchase), wanted))


def outcomes(answers: list[httpx.Response]) -> Counter[str]:
    return Counter(answer.json().get("reason", str(answer.status_code)) for answer in answers)


def times_used(world: World, code: str) -> tuple[int, int]:
    [row] = world.sql(
        "SELECT times_used, amount_used FROM coupon_usage u JOIN coupons c ON c.id = u.coupon_id WHERE code = %s", code
    )
    return row["times_used"], row["amount_used"]


@pytest.mark.usefixtures("unpaid")
def test_of_200_concurrent_checkouts_for_the_last_use_one_succeeds(fleet: Fleet, world: World, rng: Random) -> None:
    mug, code = world.product(stock=1000), world.coupon(usage_limit=1)
    answers = bought(fleet, world, rng, purchases(world, 200, mug, code))
    assert outcomes(answers) == {"201": 1, "used_up": 199}
    assert times_used(world, code)[0] == 1
    eventually(lambda: world.stock(mug)["held"] == 1, "the stock of the refused orders to be released", 5)


@pytest.mark.usefixtures("unpaid")
def test_300_concurrent_checkouts_spend_a_budget_to_the_last_unit(fleet: Fleet, world: World, rng: Random) -> None:
    mug = world.product(1000, stock=1000)
    code = world.coupon(budget="25.00", currency="EUR")  # 1.00 each
    answers = bought(fleet, world, rng, purchases(world, 300, mug, code))
    assert outcomes(answers) == {"201": 25, "used_up": 275}
    assert times_used(world, code) == (25, 2500)
    eventually(lambda: world.stock(mug)["held"] == 25, "the stock of the refused orders to be released", 5)


def test_a_server_killed_between_any_two_steps_takes_no_use_for_nothing(
    fleet: Fleet, world: World, rng: Random
) -> None:
    """Each round a server is killed while customers compete for some uses, and copies of each request are sent."""
    for _ in range(min(kills(), KILLS_AT_MOST)):
        limit = rng.randint(1, 20)
        mug, code = world.product(stock=1000), world.coupon(usage_limit=limit, per_customer_limit=1)
        wanted = purchases(world, 40, mug, code)
        copies = [purchase for purchase in wanted for _ in range(2)]
        victim = rng.choice(fleet.servers)
        killer = threading.Timer(rng.uniform(0, 0.5), victim.kill)
        killer.start()
        with ThreadPoolExecutor(1) as crowd:
            running = crowd.submit(bought, fleet, world, rng, copies)
            killer.join()
            victim.start()
            answers = running.result()
        first: dict[str, dict[str, Any]] = {}
        for purchase, answer in zip(copies, answers, strict=True):
            if answer.status_code == 201:
                ensure_same(answer, first.setdefault(purchase.key, answer.json()))
            else:
                ensure_status(answer, 409)
                assert answer.json()["reason"] == "used_up"
        assert len(first) == limit
        assert times_used(world, code)[0] == limit
        fleet.wait_until_ready()


def test_copies_of_a_key_at_two_servers_take_one_use_while_the_database_ends_all_connections(
    fleet: Fleet, world: World, rng: Random
) -> None:
    code, mug = world.coupon(usage_limit=5, budget="5.00", currency="EUR"), world.product(1000)
    everyone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'order-service'"
    wanted = purchases(world, 5, mug, code)
    copies = [purchase for purchase in wanted for _ in range(10)]
    with ThreadPoolExecutor(1) as crowd:
        running = crowd.submit(bought, fleet, world, rng, copies)
        for _ in range(5):
            world.sql(everyone)
        answers = running.result()
    assert outcomes(answers) == {"201": 50}
    assert len({answer.json()["id"] for answer in answers}) == 5
    assert times_used(world, code) == (5, 500)


def test_uses_follow_orders_that_expire_while_their_customers_cancel(fleet: Fleet, world: World, rng: Random) -> None:
    """Expiry and cancellation release the same uses, several in one transaction, in opposite orders of their coupons."""
    world.sandbox.payments(behaviour="ignore")
    codes = [world.coupon(stackable=True) for _ in range(4)]
    mug = world.product(stock=1000)
    wanted = purchases(world, 40, mug, codes[0])
    for purchase in wanted:
        purchase.body = {"coupon_codes": rng.sample(codes, 3)}
    try:
        orders = {answer.json()["id"]: p for answer, p in zip(bought(fleet, world, rng, wanted), wanted, strict=True)}
        world.sql("UPDATE orders SET expires_at = now() WHERE id = ANY(%s::uuid[])", list(orders))
        with closing(Client(world, fleet.urls, rng)) as client:
            for order_id, purchase in orders.items():
                answer = client.ask("POST", f"/orders/{order_id}/cancel", ("customer", purchase.customer), {})
                assert answer.status_code == 200 or answer.json()["code"] == "not_cancellable"
        ended = "SELECT id FROM orders WHERE status = 'pending' AND id = ANY(%s::uuid[])"
        eventually(lambda: not world.sql(ended, list(orders)), "every order to have ended")
    finally:
        world.sandbox.payments(behaviour="capture", capture_after=0.3)
    assert [times_used(world, code)[0] for code in codes] == [0] * 4
