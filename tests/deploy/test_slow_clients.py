"""nginx between slow or hostile clients and a server, and between clients and servers that fail: limits in size and time.

The server is the test's own, so that it is seen what reaches it and when.
"""

import asyncio
import json
import re
import select
import socket
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from compose.ports import HOST
from tests.support.nginx import Change, Nginx, needs_nginx, nginx
from tests.support.problem import FIELDS
from tests.support.raw_server import OK, Peer, always, full_port, once, serving, silence
from tests.support.world import eventually

pytestmark = needs_nginx

SHORT: list[Change] = [(rf"({name}_timeout) \d+s;", r"\1 1s;") for name in ("client_header", "client_body", "send")]
"""The limits in time, shortened to a second."""

PATIENCE_SECONDS = 20
PAUSE = 0.05
"""Seconds between two parts that a slow client sends."""

SMALL = 8192
"""The size of a socket's buffer, so that the kernel holds little of a response."""

LARGE = 1_200_000
"""The size of a response that nginx can just hold: 256 KiB in memory and 1 MiB in a file."""


async def connect(proxy: Nginx) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    host, port = proxy.http.removeprefix("http://").split(":")
    return await asyncio.open_connection(host, int(port))


async def ask(proxy: Nginx, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
    """Send one request; return the status and the body of its response."""
    reader, writer = await connect(proxy)
    writer.write(head(method, len(body)) + body)
    status, content = await response(reader)
    writer.close()
    return status, content


def head(method: str, length: int = 0) -> bytes:
    return f"{method} /api/v1/orders HTTP/1.1\r\nHost: {HOST}\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n".encode()


async def response(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    async with asyncio.timeout(PATIENCE_SECONDS):
        top = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"(?i)content-length: (\d+)", top)
        assert length, top
        return int(top.split()[1]), await reader.readexactly(int(length[1]))


async def seconds_until_closed(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, drip: bytes) -> float:
    """Send `drip` again and again; return the time until nginx closes the connection, whatever it sends before."""
    began = time.monotonic()
    while not reader.at_eof() and time.monotonic() - began < PATIENCE_SECONDS:
        try:
            writer.write(drip)
            await asyncio.wait_for(reader.read(1000), PAUSE)
        except TimeoutError:
            continue
        except ConnectionError:
            break
    writer.close()
    return time.monotonic() - began


async def test_a_header_that_drips_ends_within_its_time_and_reaches_no_server(tmp_path: Path) -> None:
    async with serving(always(OK)) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"], *SHORT) as proxy:
            reader, writer = await connect(proxy)
            writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nX-Slow: ")
            assert await seconds_until_closed(reader, writer, b"a") < PATIENCE_SECONDS / 2
            assert server.connections == 0


async def test_a_body_that_stops_ends_within_its_time_and_reaches_no_server(tmp_path: Path) -> None:
    async with serving(always(OK)) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"], *SHORT) as proxy:
            reader, writer = await connect(proxy)
            writer.write(head("POST", 100) + b"{")
            assert await seconds_until_closed(reader, writer, b"") < PATIENCE_SECONDS / 2
            assert server.connections == 0


async def test_a_body_that_drips_reaches_the_server_in_one_piece(tmp_path: Path) -> None:
    async with serving(always(OK)) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"]) as proxy:
            reader, writer = await connect(proxy)
            writer.write(head("POST", 10))
            for _ in range(9):
                writer.write(b"x")
                await asyncio.sleep(PAUSE)
            assert server.connections == 0
            writer.write(b"x")
            assert await response(reader) == (200, b"ok")
            assert server.requests[0].endswith(b"\r\n\r\nxxxxxxxxxx")
            writer.close()


def test_a_client_that_reads_nothing_holds_no_server_and_is_disconnected(tmp_path: Path) -> None:
    small_buffers = (r"listen 8080;", "listen 8080 sndbuf=16k;")  # nginx holds the response, not the kernel
    with socket.create_server((HOST, 0)) as server, ThreadPoolExecutor() as threads:
        address = f"{HOST}:{server.getsockname()[1]}"
        with nginx(tmp_path / "nginx", [address], *SHORT, small_buffers) as proxy, socket.socket() as slow:
            slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL)
            host, port = proxy.http.removeprefix("http://").split(":")
            slow.connect((host, int(port)))
            slow.sendall(head("GET"))
            assert threads.submit(_send_large_response, server).result(PATIENCE_SECONDS) < PATIENCE_SECONDS / 2
            disconnected = select.poll()
            disconnected.register(slow, select.POLLHUP)
            eventually(lambda: disconnected.poll(0), "nginx to disconnect the client", PATIENCE_SECONDS)


def _send_large_response(server: socket.socket) -> float:
    """Respond to one request; return the time until all of the response has left this process and its socket's small buffer."""
    connection, _ = server.accept()
    with connection:
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL)
        connection.settimeout(PATIENCE_SECONDS)
        connection.recv(65_536)
        began = time.monotonic()
        connection.sendall(f"HTTP/1.1 200 OK\r\nContent-Length: {LARGE}\r\n\r\n".encode() + b"x" * LARGE)
        return time.monotonic() - began


async def test_a_body_beyond_the_limit_is_a_problem_and_reaches_no_server(tmp_path: Path) -> None:
    async with serving(always(OK)) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"]) as proxy:
            reader, writer = await connect(proxy)
            writer.write(head("POST", 2**20 + 1))
            assert problem(await response(reader)) == (413, "payload_too_large")
            assert server.connections == 0
            writer.close()


@pytest.mark.parametrize("method", ["POST", "PATCH"])
async def test_a_request_whose_server_does_not_respond_is_503_in_time_and_is_not_repeated(
    tmp_path: Path, method: str
) -> None:
    quick = (r"proxy_read_timeout 60s;", "proxy_read_timeout 1s;")
    async with serving(silence) as server, serving(silence) as other:
        both = [f"{HOST}:{server.port}", f"{HOST}:{other.port}"]
        with nginx(tmp_path / "nginx", both, quick) as proxy:
            assert problem(await ask(proxy, method, b"{}")) == (503, "overloaded")
            assert len(server.requests + other.requests) == 1


async def test_a_server_that_breaks_its_response_off_is_503(tmp_path: Path) -> None:
    async with serving(reset) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"]) as proxy:
            assert problem(await ask(proxy, "POST", b"{}")) == (503, "overloaded")


async def test_nginx_logs_its_own_responses_and_no_other(tmp_path: Path) -> None:
    async with serving(once(OK)) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"]) as proxy:
            assert (await ask(proxy))[0] == 200
            assert (await ask(proxy, "POST", b"x" * (2**20 + 1)))[0] == 413
            async with asyncio.timeout(PATIENCE_SECONDS):
                while not (text := proxy.access_log.read_text()):
                    await asyncio.sleep(PAUSE)
            (line,) = map(json.loads, text.splitlines())
            assert (line["event"], line["method"], line["status"]) == ("proxy_response", "POST", 413)
            assert not {"127.0.0.1", "/api/v1/orders"} & set(map(str, line.values()))


async def test_a_post_to_an_address_that_is_gone_reaches_the_next_server(tmp_path: Path) -> None:
    """The address of a container that was removed neither accepts nor refuses connections."""
    with full_port() as gone:
        async with serving(always(OK)) as server:
            servers = [f"{HOST}:{gone} weight=100 max_fails=0", f"{HOST}:{server.port}"]
            with nginx(tmp_path / "nginx", servers) as proxy:
                assert await ask(proxy, "POST", b"{}") == (200, b"ok")
                assert len(server.requests) == 1


async def test_the_service_has_the_request_id_of_nginxs_problem(tmp_path: Path) -> None:
    async with serving(reset) as server:
        with nginx(tmp_path / "nginx", [f"{HOST}:{server.port}"]) as proxy:
            _, content = await ask(proxy, "POST", b"{}")
            sent = re.search(rb"(?i)x-request-id: (\S+)", server.requests[0])
            assert sent and json.loads(content)["request_id"] == sent[1].decode()


async def reset(peer: Peer) -> None:
    """Reset the connection in response to its request."""
    await peer.request()
    peer.reset()


def problem(answer: tuple[int, bytes]) -> tuple[int, str]:
    """Check that a response has the fields of a problem; return its status and code."""
    status, content = answer
    body = json.loads(content)
    assert (body.keys(), body["status"]) == (FIELDS, status)
    return status, body["code"]
