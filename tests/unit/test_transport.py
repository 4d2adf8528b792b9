"""The transport under the HTTP clients: one response for each request or an httpx error, and no leaked connection or task."""

import asyncio
import os
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from clients.transport import MAX_BYTES, Connection, KeepAliveTransport
from tests.support.raw_server import HOST, OK, Peer, RawServer, always, closed_port, full_port, once, serving, silence

pytestmark = [pytest.mark.asyncio(loop_factories=["uvloop", "asyncio"]), pytest.mark.usefixtures("one_tls_context")]

CLOSED = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nwe\r\nb\r\nlcome home!\r\n0\r\n\r\n"
SECONDS = 5
"""A generous limit for every test here."""

Ask = Callable[..., Awaitable[httpx.Response]]


@pytest_asyncio.fixture
async def transport() -> AsyncIterator[KeepAliveTransport]:
    """Yield a transport, which must leave no file descriptor and no task behind."""
    opened = KeepAliveTransport(connect_seconds=0.2)
    before = open_sockets()
    yield opened
    await opened.aclose()
    for _ in range(200):
        if open_sockets() <= before and not other_tasks():
            return
        await asyncio.sleep(0.005)
    assert other_tasks() == set()
    assert open_sockets() <= before


def open_sockets() -> int:
    """Return the open file descriptors, without those that the event loop itself opens once and keeps."""
    links = Path("/proc/self/fd").iterdir()
    return sum(os.path.realpath(link).rpartition("/")[2].startswith("socket:") for link in links)


def other_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def ask(transport: KeepAliveTransport, server: RawServer, path: str = "/", **how: object) -> httpx.Response:
    request = httpx.Request("GET", server.url + path, **how)  # type: ignore[arg-type]
    async with asyncio.timeout(SECONDS):
        return await transport.handle_async_request(request)


async def test_a_response_arrives_with_status_headers_and_body(transport: KeepAliveTransport) -> None:
    answer = (
        b"HTTP/1.1 404 Not here\r\nX-One: 1\r\nX-Empty:\r\nx-two: a\r\nX-Two: b\r\nContent-Length: 5\r\n\r\nf\0\xff\r\n"
    )
    async with serving(always(answer)) as server:
        got = await ask(transport, server)
        assert (got.status_code, got.content) == (404, b"f\0\xff\r\n")
        assert (got.headers["x-one"], got.headers["x-empty"], got.headers["x-two"]) == ("1", "", "a, b")


async def test_a_request_has_the_expected_bytes_and_no_others(transport: KeepAliveTransport) -> None:
    async with serving(always(OK)) as server:
        request = httpx.Request("POST", f"{server.url}/carts/a%2Fb?x=1", headers={"X-Request-ID": "r"}, content=b"{}")
        await transport.handle_async_request(request)
        head = f"POST /carts/a%2Fb?x=1 HTTP/1.1\r\nHost: {HOST}:{server.port}\r\nX-Request-ID: r\r\nContent-Length: 2"
        assert server.requests == [f"{head}\r\n\r\n{{}}".encode()]


async def test_the_next_request_takes_the_same_connection(transport: KeepAliveTransport) -> None:
    async with serving(always(OK)) as server:
        for _ in range(3):
            assert (await ask(transport, server)).content == b"ok"
        assert (server.connections, len(server.requests)) == (1, 3)


async def test_idle_connections_are_closed_after_a_while(
    transport: KeepAliveTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("clients.transport.IDLE_SECONDS", 0.05)
    async with serving(always(OK)) as server:
        before = open_sockets()
        await asyncio.gather(*(ask(transport, server) for _ in range(5)))
        async with asyncio.timeout(SECONDS):
            while open_sockets() > before:
                await asyncio.sleep(0.01)
        assert (await ask(transport, server)).status_code == 200


async def test_concurrent_requests_use_a_connection_each_and_these_are_kept(
    transport: KeepAliveTransport,
) -> None:
    async with serving(always(OK)) as server:
        for _ in range(3):
            await asyncio.gather(*(ask(transport, server) for _ in range(5)))
        assert (server.connections, len(server.requests)) == (5, 15)


async def test_each_request_gets_its_own_response(transport: KeepAliveTransport) -> None:
    async def echo(peer: Peer) -> None:
        while request := await peer.request():
            await asyncio.sleep(len(server.requests) % 3 * 0.001)
            path = request.split()[1]
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))

    async with serving(echo) as server:
        paths = [f"/users/{number}" for number in range(60)]
        answers = await asyncio.gather(*(ask(transport, server, path) for path in paths))
        assert [answer.text for answer in answers] == paths


async def test_after_the_server_has_closed_the_connection_the_next_request_opens_a_new_one(
    transport: KeepAliveTransport,
) -> None:
    async with serving(once(OK)) as server:
        for _ in range(3):
            assert (await ask(transport, server)).content == b"ok"
            await asyncio.sleep(0.02)  # until the end of the connection arrives
        assert server.connections == 3


@pytest.mark.parametrize(
    "answer",
    [CLOSED, b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok"],
    ids=["connection close", "http 1.0"],
)
async def test_a_connection_that_the_server_will_close_is_not_used_again(
    transport: KeepAliveTransport, answer: bytes
) -> None:
    async with serving(always(answer)) as server:
        for _ in range(2):
            assert (await ask(transport, server)).content == b"ok"
            assert await server.is_disconnected()
        assert server.connections == 2


async def test_a_body_without_a_length_ends_with_the_connection(transport: KeepAliveTransport) -> None:
    async def slowly(peer: Peer) -> None:
        await peer.request()
        for part in (b"HTTP/1.1 200 OK\r\n\r\n", b"to the ", b"very end"):
            await peer.send(part)
            await asyncio.sleep(0.002)
        peer.close()

    async with serving(slowly) as server:
        assert (await ask(transport, server)).content == b"to the very end"
        assert (await ask(transport, server)).content == b"to the very end"
        assert server.connections == 2


async def test_a_truncated_body_without_a_length_is_a_read_error(transport: KeepAliveTransport) -> None:
    async def break_off(peer: Peer) -> None:
        await peer.request()
        await peer.send(b"HTTP/1.1 200 OK\r\n\r\nto the ve")
        await asyncio.sleep(0.01)
        peer.reset()

    async with serving(break_off) as server:
        with pytest.raises(httpx.ReadError):
            await ask(transport, server)


@pytest.mark.parametrize("trailer", [b"", b"X-Trailer: 1\r\n"])
async def test_chunks_are_put_together(transport: KeepAliveTransport, trailer: bytes) -> None:
    async with serving(always(CHUNKED.replace(b"0\r\n\r\n", b"0\r\n" + trailer + b"\r\n"))) as server:
        for _ in range(2):
            assert (await ask(transport, server)).content == b"welcome home!"
        assert server.connections == 1


@pytest.mark.parametrize(
    "head", [b"204 No Content\r\n", b"304 Not Modified\r\n", b"304 Not Modified\r\nContent-Length: 7\r\n"]
)
async def test_a_response_that_cannot_have_a_body_ends_with_its_head(
    transport: KeepAliveTransport, head: bytes
) -> None:
    async with serving(always(b"HTTP/1.1 " + head + b"\r\n")) as server:
        for _ in range(2):
            got = await ask(transport, server)
            assert (str(got.status_code).encode(), got.content) == (head[:3], b"")
        assert server.connections == 1


@pytest.mark.parametrize("answer", [OK, CHUNKED, CLOSED], ids=["length", "chunked", "close"])
async def test_a_response_may_arrive_byte_by_byte(transport: KeepAliveTransport, answer: bytes) -> None:
    async def drip(peer: Peer) -> None:
        while await peer.request():
            for byte in answer:
                await peer.send(bytes([byte]))
                await asyncio.sleep(0)

    async with serving(drip) as server:
        for _ in range(2):
            assert (await ask(transport, server)).content in (b"ok", b"welcome home!")


@pytest.mark.parametrize(
    "more",
    [OK, OK[:-1], OK[:20], b"garbage", CHUNKED],
    ids=["whole", "but a byte", "half a head", "garbage", "chunked"],
)
async def test_a_response_without_a_request_is_dropped_with_its_connection(
    transport: KeepAliveTransport, more: bytes
) -> None:
    async with serving(always(OK + more)) as server:
        for _ in range(3):
            assert (await ask(transport, server)).content == b"ok"
        assert server.connections == 3


async def test_bytes_received_while_idle_are_no_response_to_the_next_request(transport: KeepAliveTransport) -> None:
    said = asyncio.Event()

    async def speak_up(peer: Peer) -> None:
        await peer.request()
        await peer.send(OK)
        await said.wait()
        await peer.send(OK.replace(b"ok", b"no"))
        await peer.request()
        await peer.send(OK)

    async with serving(speak_up) as server:
        assert (await ask(transport, server)).content == b"ok"
        said.set()
        assert await server.is_disconnected()
        assert (await ask(transport, server)).content == b"ok"
        assert server.connections == 2


@pytest.mark.parametrize("interim", [b"100 Continue", b"102 Processing", b"103 Early Hints"])
@pytest.mark.parametrize("pause", [0, 0.01])
async def test_an_interim_response_is_not_taken_for_the_response(
    transport: KeepAliveTransport, interim: bytes, pause: float
) -> None:
    async def hint(peer: Peer) -> None:
        while await peer.request():
            first = b"HTTP/1.1 " + interim + b"\r\nLink: </style.css>\r\n\r\n"
            await peer.send(first if pause else first + OK)
            if pause:
                await asyncio.sleep(pause)
                await peer.send(OK)

    async with serving(hint) as server:
        for _ in range(2):
            got = await ask(transport, server)
            assert (got.status_code, got.content) == (200, b"ok")


@pytest.mark.parametrize(
    "garbage",
    [
        b"\0\1\2\3" * 20,
        b"SSH-2.0-OpenSSH_9.7\r\n",
        b"HTTP/1.1 twohundred OK\r\n\r\n",
        b"HTTP/9.9 200 OK\r\nContent-Length: 2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: two\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok?",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxx\r\nok\r\n0\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n\0\0\0",
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ],
)
async def test_garbage_is_an_error_and_ends_the_connection(transport: KeepAliveTransport, garbage: bytes) -> None:
    async with serving(once(garbage)) as server:
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            await ask(transport, server)
        assert await server.is_disconnected()


@pytest.mark.parametrize("kind", ["length", "chunked", "until closed", "head"])
async def test_a_response_over_one_mebibyte_is_refused_before_it_has_arrived_in_full(
    transport: KeepAliveTransport, kind: str
) -> None:
    heads = {
        "length": b"HTTP/1.1 200 OK\r\nContent-Length: 9000000\r\n\r\n",
        "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
        "until closed": b"HTTP/1.1 200 OK\r\n\r\n",
        "head": b"HTTP/1.1 200 OK\r\n",
    }
    parts = {"chunked": b"1000\r\n" + b"x" * 4096 + b"\r\n", "head": b"X-More: " + b"x" * 4000 + b"\r\n"}

    async def pour(peer: Peer) -> None:
        await peer.request()
        await peer.send(heads[kind])
        for _ in range(9_000_000 // 4096):
            await peer.send(parts.get(kind, b"x" * 4096))

    async with serving(pour) as server:
        with pytest.raises(httpx.RemoteProtocolError):
            await ask(transport, server)
        assert await server.is_disconnected()


async def test_a_response_just_below_one_mebibyte_arrives_in_full(transport: KeepAliveTransport) -> None:
    body = b"x" * (MAX_BYTES - 100)
    head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
    async with serving(always(head + body)) as server:
        for _ in range(2):
            assert (await ask(transport, server)).content == body
        assert server.connections == 1


@pytest.mark.parametrize("encoding", [b"gzip", b"br", b"deflate"])
async def test_a_compressed_response_is_refused(transport: KeepAliveTransport, encoding: bytes) -> None:
    answer = OK.replace(b"\r\n\r\n", b"\r\nContent-Encoding: " + encoding + b"\r\n\r\n")
    async with serving(always(answer)) as server:
        with pytest.raises(httpx.RemoteProtocolError, match="compressed"):
            await ask(transport, server)
        assert await server.is_disconnected()


async def test_a_refused_connection_is_a_connect_error(transport: KeepAliveTransport) -> None:
    with closed_port() as port, pytest.raises(httpx.ConnectError):
        await transport.handle_async_request(httpx.Request("GET", f"http://{HOST}:{port}/"))


async def test_a_connection_that_does_not_open_in_time_is_a_connect_timeout(transport: KeepAliveTransport) -> None:
    with full_port() as port:
        began = time.monotonic()
        with pytest.raises(httpx.ConnectTimeout):
            await transport.handle_async_request(httpx.Request("GET", f"http://{HOST}:{port}/"))
        assert 0.15 < time.monotonic() - began < 1


@pytest.mark.parametrize("manner", [silence, once(b"not TLS at all, and long enough to be seen as such\r\n")])
async def test_a_server_without_tls_is_a_connect_error(
    transport: KeepAliveTransport, manner: Callable[[Peer], Awaitable[None]]
) -> None:
    async with serving(manner) as server:
        with pytest.raises((httpx.ConnectError, httpx.ConnectTimeout)):
            await transport.handle_async_request(httpx.Request("GET", server.url.replace("http:", "https:")))
        assert await server.is_disconnected()


async def test_an_untrusted_certificate_is_a_connect_error(transport: KeepAliveTransport, tmp_path: Path) -> None:
    received: list[bytes] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        received.append(await reader.read(1000))
        writer.write(OK)
        writer.close()

    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(self_signed(tmp_path / "server.pem"))
    listening = await asyncio.start_server(answer, HOST, 0, ssl=tls)
    url = f"https://{HOST}:{listening.sockets[0].getsockname()[1]}/"
    try:
        with pytest.raises(httpx.ConnectError):
            async with asyncio.timeout(SECONDS):
                await transport.handle_async_request(httpx.Request("GET", url, headers={"authorization": "Bearer x"}))
        assert received == []
    finally:
        listening.close()


def self_signed(file: Path) -> Path:
    """Return a self-signed certificate for this host with its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, HOST)])
    host = x509.SubjectAlternativeName([x509.IPAddress(ip_address(HOST))])
    now = datetime.now(UTC)
    draft = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    draft = draft.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    certificate = draft.add_extension(host, critical=False).sign(key, SHA256())
    secret = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    file.write_bytes(secret + certificate.public_bytes(Encoding.PEM))
    return file


@pytest.mark.parametrize(
    "said",
    [b"", b"HTTP/1.1 200 O", OK[:-1], CHUNKED[:-7], b"HTTP/1.1 100 Continue\r\n\r\n"],
    ids=["nothing", "half a head", "half a body", "all but the last chunk", "interim"],
)
@pytest.mark.parametrize("end", ["close", "reset"])
async def test_a_truncated_response_is_a_read_error(transport: KeepAliveTransport, said: bytes, end: str) -> None:
    async def break_off(peer: Peer) -> None:
        await peer.request()
        await peer.send(said)
        await asyncio.sleep(0.005)
        getattr(peer, end)()

    async with serving(break_off) as server:
        with pytest.raises(httpx.ReadError):
            await ask(transport, server)


async def test_a_cancelled_request_ends_its_connection_and_the_next_one_gets_its_own_response(
    transport: KeepAliveTransport,
) -> None:
    async def first_late(peer: Peer) -> None:
        path = (await peer.request()).split()[1]
        await asyncio.sleep(0.03 if path == b"/late" else 0)
        await peer.send(OK.replace(b"ok", path[1:3]))

    async with serving(first_late) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ask(transport, server, "/late")
        assert (await ask(transport, server, "/no")).content == b"no"
        assert server.connections == 2
        await transport.aclose()
        assert await server.is_disconnected()


async def test_a_cancelled_request_aborts_its_connection_to_a_silent_server(transport: KeepAliveTransport) -> None:
    async with serving(silence) as server:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.01):
                await ask(transport, server)
        assert await server.is_disconnected()


async def test_a_request_cancelled_as_its_response_arrives_leaves_no_connection_behind(
    transport: KeepAliveTransport, monkeypatch: pytest.MonkeyPatch
) -> None:
    complete = Connection.on_message_complete

    def complete_and_cancel(connection: Connection) -> None:
        complete(connection)
        asking.cancel()

    monkeypatch.setattr(Connection, "on_message_complete", complete_and_cancel)
    async with serving(always(OK)) as server:
        asking = asyncio.create_task(ask(transport, server))
        await asyncio.wait([asking])
        await transport.aclose()
        assert asking.cancelled()
        assert await server.is_disconnected()


async def test_opening_a_connection_can_be_cancelled(transport: KeepAliveTransport) -> None:
    with full_port() as port, pytest.raises(TimeoutError):
        async with asyncio.timeout(0.02):
            await transport.handle_async_request(httpx.Request("GET", f"http://{HOST}:{port}/"))


async def test_many_requests_cancelled_at_any_moment_leave_nothing_behind(transport: KeepAliveTransport) -> None:
    async def unhurried(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.002)
            await peer.send(OK)

    async def for_a_while(seconds: float) -> None:
        try:
            async with asyncio.timeout(seconds):
                assert (await ask(transport, server)).content == b"ok"
        except TimeoutError:
            pass

    async with serving(unhurried) as server:
        for _ in range(4):
            await asyncio.gather(*(for_a_while(0.0001 * number) for number in range(60)))
        assert (await ask(transport, server)).content == b"ok"
        await transport.aclose()
        assert await server.is_disconnected()


async def test_a_closed_transport_has_closed_every_connection(transport: KeepAliveTransport) -> None:
    async with serving(always(OK)) as server:
        await asyncio.gather(*(ask(transport, server) for _ in range(5)))
        assert server.open == 5
        await transport.aclose()
        assert await server.is_disconnected()


@pytest.mark.parametrize(
    "value", ["a\r\nX-Injected: yes", "a\nX-Injected: yes", "a\rb", "a\r\n\r\nGET /admin HTTP/1.1", "a\0b"]
)
async def test_a_header_cannot_inject_a_line(transport: KeepAliveTransport, value: str) -> None:
    async with serving(always(OK)) as server:
        with pytest.raises(httpx.HTTPError):
            await ask(transport, server, headers={"X-Request-ID": value})
        assert server.requests == []


@pytest.mark.parametrize("path", ["/a b", "/a\r\nX-Injected: yes", "/ä", "/a HTTP/1.1\r\nX: y\r\n\r\n"])
async def test_a_path_cannot_inject_a_line(transport: KeepAliveTransport, path: str) -> None:
    async with serving(always(OK)) as server:
        try:
            await ask(transport, server, path)
        except (httpx.InvalidURL, httpx.HTTPError):
            assert server.requests == []
        else:
            line, *headers = server.requests[0].split(b"\r\n")
            assert line.count(b" ") == 2
            assert not any(header.startswith(b"X") for header in headers)
