"""How a server refuses what it can't carry: in the same words whatever was asked and however, and ready for the next request."""

import json
import re
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from http.client import parse_headers
from typing import Self
from urllib.parse import urlsplit

import httpx
import pytest
import uvicorn

from compose.stack import Stack
from tests.support.server import server
from tests.support.world import eventually

SILENCE_SECONDS = 3
"""After which a server has nothing more to say; less than it keeps an idle connection."""

LONG = b"x" * 1_000_000
UNREAD = 30_000_000
"""Bytes: more than the kernel keeps between two who talk to each other."""

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
    """One connection, byte by byte."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self.socket = socket.create_connection((address.hostname, address.port), timeout=SILENCE_SECONDS)
        self._heard = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._heard.close()
        self.socket.close()

    def say(self, what: bytes) -> None:
        self.socket.sendall(what)

    def hears(self, *, is_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers by their names in lower case, body."""
        status = int(self._heard.readline().split(b" ", 2)[1])
        headers = {name.lower(): value for name, value in parse_headers(self._heard).items()}
        return status, headers, b"" if is_head else self._heard.read(int(headers.get("content-length", 0)))

    def is_let_go(self) -> bool:
        """Whether the server closes the connection, and says nothing more before."""
        return self._heard.read() == b""


@pytest.fixture(scope="module")
def full_url(stack: Stack) -> Iterator[str]:
    """A server that carries nothing."""
    with server(stack, "full", CHECKOUTS_IN_FLIGHT="0", REQUESTS_IN_FLIGHT="0") as url:
        yield url


@pytest.mark.parametrize("what", REQUESTS)
def test_whoever_is_refused_hears_the_same_and_may_ask_again_on_the_same_connection(full_url: str, what: str) -> None:
    first_lines, content = REQUESTS[what]
    with Caller(full_url) as caller:
        for _ in range(2):
            caller.say(first_lines + LAST_LINES + content)
            status, headers, body = caller.hears(is_head=what == "a head")
            assert status == 503
            assert body == b"" if what == "a head" else json.loads(body)["request_id"] == "mine"
            assert headers.keys() >= {"date", "cache-control", "x-content-type-options"}
            assert headers["content-type"] == "application/problem+json"
            assert (headers["retry-after"], headers["x-request-id"]) == ("1", "mine")
        caller.say(b"GET /healthz HTTP/1.1\r\n" + LAST_LINES)
        assert caller.hears()[0] == 200


def test_who_speaks_http_1_0_is_refused_and_let_go(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.say(b"GET /api/v1/orders HTTP/1.0\r\nConnection: keep-alive\r\n" + LAST_LINES)
        assert caller.hears()[0] == 503
        assert caller.is_let_go()


def test_who_asks_before_sending_a_body_is_told_to_go_on_and_then_refused(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.say(b"POST /api/v1/orders HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 2\r\n" + LAST_LINES)
        assert caller.hears()[0] == 100
        caller.say(b"{}")
        assert caller.hears()[0] == 503


def test_refusals_keep_their_turn_among_requests_sent_in_one_go(full_url: str) -> None:
    places = ["/api/v1/orders", "/healthz", "/api/v1/orders/1", "/api/v1/1"]
    with Caller(full_url) as caller:
        asked = [f"GET {place} HTTP/1.1\r\n".encode() + LAST_LINES for place in places]
        caller.say(b"".join((*asked, b"GET /api/v1/last HTTP/1.1\r\nConnection: close\r\n", LAST_LINES)))
        heard = [caller.hears() for _ in range(5)]
        assert caller.is_let_go()
    assert [status for status, _, _ in heard] == [503, 200, 503, 503, 503]
    assert [json.loads(body).get("instance", "/healthz") for _, _, body in heard] == [*places, "/api/v1/last"]


def test_nothing_is_answered_after_the_request_that_was_to_be_the_last(full_url: str) -> None:
    with Caller(full_url) as caller:
        asked = b"GET /api/v1/orders HTTP/1.1\r\n"
        caller.say(asked + b"Connection: close\r\n" + LAST_LINES + asked + LAST_LINES)
        assert caller.hears()[0] == 503
        assert caller.is_let_go()


def test_who_wants_a_websocket_is_turned_down_once_though_the_server_is_full(full_url: str) -> None:
    upgrade = b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: eA==\r\n"
    with Caller(full_url) as caller:
        caller.say(b"GET /api/v1/orders HTTP/1.1\r\n" + upgrade + LAST_LINES)
        assert caller.hears()[0] == 403
        assert caller.is_let_go()


def test_who_does_not_read_the_refusals_is_not_read_any_more(full_url: str) -> None:
    """Else the unread answers would pile up in the server."""
    with Caller(full_url) as caller, pytest.raises(TimeoutError):
        for _ in range(UNREAD // len(LONG)):
            caller.say((b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES) * (len(LONG) // 70))


def test_a_refusal_waits_for_the_rest_of_the_request(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.say(b"POST /api/v1/orders HTTP/1.1\r\nContent-Length: 2\r\n" + LAST_LINES + b"{")
        caller.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            caller.socket.recv(1)
        caller.socket.settimeout(SILENCE_SECONDS)
        caller.say(b"}")
        assert caller.hears()[0] == 503


def test_who_was_refused_and_asks_nothing_more_is_let_go(full_url: str) -> None:
    with Caller(full_url) as caller:
        caller.say(b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES)
        assert caller.hears()[0] == 503
        caller.socket.settimeout(2 * uvicorn.Config("").timeout_keep_alive)
        assert caller.is_let_go()


def test_who_is_refused_by_a_server_about_to_stop_is_told_that_the_connection_ends(stack: Stack) -> None:
    def ends(caller: Caller) -> bool:
        caller.say(b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES)
        status, headers, _ = caller.hears()
        assert status == 503
        return headers.get("connection") == "close"

    with ThreadPoolExecutor() as threads, ExitStack() as running:
        with Caller(running.enter_context(server(stack, "full and stopping", REQUESTS_IN_FLIGHT="0"))) as caller:
            assert not ends(caller)
            stopped = threads.submit(running.close)
            eventually(lambda: ends(caller), "the answer that says so")
            assert caller.is_let_go()
        stopped.result()


def test_a_plain_request_is_refused_at_less_cost_than_an_unusual_one(full_url: str) -> None:
    """What floods a server is plain, and is refused before a request is made of it (`asgi_app/protocol.py`)."""

    def cost(address: bytes) -> float:
        before = cpu_seconds(full_url)
        with Caller(full_url) as caller:
            for _ in range(200):
                caller.say((b"GET %s HTTP/1.1\r\n" % address + LAST_LINES) * 50)
                assert {caller.hears()[0] for _ in range(50)} == {503}
        return cpu_seconds(full_url) - before

    unusual, plain = cost(b"/api/v1/%6Frders"), cost(b"/api/v1/orders")
    assert plain < 0.75 * unusual


def test_a_server_that_was_told_to_speak_another_protocol_refuses_as_well(stack: Stack) -> None:
    settings = {"UVICORN_HTTP": "h11", "REQUESTS_IN_FLIGHT": "0"}
    with server(stack, "full and h11", **settings) as url, Caller(url) as caller:
        caller.say(b"GET /api/v1/orders HTTP/1.1\r\n" + LAST_LINES)
        status, headers, _ = caller.hears()
    assert (status, headers["retry-after"], headers["x-request-id"]) == (503, "1", "mine")


def cpu_seconds(url: str) -> float:
    (line,) = re.findall(
        r"^process_cpu_seconds_total (\S+)", httpx.get(f"{url}/metrics", trust_env=False).text, re.MULTILINE
    )
    return float(line)
