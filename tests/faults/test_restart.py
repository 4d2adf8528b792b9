"""Servers that are told to stop while customers shop: a rolling restart (promises: shutdown, P1, P4)."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from random import Random
from urllib.parse import urlsplit

import httpx

from compose.ports import HOST
from tests.faults.conftest import kills
from tests.support.checkout_load import Load
from tests.support.fleet import Fleet, Server
from tests.support.world import Person, World, eventually

SHUTDOWN_SECONDS = 25
RESTARTS_AT_MOST = 20
CALLERS = 8
IDLE_SECONDS = 2
"""Shorter than uvicorn keeps an idle connection, 5 s."""

PRODUCT_SECONDS = 0.7
"""Product is slow enough for checkouts to be under way at any moment."""


def test_no_request_under_way_fails_while_one_server_after_the_other_is_restarted(
    fleet: Fleet, world: World, rng: Random
) -> None:
    slow = world.sandbox.fault("product", kind="delay", value=PRODUCT_SECONDS, call="ReserveStock")
    with slow, Load(world, fleet.urls, rng, "restarts") as load:
        for number in range(min(kills(), RESTARTS_AT_MOST)):
            load.run(rng.uniform(0.2, 1))
            server = fleet.servers[number % 2]
            start = time.monotonic()
            server.stop()
            assert time.monotonic() - start < SHUTDOWN_SECONDS
            server.start_and_wait()
    load.check()


def test_whoever_a_stopping_server_has_let_in_is_answered(fleet: Fleet) -> None:
    """Each caller opens a connection for each question, so that somebody is at the door at any moment."""
    for _ in range(max(2, min(kills(), RESTARTS_AT_MOST))):
        answers = _restart_while_called(fleet.servers[0])
        assert set(answers) == {"200"}


def _restart_while_called(server: Server) -> list[str]:
    answers: list[str] = []
    with ThreadPoolExecutor(CALLERS) as callers:
        calling = [callers.submit(_call_until_refused, server.url, answers) for _ in range(CALLERS)]
        eventually(lambda: len(answers) > 10 * CALLERS, "answers")
        server.stop()
    server.start_and_wait()
    for caller in calling:
        caller.result()
    return answers


def _call_until_refused(url: str, answers: list[str]) -> None:
    """Append the status of each answer; one that does not come raises."""
    port = urlsplit(url).port
    while True:
        try:
            connection = socket.create_connection((HOST, port), timeout=10)
        except ConnectionRefusedError:
            return
        with connection:
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            answers.append(connection.makefile("rb").read()[9:12].decode())


def test_a_connection_that_was_idle_when_its_server_was_told_to_stop_has_a_last_answer(fleet: Fleet) -> None:
    server = fleet.servers[0]
    with closing(HTTPConnection(HOST, urlsplit(server.url).port or 0, timeout=10)) as connection:
        assert _says_of_the_connection(connection) is None
        server.ask_to_stop()
        time.sleep(IDLE_SECONDS)  # nothing is to happen, so nothing can be waited for
        assert _says_of_the_connection(connection) == "close"
        start = time.monotonic()
        server.stop()
        assert time.monotonic() - start < 1, "it waited, though everybody had left"
    server.start_and_wait()


def _says_of_the_connection(connection: HTTPConnection) -> str | None:
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("connection")


def test_a_stopping_server_gives_back_what_its_last_checkout_may_have_left_held(fleet: Fleet, world: World) -> None:
    server = fleet.servers[0]
    with closing(World(fleet.stack, server.url, world.sandbox)) as leaving:
        mug = leaving.product()
        ada = leaving.customer([(mug, 2)])
        with world.sandbox.fault("product", kind="unavailable_after", call="ReserveStock", times=2):
            assert ada.checkout().status_code == 503
    assert world.stock(mug)["held"] == 2
    server.stop()
    assert world.stock(mug)["held"] == 0
    server.start_and_wait()


def test_a_stopping_server_ends_its_streams_and_is_gone(fleet: Fleet, world: World) -> None:
    ada = world.shopper()
    order_id = ada.place()["id"]
    listening, ended = threading.Event(), threading.Event()
    listener = threading.Thread(target=_listen, args=(ada, order_id, listening, ended))
    listener.start()
    assert listening.wait(10)
    start = time.monotonic()
    fleet.servers[0].stop()
    took = time.monotonic() - start
    listener.join(10)
    fleet.servers[0].start_and_wait()
    assert ended.is_set(), "the stream was broken off, or never ended"
    assert took < SHUTDOWN_SECONDS / 2, took


def _listen(person: Person, order_id: str, listening: threading.Event, ended: threading.Event) -> None:
    """Set `listening` with the first line heard and `ended` when the stream has come to a proper end."""
    with httpx.stream(
        "GET",
        f"{person.world.url}/api/v1/orders/{order_id}/stream",
        headers={"Authorization": person.http.headers["Authorization"], "Accept": "text/event-stream"},
        trust_env=False,
        timeout=30,
    ) as answer:
        for _ in answer.iter_lines():
            listening.set()
    ended.set()
