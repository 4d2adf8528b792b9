"""Clients that send requests and do not read the responses: what is kept for them is bounded, and a late reader gets all of it."""

import re
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing
from functools import partial
from urllib.parse import urlsplit

import httpx
import pytest

from compose.ports import HOST
from compose.stack import Stack
from tests.server import server
from tests.world import Person, Sandbox, World, eventually

PIPELINED = 4
"""Requests of one connection: their responses are more than the kernel's buffers take."""

BUNDLE = "/api/doc/swagger-ui-bundle.js"
"""The largest response: 1.4 MB."""

CONNECTIONS = 60
BUFFERED = 256 * 1024
"""Bytes: more than the server keeps for one connection that is not read, one part of a body and uvicorn's own buffer."""


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    """A server of its own, for its memory is measured."""
    with server(stack, "slow readers") as url:
        yield url


def request_of(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def ask(url: str, times: int = PIPELINED) -> socket.socket:
    """Return a connection that has asked so often for the largest response, and has not read a byte."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect((HOST, urlsplit(url).port))
    connection.sendall(request_of(BUNDLE) * times)
    return connection


def memory(url: str) -> int:
    """Bytes of the process in memory."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return int(float(re.findall(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)[0]))


def test_a_connection_that_is_not_read_keeps_a_part_of_a_response_in_memory(url: str) -> None:
    size = len(httpx.get(f"{url}{BUNDLE}", trust_env=False).content)
    assert size > 4 * BUFFERED
    before = memory(url)
    with ExitStack() as closing_all:
        for _ in range(CONNECTIONS):
            closing_all.enter_context(ask(url))
        time.sleep(1)  # every response has begun by then
        assert memory(url) - before < CONNECTIONS * BUFFERED
        assert httpx.get(f"{url}{BUNDLE}", trust_env=False).status_code == 200


def test_a_client_that_reads_late_and_slowly_gets_every_response(url: str) -> None:
    wanted = httpx.get(f"{url}{BUNDLE}", trust_env=False).content
    with ask(url) as connection:
        time.sleep(1)
        heard = bytearray()
        while len(heard) < PIPELINED * len(wanted) or not heard.endswith(wanted[-50:]):
            more = connection.recv(200_000)
            assert more, "the connection ends too soon"
            heard += more
            time.sleep(0.005)
    assert heard.count(wanted) == PIPELINED
    assert heard.count(b"HTTP/1.1 200 OK") == PIPELINED


def test_a_connection_serves_further_requests_after_its_late_responses(url: str) -> None:
    with ask(url, 4) as connection, closing(connection.makefile("rb")) as heard:
        time.sleep(1)
        for _ in range(4):
            length = 0
            while line := heard.readline().strip():
                name, _, value = line.lower().partition(b": ")
                length = int(value) if name == b"content-length" else length
            assert len(heard.read(length)) == length
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert heard.readline().startswith(b"HTTP/1.1 200")


def are_answered(customer: Person, times: int) -> bool:
    """Whether so many requests in a row are served."""
    return all(customer.get("/orders").status_code == 200 for _ in range(times))


def test_responses_that_are_not_read_take_no_slot(stack: Stack, sandbox: Sandbox) -> None:
    settings = {"REQUESTS_IN_FLIGHT": "4"}
    with server(stack, "unread orders", **settings) as url, closing(World(stack, url, sandbox)) as world:
        customer = world.shopper()
        customer.place()
        authorization = f"Authorization: {customer.http.headers['authorization']}\r\n"
        orders = f"GET /api/v1/orders HTTP/1.1\r\nHost: localhost\r\n{authorization}\r\n".encode()
        with ExitStack() as closing_all:
            for _ in range(12):
                connection = closing_all.enter_context(ask(url, 0))
                connection.sendall((request_of(BUNDLE) + orders) * PIPELINED)
            eventually(partial(are_answered, customer, 20), "the slots to be free", seconds=10)
