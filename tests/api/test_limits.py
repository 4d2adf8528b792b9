"""Limits on one caller's writes, reservations and requests (OWASP API Security, API3 and API4)."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from compose.stack import Stack
from tests.support.problem import problem, refused_input
from tests.support.server import server
from tests.support.world import Sandbox, World

SERVERS_TO_SAY = (
    *("id", "number", "customer_id", "status", "payment_status", "currency", "version", "created_at", "expires_at"),
    *(
        "subtotal",
        "discount",
        "total",
        "items",
        "vendor_orders",
        "price",
        "unit_price",
        "vendor_id",
        "available_actions",
    ),
)


@pytest.fixture(scope="module")
def narrow_url(stack: Stack) -> Iterator[str]:
    """Yield a server that processes one checkout at a time."""
    with server(stack, "narrow", CHECKOUTS_IN_FLIGHT="1", CHECKOUT_QUEUE_MS="50") as url:
        yield url


@pytest.fixture
def narrow_world(stack: Stack, sandbox: Sandbox, narrow_url: str) -> Iterator[World]:
    with closing(World(stack, narrow_url, sandbox)) as world:
        yield world


@pytest.mark.parametrize("field", SERVERS_TO_SAY)
def test_read_only_fields_of_an_order_are_refused(either_world: World, field: str) -> None:
    ada = either_world.shopper()
    for path in ("/orders", "/orders/quote"):
        assert refused_input(ada.post(path, {field: "1"}, Idempotency_Key="k")) == [f"/{field}"]
    assert ada.get("/orders").json()["results"] == []


def test_a_full_process_sheds_load_at_once_and_recovers(narrow_world: World) -> None:
    ada, bea = narrow_world.shopper(), narrow_world.shopper()
    with ThreadPoolExecutor() as threads, narrow_world.sandbox.fault("cart", kind="delay", value=1.0, times=2):
        both = [answer.result() for answer in [threads.submit(person.checkout) for person in (ada, bea)]]
    placed, refused = sorted(both, key=lambda answer: answer.status_code)
    assert placed.status_code == 201
    problem(refused, 503, "overloaded")
    assert refused.headers["retry-after"] == "1"
    assert refused.elapsed.total_seconds() < placed.elapsed.total_seconds()
    narrow_world.sandbox.put_cart(ada.id, [{"product_id": narrow_world.product(), "quantity": 1}])
    assert ada.checkout().status_code == 201
