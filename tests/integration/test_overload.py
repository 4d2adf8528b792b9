"""More requests than a process can serve in time: it serves up to its limit, sheds the others at once, and stays healthy."""

import socket
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from time import monotonic
from urllib.parse import urlsplit

import httpx
import pytest

from compose.ports import HOST
from compose.stack import Stack
from tests.support.locks import orders_locked
from tests.support.problem import problem
from tests.support.server import server
from tests.support.world import Person, Sandbox, World, eventually

SETTINGS = {"CHECKOUTS_IN_FLIGHT": "4", "CHECKOUT_QUEUE_MS": "100", "REQUESTS_IN_FLIGHT": "4"}

pytestmark = pytest.mark.serial


@pytest.fixture
def small(stack: Stack, sandbox: Sandbox) -> Iterator[World]:
    """Yield a server process with low limits."""
    with server(stack, "small", **SETTINGS) as url, closing(World(stack, url, sandbox)) as world:
        yield world


def counted(world: World, what: str) -> float:
    lines = httpx.get(f"{world.url}/metrics", trust_env=False, verify=False).text.splitlines()
    return sum(float(line.split()[-1]) for line in lines if line.startswith(f'requests_shed_total{{what="{what}"}}'))


def test_checkouts_beyond_the_limit_are_refused_early_and_the_others_placed(small: World) -> None:
    shoppers = [small.shopper() for _ in range(60)]
    with ThreadPoolExecutor(len(shoppers)) as threads, small.sandbox.fault("cart", kind="delay", value=0.2, call="get"):
        answers = list(threads.map(lambda shopper: shopper.checkout(), shoppers))
    statuses = Counter(answer.status_code for answer in answers)
    assert statuses.keys() == {201, 503}
    assert statuses[201] >= 4
    for answer in answers:
        if answer.status_code == 503:
            problem(answer, 503, "overloaded")
            assert answer.headers["Retry-After"] == "1"


def test_a_checkout_that_would_wait_beyond_the_limit_is_shed_at_once(small: World) -> None:
    """Once the rate is known, load shedding precedes authentication and the body."""
    stop = threading.Event()

    def ask(shopper: Person) -> None:
        while not stop.is_set():
            # Sold out (409) when admitted, 503 when shed: the load at that moment decides.
            assert shopper.checkout().status_code in (409, 503)

    sold_out = [small.shopper(stock=0) for _ in range(24)]
    with ThreadPoolExecutor(24) as threads, small.sandbox.fault("cart", kind="delay", value=0.05, call="get"):
        try:
            asking = [threads.submit(ask, shopper) for shopper in sold_out]
            eventually(lambda: counted(small, "checkout") > 0, "checkouts to be shed")
            assert httpx.get(f"{small.url}/healthz", trust_env=False, verify=False, timeout=2).status_code == 200
        finally:
            stop.set()
    assert not any(future.exception() for future in asking)
    assert small.shopper().place()["status"] == "pending"


def test_requests_beyond_the_limit_are_refused_at_once(small: World) -> None:
    shopper = small.shopper()
    shopper.place()
    with ExitStack() as ending:
        threads = ending.enter_context(ThreadPoolExecutor(4))
        with orders_locked(small):
            waiting = [threads.submit(shopper.get, "/orders") for _ in range(4)]
            refusal = eventually(lambda: refused(small), "a request to be refused")
            began = monotonic()
            assert httpx.get(f"{small.url}/healthz", trust_env=False, verify=False).status_code == 200
            assert monotonic() - began < 0.5
        problem(refusal, 503, "overloaded")
        assert refusal.headers["Retry-After"] == "1"
        assert counted(small, "request") >= 1
        # The waiting requests are served once the lock is released, unless their wait is over before.
        assert {future.result().status_code for future in waiting} <= {200, 503}
    assert shopper.get("/orders").status_code == 200


def refused(world: World) -> httpx.Response | None:
    """Send one more request and return the response if it is shed, which precedes authentication."""
    answer = httpx.get(f"{world.url}/api/v1/orders", trust_env=False, verify=False, headers={"X-Request-ID": "mine"})
    if answer.status_code != 503:
        return None
    assert answer.headers["X-Request-ID"] == "mine"
    return answer


UNREAD = "/api/doc/swagger-ui-bundle.js"
"""A response of 1.4 MB: four of them are more than the kernel's buffers take."""


def test_responses_that_are_not_read_take_no_slot(small: World) -> None:
    customer = small.shopper()
    customer.place()
    authorization = f"Authorization: {customer.http.headers['authorization']}\r\n"
    requests = "".join(
        f"GET {path} HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n" for path in (UNREAD, "/api/v1/orders")
    )
    with ExitStack() as closing_all:
        for _ in range(12):
            connection = closing_all.enter_context(socket.socket())
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.connect((HOST, urlsplit(small.url).port))
            connection.sendall(requests.encode() * 4)
        eventually(lambda: are_served(customer, 20), "the slots to be free")


def are_served(customer: Person, times: int) -> bool:
    """Return whether this number of consecutive requests is served."""
    return all(customer.get("/orders").status_code == 200 for _ in range(times))
