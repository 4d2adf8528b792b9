"""A TCP server that sends its clients the bytes that a test names."""

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress

HOST = "127.0.0.1"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


class Peer:
    """One connection, seen from the server."""

    def __init__(self, server: "RawServer", reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._server, self._reader, self._writer = server, reader, writer

    async def request(self) -> bytes:
        """Return the next request, or b"" at the end of the connection."""
        try:
            head = await self._reader.readuntil(b"\r\n\r\n")
            length = [
                line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")
            ]
            body = await self._reader.readexactly(int(length[0]) if length else 0)
        except (asyncio.IncompleteReadError, ConnectionError):
            return b""
        self._server.requests.append(head + body)
        return head + body

    async def received(self) -> bytes:
        """Return the bytes received since, or b"" at the end of the connection."""
        with suppress(ConnectionError):
            return await self._reader.read(65536)
        return b""

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError, RuntimeError):  # raised by uvloop for a closed connection
            self._writer.write(data)
            await self._writer.drain()

    def close(self) -> None:
        """Close the sending side."""
        self._writer.close()

    def reset(self) -> None:
        """Reset the connection: the client gets RST in place of FIN."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Manner = Callable[[Peer], Awaitable[None]]


class RawServer:
    """`connections` counts all connections so far, `open` the open ones; `requests` holds the requests received."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://{HOST}:{port}"
        self.connections = self.open = 0
        self.requests: list[bytes] = []

    async def is_disconnected(self) -> bool:
        """Return whether every client closes its connection within a moment."""
        for _ in range(200):
            if self.open == 0:
                return True
            await asyncio.sleep(0.005)
        return False


@asynccontextmanager
async def serving(manner: Manner) -> AsyncIterator[RawServer]:
    """Serve each connection by `treat`, and then wait for its end."""
    treated: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}

    def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        server.connections += 1
        server.open += 1
        treated[writer] = asyncio.create_task(treat(Peer(server, reader, writer), writer))

    async def treat(peer: Peer, writer: asyncio.StreamWriter) -> None:
        try:
            await manner(peer)
            while await peer.request():
                pass
        finally:
            server.open -= 1
            writer.transport.abort()

    listening = await asyncio.start_server(connected, HOST, 0)
    server = RawServer(listening.sockets[0].getsockname()[1])
    try:
        yield server
    finally:
        await _run_pending_callbacks()
        listening.close()
        await _run_pending_callbacks()
        for writer, task in treated.items():
            task.cancel()
            writer.transport.abort()
        ends = await asyncio.gather(*treated.values(), return_exceptions=True)
        await _run_pending_callbacks()
        assert [end for end in ends if isinstance(end, Exception)] == []


async def _run_pending_callbacks() -> None:
    """Let the event loop handle connections that were just accepted or closed."""
    for _ in range(5):
        await asyncio.sleep(0)


def always(answer: bytes) -> Manner:
    """Return a handler that answers every request with the same bytes."""

    async def manner(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer)

    return manner


def once(answer: bytes) -> Manner:
    """Return a handler that answers the first request with these bytes and closes."""

    async def manner(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        peer.close()

    return manner


async def silence(peer: Peer) -> None:
    """Send no bytes."""


@contextmanager
def full_port() -> Iterator[int]:
    """Yield a port where a connection is neither accepted nor refused: its backlog is full."""
    with socket.socket() as listening, socket.socket() as first:
        listening.bind((HOST, 0))
        listening.listen(0)
        first.connect(listening.getsockname())
        yield listening.getsockname()[1]


@contextmanager
def closed_port() -> Iterator[int]:
    """Yield a port that refuses connections, and that no other process can take meanwhile."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]
