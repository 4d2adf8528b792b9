"""Clients that ask and don't read: what is kept for them is bounded, and those who read get all of it, however late."""

import re
import select
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
from tests.support.server import server
from tests.support.world import Person, Sandbox, World, eventually

LIMIT = 8_000_000
SECONDS = 3
PIPELINED = 4
"""Requests of one connection: their answers are more than the kernel takes for it."""

BUNDLE = "/api/doc/swagger-ui-bundle.js"


@pytest.fixture(scope="module")
def url(stack: Stack) -> Iterator[str]:
    """A server that keeps little for those who don't read, and not for long."""
    settings = {"UNREAD_ANSWERS_BYTES": str(LIMIT), "UNREAD_ANSWERS_SECONDS": str(SECONDS)}
    with server(stack, "unread", **settings) as url:
        yield url


def request_of(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def ask(url: str, times: int = PIPELINED) -> socket.socket:
    """A connection that has asked so often for the largest answer there is, and has not read a byte."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.settimeout(10)
    connection.connect((HOST, urlsplit(url).port))
    connection.sendall(request_of(BUNDLE) * times)
    return connection


def is_cut(connection: socket.socket) -> bool:
    """Whether the server has reset the connection: that is known without reading."""
    watching = select.poll()
    watching.register(connection, select.POLLHUP)
    return bool(watching.poll(0))


def memory(url: str) -> int:
    """Bytes of the process in memory."""
    text = httpx.get(f"{url}/metrics", trust_env=False).text
    return int(float(re.findall(r"^process_resident_memory_bytes (\S+)", text, re.MULTILINE)[0]))


def test_the_sum_of_what_is_kept_for_those_who_do_not_read_is_bounded(url: str) -> None:
    for _ in range(3):
        assert httpx.get(f"{url}{BUNDLE}", trust_env=False).status_code == 200
    before = memory(url)
    with ExitStack() as closing_all:
        connections = [closing_all.enter_context(ask(url)) for _ in range(60)]
        eventually(lambda: sum(map(is_cut, connections)) >= 30, "the first to be cut", seconds=2.5)
        assert memory(url) - before < 4 * LIMIT
        assert httpx.get(f"{url}{BUNDLE}", trust_env=False).status_code == 200


def test_a_client_that_reads_nothing_for_long_is_cut(url: str) -> None:
    began = time.monotonic()
    with ask(url) as connection:
        eventually(lambda: is_cut(connection), "the connection to be cut", seconds=3 * SECONDS)
        assert time.monotonic() - began > SECONDS - 0.5


def test_a_client_that_reads_late_and_slowly_gets_every_answer(url: str) -> None:
    wanted = httpx.get(f"{url}{BUNDLE}", trust_env=False).content
    with ask(url) as connection:
        time.sleep(SECONDS / 2)
        heard = bytearray()
        while len(heard) < PIPELINED * len(wanted) or not heard.endswith(wanted[-50:]):
            more = connection.recv(200_000)
            assert more, "the connection ends too soon"
            heard += more
            time.sleep(0.005)
    assert heard.count(wanted) == PIPELINED
    assert heard.count(b"HTTP/1.1 200 OK") == PIPELINED


def test_a_connection_goes_on_after_its_late_answers(url: str) -> None:
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


def test_orders_that_nobody_reads_take_nobodys_place(stack: Stack, sandbox: Sandbox) -> None:
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
            eventually(partial(are_answered, customer, 20), "the places to be free", seconds=10)
