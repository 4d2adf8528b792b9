"""Limits of open streams per caller and per process, and the slots that opening streams take from other requests."""

import socket
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager

import httpx
import pytest

from compose.stack import Stack
from tests.support.locks import orders_locked
from tests.support.market import Market
from tests.support.problem import problem
from tests.support.server import server
from tests.support.streams import StreamClient, open_stream
from tests.support.world import Person, Sandbox, World, eventually

FOR_EACH, IN_ALL = 3, 5


@pytest.fixture(scope="module")
def limited_url(stack: Stack) -> Iterator[str]:
    settings = {"RATE_LIMITS": f"streams={FOR_EACH}", "STREAMS_IN_FLIGHT": str(IN_ALL), "REQUESTS_IN_FLIGHT": "4"}
    with server(stack, "limited", **settings) as url:
        yield url


@pytest.fixture
def limited(stack: Stack, sandbox: Sandbox, limited_url: str) -> Iterator[World]:
    """Yield a server process with few slots for streams."""
    with closing(World(stack, limited_url, sandbox)) as world:
        yield world


@contextmanager
def open_streams(person: Person, path: str, count: int) -> Iterator[list[StreamClient]]:
    with ExitStack() as closing_all:
        opened = [closing_all.enter_context(open_stream(person, path)) for _ in range(count)]
        assert [each.answer.status for each in opened] == [200] * count
        yield opened


def test_a_caller_has_a_limit_of_streams_and_a_closed_one_frees_its_slot(limited: World) -> None:
    market = Market(limited, 1000, 333)
    sale = market.sell()
    customer, vendor, path = market.customer, market.vendors[0], f"/orders/{sale.id}/stream"
    with open_streams(customer, path, FOR_EACH) as streams:
        refused = customer.get(path)
        problem(refused, 429, "rate_limited", "violated-policies")
        assert refused.headers["retry-after"] == "10"
        assert customer.http.head(f"/api/v1{path}").status_code == 429
        other = limited.person("customer", customer.id)  # another token of the same caller
        problem(other.get(path), 429, "rate_limited", "violated-policies")
        problem(
            customer.get(f"/vendor-orders/{sale.parts[0]}/stream"), 429, "rate_limited", "violated-policies"
        )  # before 403
        assert customer.get("/orders").status_code == 200
        with open_streams(vendor, f"/vendor-orders/{sale.parts[0]}/stream", 1):
            pass
        streams[0].__exit__(None, None, None)
        eventually(lambda: customer.http.head(f"/api/v1{path}").status_code == 200, "the slot to be free")
        with open_streams(customer, path, 1):
            problem(customer.get(path), 429, "rate_limited", "violated-policies")


def test_refused_streams_take_no_slot(limited: World) -> None:
    customer, vendor = limited.shopper(), limited.vendor("v-1")
    path = f"/orders/{customer.place()['id']}/stream"
    for _ in range(2 * IN_ALL):
        assert limited.customer().get(path).status_code == 404
        assert vendor.get(path).status_code == 403
        assert customer.get(path, params={"x": 1}).status_code == 400
        assert customer.http.head(f"/api/v1{path}").status_code == 200
    with open_streams(customer, path, FOR_EACH):
        pass


def test_a_process_has_a_limit_of_streams_and_returns_503_beyond(limited: World) -> None:
    people = [limited.shopper() for _ in range(IN_ALL + 1)]
    paths = [f"/orders/{person.place()['id']}/stream" for person in people]
    with ExitStack() as closing_all:
        for person, path in list(zip(people, paths, strict=True))[:IN_ALL]:
            closing_all.enter_context(open_streams(person, path, 1))
        for person, path in zip(people, paths, strict=True):
            refused = person.get(path)
            problem(refused, 503, "overloaded")
            assert int(refused.headers["retry-after"]) >= 1
        url = f"{limited.url}/api/v1{paths[0]}"
        assert httpx.get(url, trust_env=False).status_code == 503  # before 401
        assert people[-1].get("/orders").status_code == 200
    eventually(lambda: people[-1].http.head(f"/api/v1{paths[-1]}").status_code == 200, "a free slot")


@pytest.mark.parametrize("query", ["", "?x=1"])
def test_opening_streams_take_no_more_slots_than_there_are(limited: World, query: str) -> None:
    customer = limited.customer()
    order_id = limited.shopper().place()["id"]
    people = [limited.customer() for _ in range(12)]
    with ThreadPoolExecutor(len(people)) as threads:
        with orders_locked(limited):
            asking = [threads.submit(person.get, f"/orders/{order_id}/stream{query}") for person in people]
            eventually(
                lambda: sum(each.done() for each in asking) >= 8, "the streams beyond the slots to be refused", 2
            )
        statuses = Counter(each.result().status_code for each in asking)
    assert statuses[503] >= 8
    assert statuses.keys() <= {404, 503}
    assert customer.get("/orders").status_code == 200


def test_a_client_that_disconnects_while_its_stream_opens_frees_its_slot(limited: World) -> None:
    customer = limited.shopper()
    path = f"/orders/{customer.place()['id']}/stream"
    authorization = customer.http.headers["authorization"]
    for _ in range(3 * IN_ALL):
        with socket.create_connection(("127.0.0.1", int(limited.url.rsplit(":", 1)[1]))) as connection:
            head = f"GET /api/v1{path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: {authorization}\r\n\r\n"
            connection.sendall(head.encode())

    def all_free() -> bool:
        with ExitStack() as closing_all:
            opened = [closing_all.enter_context(open_stream(customer, path)) for _ in range(FOR_EACH)]
            return all(each.answer.status == 200 for each in opened)

    eventually(all_free, "the slots to be free")


def test_without_rate_limits_a_caller_may_have_as_many_streams_as_the_process(world: World) -> None:
    customer = world.shopper()
    with open_streams(customer, f"/orders/{customer.place()['id']}/stream", 25):
        pass


def test_by_default_a_caller_has_twenty(stack: Stack, sandbox: Sandbox) -> None:
    with server(stack, "default limits", RATE_LIMITS="") as url, closing(World(stack, url, sandbox)) as world:
        customer = world.shopper()
        path = f"/orders/{customer.place()['id']}/stream"
        with open_streams(customer, path, 20):
            problem(customer.get(path), 429, "rate_limited", "violated-policies")
