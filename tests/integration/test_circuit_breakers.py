"""Circuit breakers: calls to a failing neighbour stop, its callers get a 503 at once, and a probe soon tries again."""

import re
from collections.abc import Callable, Iterator
from contextlib import closing
from time import monotonic
from typing import Any

import httpx
import pytest

from compose.stack import Stack
from tests.support.problem import problem
from tests.support.server import server
from tests.support.world import Person, Sandbox, World, eventually

OPEN_SECONDS = 1.0
SETTINGS = {"CIRCUIT_FAILURE_RATIO": "0.5", "CIRCUIT_OPEN_SECONDS": str(OPEN_SECONDS)}


@pytest.fixture
def guarded(stack: Stack, sandbox: Sandbox) -> Iterator[World]:
    """Yield a server process of its own with the default breakers and a shorter pause."""
    with server(stack, "guarded", **SETTINGS) as url, closing(World(stack, url, sandbox)) as world:
        yield world


@pytest.fixture(scope="module")
def closed_url(stack: Stack) -> Iterator[str]:
    """Yield a server process for the tests that open no circuit: they leave it as they found it."""
    with server(stack, "closed", **SETTINGS) as url:
        yield url


@pytest.fixture
def closed(stack: Stack, sandbox: Sandbox, closed_url: str) -> Iterator[World]:
    with closing(World(stack, closed_url, sandbox)) as world:
        yield world


def metric(world: World, name: str) -> float:
    """Return the value of a line of /metrics."""
    text = httpx.get(f"{world.url}/metrics", trust_env=False, verify=False).text
    found = re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)
    return float(found[1]) if found else 0.0


def calls_ended(world: World, neighbour: str) -> float:
    """Return the number of calls to a neighbour that have ended in this process."""
    return sum(
        metric(world, f'neighbour_call_seconds_count{{neighbour="{neighbour}",outcome="{outcome}"}}')
        for outcome in ("answered", "failed")
    )


def is_open(world: World, neighbour: str) -> bool:
    return metric(world, f'neighbour_circuit_open{{circuit="{neighbour}"}}') == 1


def refused_at_once(person: Person, neighbour: str) -> int:
    """Return the Retry-After of a checkout that is refused without a call to the neighbour."""
    began = monotonic()
    body = problem(answer := person.checkout(), 503, "dependency_unavailable", "dependency")
    assert monotonic() - began < 0.5
    assert body["dependency"] == neighbour
    return int(answer.headers["Retry-After"])


@pytest.mark.parametrize(
    ("neighbour", "fault"),
    [
        ("user", {"kind": "status", "value": 500}),
        ("cart", {"kind": "reset"}),
        ("product", {"kind": "unavailable_before"}),
        ("product", {"kind": "status", "value": "INTERNAL"}),
    ],
)
def test_an_open_circuit_refuses_calls_until_one_probe_succeeds(
    guarded: World, neighbour: str, fault: dict[str, Any]
) -> None:
    shopper = guarded.shopper()
    with guarded.sandbox.fault(neighbour, **fault):
        eventually(lambda: shopper.checkout().status_code == 503 and is_open(guarded, neighbour), "the circuit to open")
        before = calls_ended(guarded, neighbour)
        assert [refused_at_once(shopper, neighbour) for _ in range(5)] == [1] * 5
        assert calls_ended(guarded, neighbour) - before <= 1, "a probe at most"
    eventually(lambda: shopper.checkout().status_code == 201, "the probe", seconds=5)
    assert not is_open(guarded, neighbour)
    guarded.shopper().place()


def test_half_of_the_last_twenty_calls_must_fail(guarded: World) -> None:
    for _ in range(11):
        guarded.shopper().place()
    shopper = guarded.shopper()
    with guarded.sandbox.fault("cart", kind="status", value=500, call="get"):
        for _ in range(9):
            problem(shopper.checkout(), 503, "dependency_unavailable", "dependency")
        assert not is_open(guarded, "cart")
        problem(shopper.checkout(), 503, "dependency_unavailable", "dependency")
        assert is_open(guarded, "cart")


def test_a_refusal_of_an_invalid_request_opens_no_circuit(closed: World) -> None:
    shopper = closed.shopper()
    for neighbour, value in (("user", 403), ("cart", 429), ("product", "INVALID_ARGUMENT")):
        with closed.sandbox.fault(neighbour, kind="status", value=value):
            for _ in range(25):
                problem(shopper.checkout(), 503, "dependency_unavailable", "dependency")
            assert not is_open(closed, neighbour)


def unknown_activity(world: World) -> Person:
    return world.customer([(world.product(), 1)], is_active="yes")


def another_user(world: World) -> Person:
    return world.customer([(world.product(), 1)], id="somebody-else")


def no_address(world: World) -> Person:
    return world.customer([(world.product(), 1)], default_address=["Paris"])


def wrong_quantity(world: World) -> Person:
    person = world.customer()
    lines = [{"product_id": world.product(), "quantity": 0}]
    world.sandbox.put_cart(person.id, lines, raw=True, customer_id=person.id, version=1)
    return person


def no_items(world: World) -> Person:
    person = world.customer()
    world.sandbox.put_cart(person.id, [], "nonsense", raw=True, customer_id=person.id, version="7")
    return person


def unkept_vendor(world: World) -> Person:
    return world.customer([(world.product(vendor="v" * 65), 1)])


def unknown_currency(world: World) -> Person:
    return world.customer([(world.product(currency="EUR"), 1), (world.product(currency="XTS"), 1)])


def huge_name(world: World) -> Person:
    return world.customer([(world.product(name="n" * (2**20 + 1)), 1)])


@pytest.mark.parametrize(
    ("broken", "neighbour"),
    [
        (unknown_activity, "user"),
        (another_user, "user"),
        (no_address, "user"),
        (wrong_quantity, "cart"),
        (no_items, "cart"),
        (unkept_vendor, "product"),
        (unknown_currency, "product"),
        (huge_name, "product"),
    ],
)
def test_bad_data_about_one_user_cart_or_product_does_not_open_the_circuit(
    closed: World, broken: Callable[[World], Person], neighbour: str
) -> None:
    unlucky = broken(closed)
    for _ in range(40):
        body = problem(unlucky.checkout(), 503, "dependency_unavailable", "dependency")
        assert body["dependency"] == neighbour
    assert not is_open(closed, neighbour)
    closed.shopper().place()


@pytest.mark.parametrize(
    ("neighbour", "fault"),
    [
        ("user", {"kind": "wrong_types"}),
        ("user", {"kind": "garbage"}),
        ("user", {"kind": "huge"}),
        ("user", {"kind": "status", "value": 204}),
        ("cart", {"kind": "body", "value": None}),
        ("cart", {"kind": "huge"}),
        ("cart", {"kind": "status", "value": 302}),
        ("product", {"kind": "body", "value": "negative_price"}),
        ("product", {"kind": "body", "value": "other_order"}),
        ("product", {"kind": "body", "value": "huge"}),
        ("product", {"kind": "body", "value": "empty"}),
    ],
)
def test_a_response_that_breaks_the_contract_opens_no_circuit(
    closed: World, neighbour: str, fault: dict[str, Any]
) -> None:
    shopper = closed.shopper()
    with closed.sandbox.fault(neighbour, **fault):
        for _ in range(25):
            body = problem(shopper.checkout(), 503, "dependency_unavailable", "dependency")
            assert body["dependency"] == neighbour
    assert not is_open(closed, neighbour)
    closed.shopper().place()


def test_a_probe_answered_with_bad_data_closes_the_circuit(guarded: World) -> None:
    shopper, unlucky = guarded.shopper(), unknown_activity(guarded)
    with guarded.sandbox.fault("user", kind="status", value=500):
        eventually(lambda: shopper.checkout().status_code == 503 and is_open(guarded, "user"), "the circuit to open")
    eventually(lambda: unlucky.checkout().status_code == 503 and not is_open(guarded, "user"), "the probe", seconds=5)
    shopper.place()


def test_a_name_that_is_too_long_is_cut(closed: World) -> None:
    long = closed.customer([(closed.product(name="蛋" * 501, sku="S" * 101), 1)])
    assert [item["name"] for item in long.post("/orders/quote").json()["items"]] == ["蛋" * 500]
    [item] = long.place()["items"]
    assert (item["name"], item["sku"]) == ("蛋" * 500, "S" * 100)


def test_refusals_of_the_contract_open_no_circuit(closed: World) -> None:
    shopper = closed.shopper(stock=1)
    for _ in range(25):
        problem(shopper.checkout(), 409, "out_of_stock", "shortages")
    assert not is_open(closed, "product")


def test_a_probe_that_fails_keeps_the_circuit_open(guarded: World) -> None:
    shopper = guarded.shopper()
    with guarded.sandbox.fault("user", kind="status", value=500):
        eventually(lambda: shopper.checkout().status_code == 503 and is_open(guarded, "user"), "the circuit to open")
        before = calls_ended(guarded, "user")
        eventually(lambda: shopper.checkout().status_code == 503 and calls_ended(guarded, "user") > before, "a probe")
        assert is_open(guarded, "user")
        assert refused_at_once(shopper, "user") == 1


def test_while_one_circuit_is_open_the_rest_of_the_service_works(guarded: World) -> None:
    shopper = guarded.shopper()
    order = shopper.place()
    with guarded.sandbox.fault("cart", kind="reset", call="get"):
        eventually(lambda: shopper.checkout().status_code == 503 and is_open(guarded, "cart"), "the circuit to open")
        assert shopper.order(order["id"])["status"] == "pending"
        assert shopper.post(f"/orders/{order['id']}/cancel").status_code == 200
        assert not is_open(guarded, "user")
        assert httpx.get(f"{guarded.url}/readyz", trust_env=False).status_code == 200


def test_an_unresolved_reservation_is_released_while_the_circuit_for_reserving_is_open(
    stack: Stack, sandbox: Sandbox
) -> None:
    settings = {**SETTINGS, "CIRCUIT_OPEN_SECONDS": "60"}
    with server(stack, "guarded for long", **settings) as url, closing(World(stack, url, sandbox)) as world:
        product = world.product(stock=1000)
        shoppers = [world.customer([(product, 1)]) for _ in range(30)]
        with sandbox.fault("product", kind="unavailable_after", call="ReserveStock"):
            for shopper in shoppers:
                problem(shopper.checkout(), 503, "dependency_unavailable", "dependency")
            assert is_open(world, "product")
            assert world.stock(product)["held"] >= 10
            eventually(lambda: world.stock(product)["held"] == 0, "the holds to be released", seconds=5)


def test_while_product_fails_unresolved_reservations_wait_and_are_released_once_it_recovers(
    stack: Stack, sandbox: Sandbox
) -> None:
    as_delivered = {"CIRCUIT_FAILURE_RATIO": "0.5"}
    with server(stack, "as delivered", **as_delivered) as url, closing(World(stack, url, sandbox)) as world:
        product = world.product(stock=1000)
        shoppers = [world.customer([(product, 1)]) for _ in range(30)]
        with sandbox.fault("product", kind="unavailable_after"):
            for shopper in shoppers:
                problem(shopper.checkout(), 503, "dependency_unavailable", "dependency")
            eventually(lambda: is_open(world, "product, apart"), "the circuit to open")
            assert world.stock(product)["held"] >= 10
        eventually(lambda: world.stock(product)["held"] == 0, "the holds to be released", seconds=5)
