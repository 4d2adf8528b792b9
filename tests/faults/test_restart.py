"""Servers that shut down gracefully under load: a rolling restart behind a load balancer (promises: shutdown, P1, P4)."""

import signal
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from http.client import HTTPConnection
from random import Random
from urllib.parse import urlsplit

import httpx
import pytest

from compose.ports import HOST
from tests.faults.conftest import kills
from tests.support.balancer import Balancer
from tests.support.checkout_load import Load
from tests.support.fleet import DRAIN_SECONDS, PRODUCT_SECONDS, RESTARTS_AT_MOST, Fleet
from tests.support.world import Person, World, eventually

SHUTDOWN_SECONDS = DRAIN_SECONDS + 25
CALLERS = 8


def test_no_request_is_lost_during_a_rolling_restart(fleet: Fleet, world: World, rng: Random) -> None:
    slow = world.sandbox.fault("product", kind="delay", value=PRODUCT_SECONDS, call="ReserveStock")
    with Balancer(fleet.servers) as balancer:
        with slow, Load(world, [balancer.url], rng, "nothing") as load:
            for number in range(min(kills(), RESTARTS_AT_MOST)):
                load.run(rng.uniform(0.2, 1))
                _restart(fleet, number, balancer)
        load.check()


@pytest.mark.long
def test_no_new_connection_is_refused_during_a_rolling_restart(fleet: Fleet) -> None:
    """Connections are opened continuously, so that at any moment some are accepted by the kernel but not yet by the server."""
    answers: list[str] = []
    over = threading.Event()
    with Balancer(fleet.servers) as balancer, ThreadPoolExecutor(CALLERS) as callers:
        calling = [callers.submit(_call, balancer.url, answers, over) for _ in range(CALLERS)]
        try:
            for number in range(max(2, min(kills(), RESTARTS_AT_MOST))):
                before = len(answers)
                eventually(lambda: len(answers) > before + 10 * CALLERS, "responses")  # noqa: B023
                _restart(fleet, number, balancer)
        finally:
            over.set()
    for caller in calling:
        caller.result()
    assert set(answers) == {"200"}


def _restart(fleet: Fleet, number: int, balancer: Balancer) -> None:
    """Restart one server while the other is in the balancer, as a rolling update does."""
    server = fleet.servers[number % 2]
    eventually(lambda: balancer.ready == fleet.servers, "both servers to be in the balancer")
    start = time.monotonic()
    server.stop()
    assert time.monotonic() - start < SHUTDOWN_SECONDS
    server.start_and_wait()


def _call(url: str, answers: list[str], over: threading.Event) -> None:
    """Append the status of each response until `over` is set; a missing response raises."""
    while not over.is_set():
        with socket.create_connection((HOST, urlsplit(url).port), timeout=10) as connection:
            connection.sendall(f"GET /healthz HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\n\r\n".encode())
            answers.append(connection.makefile("rb").read()[9:12].decode())


def test_a_draining_server_is_not_ready_and_returns_connection_close(fleet: Fleet) -> None:
    server = fleet.servers[0]
    with closing(HTTPConnection(HOST, urlsplit(server.url).port or 0, timeout=10)) as idle:
        assert _connection_header(idle) is None
        server.ask_to_stop()
        eventually(lambda: server.get("/readyz").status_code == 503, "the server not to be ready", 0.5)
        unready = server.get("/readyz")
        assert unready.json()["failing"] == ["shutdown"]
        assert all(unready.json()["checks"][name] for name in ("database", "redis", "relay"))
        assert unready.headers["connection"] == "close"
        assert _connection_header(idle) == "close"
        assert httpx.get(f"{server.url}/api/v1/orders", trust_env=False).status_code == 401
    server.stop()
    server.start_and_wait()


def test_a_second_signal_ends_the_drain(fleet: Fleet) -> None:
    server = fleet.servers[0]
    server.ask_to_stop()
    eventually(lambda: server.get("/readyz").status_code == 503, "the drain to begin")
    start = time.monotonic()
    server.kill(signal.SIGTERM)
    assert time.monotonic() - start < DRAIN_SECONDS / 2
    assert server.exit_status == -signal.SIGTERM
    server.start_and_wait()


def _connection_header(connection: HTTPConnection) -> str | None:
    connection.request("GET", "/healthz")
    answer = connection.getresponse()
    answer.read()
    return answer.getheader("connection")


def test_a_stopping_server_releases_the_unresolved_reservation_of_its_last_checkout(fleet: Fleet, world: World) -> None:
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


def test_a_stopping_server_ends_its_streams_and_exits(fleet: Fleet, world: World) -> None:
    ada = world.shopper()
    order_id = ada.place()["id"]
    listening, ended = threading.Event(), threading.Event()
    listener = threading.Thread(target=_read_stream, args=(ada, order_id, listening, ended))
    listener.start()
    assert listening.wait(10)
    start = time.monotonic()
    fleet.servers[0].stop()
    took = time.monotonic() - start
    listener.join(10)
    fleet.servers[0].start_and_wait()
    assert ended.is_set(), "the stream was broken off, or never ended"
    assert took < SHUTDOWN_SECONDS / 2, took


def _read_stream(person: Person, order_id: str, listening: threading.Event, ended: threading.Event) -> None:
    """Set `listening` at the first line received and `ended` when the stream has ended regularly."""
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
