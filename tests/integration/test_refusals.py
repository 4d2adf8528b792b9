"""Refusals of a server at its limits: the same response to any request, and a connection that serves the next one."""

import json
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import parse_headers
from typing import Self
from urllib.parse import urlsplit

import pytest
import uvicorn

from compose.stack import Stack
from tests.support.server import server
from tests.support.world import eventually

SILENCE_SECONDS = 3
"""Seconds without a byte, after which the server sends nothing more; less than it keeps an idle connection."""

LONG = b"x" * 1_000_000
REQUESTS = {
    "a checkout": (b"POST /api/v1/orders HTTP/1.1\r\nContent-Length: 2\r\n", b"{}"),
    "a checkout in pieces": (
        b"POST /api/v1/orders HTTP/1.1\r\nTransfer-Encoding: chunked\r\n",
        b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n",
    ),
    "more than is read": (b"POST /api/v1/orders HTTP/1.1\r\nContent-Length: %d\r\n" % len(LONG), LONG),
    "a page": (b"GET /api/v1/orders?limit=5 HTTP/1.1\r\n", b""),
    "a head": (b"HEAD /api/v1/orders HTTP/1.1\r\n", b""),
    "an escaped address": (b"GET /api/v1/%6Frders HTTP/1.1\r\n", b""),
}
"""The first lines and the body of each."""

LAST_LINES = b"Host: shop\r\nX-Request-ID: mine\r\n\r\n"


class Caller:
    """A client of one connection that sends exact bytes."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=SILENCE_SECONDS)
        self._heard = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.close()
        self.socket.close()

    def send(self, what: bytes) -> None:
        self.socket.sendall(what)

    def receive(self, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """Return the next response: status, headers by their names in lower case, body."""
        status = int(self._heard.readline().split(b" ", 2)[1])
        headers = {name.lower(): value for name, value in parse_headers(self._heard).items()}
        return status, headers, b"" if is_head else self._heard.read(int(headers.get("content-length", 0)))

    def is_closed(self) -> bool:
        """Return whether the server closes the connection without sending anything."""
        return self._heard.read() == b""


@pytest.fixture(scope="module")
def full_url(stack: Stack) -> Iterator[str]:
    """Yield a server that admits no request of the API."""
    with server(stack, "full", CHECKOUTS_IN_FLIGHT="0", REQUESTS_IN_FLIGHT="0") as url:
        yield url


@pytest.mark.parametrize("what", REQUESTS)
def test_a_refusal_is_the_same_for_every_request_and_keeps_the_connection(full_url: str, what: str) -> None:
    first_lines, content = REQUESTS[what]
    with Caller(full_url) as caller:
        for _ in range(2):
            caller.send(first_lines + LAST_LINES + content)
            status, headers, body = caller.receive(is_head=what == "a head")
            assert status == 503
            assert body == b"" if what == "a head" else json.loads(body)["request_id"] == "mine"
            assert headers.keys() >= {"date", "cache-control", "x-content-type-options"}
            assert headers["content-type"] == "application/problem+json"
            assert (headers["retry-after"], headers["x-request-id"]) == ("1", "mine")
        caller.send(b"GET /healthz HTTP/1.1\r\n" + LAST_LINES)
        assert caller.receive()[0] == 200


def test_an_http_1_0_request_is_refused_and_its_connection_closed(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.send(b"GET /api/v1/orders HTTP/1.0\r\nConnection: keep-alive\r\n" + LAST_LINES)
        assert caller.receive()[0] == 503
        assert caller.is_closed()


def test_a_request_that_expects_100_continue_gets_it_and_is_then_refused(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.send(b"POST /api/v1/orders HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + LAST_LINES)
        assert caller.receive()[0] == 100
        caller.send(b"{}")
        assert caller.receive()[0] == 503


def test_refusals_keep_their_order_among_pipelined_requests(full_url: str) -> None:
    places = ["/api/v1/orders", "/healthz", "/api/v1/orders/1", "/api/v1/1"]
    with Caller(full_url) as caller:
        asked = [f"GET {place} HTTP/1.1\r\n".encode() + LAST_LINES for place in places]
        caller.send(b"".join((*asked, b"GET /api/v1/last HTTP/1.1\r\nConnection: close\r\n", LAST_LINES)))
        responses = [caller.receive() for _ in range(5)]
        assert caller.is_closed()
    assert [status for status, _, _ in responses] == [503, 200, 503, 503, 503]
    assert [json.loads(body).get("instance", "/healthz") for _, _, body in responses] == [*places, "/api/v1/last"]


def test_nothing_is_sent_after_the_response_to_a_request_with_connection_close(full_url: str) -> None:
    with Caller(full_url) as caller:
        asked = b"GET /api/v1/orders HTTP/1.1\r\n"
        caller.send(asked + b"Connection: close\r\n" + LAST_LINES + asked + LAST_LINES)
        assert caller.receive()[0] == 503
        assert caller.is_closed()


def test_a_websocket_is_refused_once_by_a_full_server(full_url: str) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    with Caller(full_url) as caller:
        caller.send(b"GET /api/v1/orders HTTP/1.1\r\n" + upgrade + LAST_LINES)
        assert caller.receive()[0] == 403
        assert caller.is_closed()


def test_a_refusal_waits_for_the_rest_of_the_request(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.send(b"POST /api/v1/orders HTTP/1.1\r\nContent-Length: 2\r\n" + LAST_LINES + b"{")
        caller.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.socket.recv(1)
        caller.socket.settimeout(SILENCE_SECONDS)
        caller.send(b"}")
        assert caller.receive()[0] == 503


def test_an_idle_connection_is_closed_after_a_refusal(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.send(b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES)
        assert caller.receive()[0] == 503
        caller.socket.settimeout(2 * uvicorn.Config("").timeout_keep_alive)
        assert caller.is_closed()


def test_a_refusal_by_a_draining_server_has_connection_close(stack: Stack) -> None:
    def ends(caller: Caller) -> bool:
        caller.send(b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES)
        status, headers, _ = caller.receive()
        assert status == 503
        return headers.get("connection") == "close"

    with ThreadPoolExecutor() as threads, ExitStack() as running:
        settings = {"REQUESTS_IN_FLIGHT": "0", "SHUTDOWN_DRAIN_SECONDS": "1"}
        with Caller(running.enter_context(server(stack, "full and stopping", **settings))) as caller:
            assert not ends(caller)
            stopped = threads.submit(running.close)
            eventually(lambda: ends(caller), "the response that ends the connection")
            assert caller.is_closed()
        stopped.result()


def test_refusals_are_the_same_with_another_http_implementation(stack: Stack) -> None:
    settings = {"UVICORN_HTTP": "h11", "REQUESTS_IN_FLIGHT": "0"}
    with server(stack, "full and h11", **settings) as url, Caller(url) as caller:
        caller.send(b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES)
        status, headers, _ = caller.receive()
    assert (status, headers["retry-after"], headers["x-request-id"]) == (503, "1", "mine")
