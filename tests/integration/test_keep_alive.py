"""The lifetime of idle connections is configurable and does not delay a graceful shutdown."""

import socket
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection

import httpx

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.world import eventually

STOP_SECONDS = 3
KEEP_ALIVE_SECONDS = 75
"""Longer than a load balancer keeps its own idle connections: 60 s."""


@contextmanager
def server(stack: Stack, name: str, **settings: str) -> Iterator[tuple[Process, int]]:
    """Yield a server with a short shutdown timeout, and its port."""
    port = free_port()
    command = [str(STOP_SECONDS) if word == "25" else word for word in composition.service(port)]
    environment = {**stack.environment, **settings}
    process = Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment, grace=30)
    process.start()
    try:
        url = f"http://{HOST}:{port}/readyz"
        process.wait_ready(
            lambda: httpx.get(url, trust_env=False, verify=False).raise_for_status(), errors=httpx.HTTPError
        )
        yield process, port
    finally:
        process.stop()


def ask(connection: HTTPConnection) -> None:
    connection.request("GET", "/healthz")
    connection.getresponse().read()


def is_closed(connection: HTTPConnection) -> bool:
    """Return whether the server has closed the connection without sending anything."""
    connection.sock.settimeout(0.05)
    try:
        return connection.sock.recv(1, socket.MSG_PEEK) == b""
    except TimeoutError:
        return False


def test_an_idle_connection_is_kept_as_long_as_configured(stack: Stack) -> None:
    with (
        server(stack, "short", UVICORN_TIMEOUT_KEEP_ALIVE="1") as (_, port),
        closing(HTTPConnection(HOST, port)) as idle,
    ):
        ask(idle)
        eventually(lambda: is_closed(idle), "the idle connection to be closed", seconds=4)


def test_idle_connections_of_a_load_balancer_do_not_delay_a_shutdown(stack: Stack) -> None:
    long = server(stack, "long", UVICORN_TIMEOUT_KEEP_ALIVE=str(KEEP_ALIVE_SECONDS))
    with long as (process, port), closing(HTTPConnection(HOST, port)) as idle:
        ask(idle)
        began = time.monotonic()
        process.stop()
        assert time.monotonic() - began < STOP_SECONDS + 3
        assert is_closed(idle)
