"""A TCP server that does to its clients, byte by byte, what a test says."""

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
        """The next request, b"" when there will be none."""
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

    async def heard(self) -> bytes:
        """Whatever has come in since, b"" at the end."""
        with suppress(ConnectionError):
            return await self._reader.read(65536)
        return b""

    async def send(self, data: bytes) -> None:
        with suppress(ConnectionError, RuntimeError):  # uvloop's word for a connection that is closed
            self._writer.write(data)
            await self._writer.drain()

    def close(self) -> None:
        """Say no more."""
        self._writer.close()

    def reset(self) -> None:
        """Break the connection off: the client sees a reset instead of an end."""
        raw: socket.socket = self._writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self._writer.transport.abort()


Manner = Callable[[Peer], Awaitable[None]]


class RawServer:
    """`connections` counts all there were, `open` those there are; `requests` has what was asked."""

    def __init__(self, port: int) -> None:
        self.port, self.url = port, f"http://{HOST}:{port}"
        self.connections = self.open = 0
        self.requests: list[bytes] = []

    async def is_left(self) -> bool:
        """Whether every client has hung up, given a moment."""
        for _ in range(200):
            if self.open == 0:
                return True
            await asyncio.sleep(0.005)
        return False


@asynccontextmanager
async def serving(manner: Manner) -> AsyncIterator[RawServer]:
    """A server that treats each connection in this manner, and then waits for its end."""
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
        await _breathe()
        listening.close()
        await _breathe()
        for writer, task in treated.items():
            task.cancel()
            writer.transport.abort()
        ends = await asyncio.gather(*treated.values(), return_exceptions=True)
        await _breathe()
        assert [end for end in ends if isinstance(end, Exception)] == []


async def _breathe() -> None:
    """Let the event loop finish what it has begun: connections just taken, connections just closed."""
    for _ in range(5):
        await asyncio.sleep(0)


def always(answer: bytes) -> Manner:
    """To every request the same."""

    async def manner(peer: Peer) -> None:
        while await peer.request():
            await peer.send(answer)

    return manner


def once(answer: bytes) -> Manner:
    """To the first request this, and then the end."""

    async def manner(peer: Peer) -> None:
        await peer.request()
        await peer.send(answer)
        peer.close()

    return manner


async def silence(peer: Peer) -> None:
    """Never a word."""


@contextmanager
def full_port() -> Iterator[int]:
    """A port where a connection is neither taken nor refused: the queue in front of it is full."""
    with socket.socket() as listening, socket.socket() as first:
        listening.bind((HOST, 0))
        listening.listen(0)
        first.connect(listening.getsockname())
        yield listening.getsockname()[1]


@contextmanager
def closed_port() -> Iterator[int]:
    """A port that refuses connections, and that nobody else can take meanwhile."""
    with socket.socket() as bound:
        bound.bind((HOST, 0))
        yield bound.getsockname()[1]
