"""A TCP proxy in front of a server on this machine, with which a test cuts, stalls and delays connections.

It runs on an event loop in a thread of its own; its methods are for the test's thread and take effect before they
return.
"""

import asyncio
import itertools
import re
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from typing import Any, Literal, Self

from compose.ports import HOST

Way = Literal["up", "down"]
"""`up` is from clients to the server, `down` back."""

BOTH: tuple[Way, Way] = ("up", "down")
CHUNK = 65_536


class Trap:
    """Resets a connection that has sent all of `parts`, in this order, in place of its next response.

    It takes effect once; `sprung` is set then.
    """

    def __init__(self, *parts: bytes) -> None:
        self.sprung = threading.Event()
        self._whole = re.compile(b".*?".join(map(re.escape, parts)), re.DOTALL)

    def fits(self, received: bytes) -> bool:
        return not self.sprung.is_set() and self._whole.search(received) is not None


class Proxy:
    """Passes bytes on unless a fault is set. `port` is the port for clients."""

    def __init__(self, server_port: int) -> None:
        self._server_ports = itertools.cycle([server_port])
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="proxy")
        self._links: set[_Link] = set()
        self.flowing = {way: asyncio.Event() for way in BOTH}
        self.delay_seconds = 0.0
        self.trap: Trap | None = None
        self.cut_after: dict[Way, int] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        self._server = self._call(self._open())
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._call(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def connections(self) -> int:
        """Return how many connections are open now."""
        return len(self._links)

    def lead_to(self, *server_ports: int) -> None:
        """Lead new connections to these ports, in turn; open connections stay."""
        self._server_ports = itertools.cycle(server_ports)

    def cut(self) -> None:
        """Reset every open connection; new ones are served."""
        self._call(self._cut())

    @contextmanager
    def stalled(self, *ways: Way) -> Iterator[None]:
        """Hold back all bytes in these directions, of new connections too; pass them on afterwards."""
        self._call(self._let_flow(ways or BOTH, False))
        try:
            yield
        finally:
            self._call(self._let_flow(BOTH, True))

    @contextmanager
    def delayed(self, seconds: float) -> Iterator[None]:
        """Delay all bytes by `seconds` in either direction."""
        self.delay_seconds = seconds
        try:
            yield
        finally:
            self.delay_seconds = 0.0

    @contextmanager
    def losing_the_answer_to(self, *parts: bytes) -> Iterator[Trap]:
        """Reset the connection on which a client sends all of `parts`, once the server has answered the last of them."""
        self.trap = trap = Trap(*parts)
        try:
            yield trap
        finally:
            self.trap = None

    @contextmanager
    def cutting_after(self, size: int, way: Way) -> Iterator[None]:
        """Reset each connection after `size` more bytes in this direction."""
        self._call(self._limit(way, size))
        try:
            yield
        finally:
            self._call(self._limit(way, None))

    def _call(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _open(self) -> asyncio.Server:
        await self._let_flow(BOTH, True)
        return await asyncio.start_server(self._serve, HOST, 0)

    async def _close(self) -> None:
        self._server.close()
        await self._let_flow(BOTH, True)
        await self._cut()
        while self._links:
            await asyncio.sleep(0)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            server = await asyncio.open_connection(HOST, next(self._server_ports))
        except OSError:
            _reset(writer)
            return
        link = _Link(self, {"up": (reader, server[1]), "down": (server[0], writer)})
        self._links.add(link)
        try:
            await link.run()
        finally:
            self._links.discard(link)

    async def _cut(self) -> None:
        for link in self._links:
            link.cut()

    async def _let_flow(self, ways: tuple[Way, ...], free: bool) -> None:
        for way in ways:
            self.flowing[way].set() if free else self.flowing[way].clear()

    async def _limit(self, way: Way, size: int | None) -> None:
        self.cut_after = {} if size is None else {way: size}
        for link in self._links:
            link.passed = dict.fromkeys(BOTH, 0)


class _Link:
    """A client's connection and the corresponding one to the server."""

    def __init__(self, proxy: Proxy, ends: dict[Way, tuple[asyncio.StreamReader, asyncio.StreamWriter]]) -> None:
        self._proxy, self._ends = proxy, ends
        self._said = b""
        self._losing: Trap | None = None
        self.passed: dict[Way, int] = dict.fromkeys(BOTH, 0)

    async def run(self) -> None:
        """Pass bytes on until either end closes."""
        pumps = [asyncio.create_task(self._pump(way)) for way in BOTH]
        await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        for pump in pumps:
            pump.cancel()
        await asyncio.gather(*pumps, return_exceptions=True)
        for _, writer in self._ends.values():
            writer.close()

    def cut(self) -> None:
        for _, writer in self._ends.values():
            _reset(writer)

    async def _pump(self, way: Way) -> None:
        reader, writer = self._ends[way]
        with suppress(ConnectionError):
            while data := await reader.read(CHUNK):
                await asyncio.sleep(self._proxy.delay_seconds)
                await self._proxy.flowing[way].wait()
                if way == "up":
                    self._watch_for_parts(data)
                elif self._losing:
                    self._losing.sprung.set()
                    self.cut()
                    return
                room = self._proxy.cut_after.get(way, self.passed[way] + len(data)) - self.passed[way]
                writer.write(data[:room])
                self.passed[way] += len(data)
                await writer.drain()
                if room < len(data):
                    self.cut()
                    return

    def _watch_for_parts(self, data: bytes) -> None:
        """Record when this connection has sent the parts that the trap waits for."""
        trap = self._proxy.trap
        self._said = (self._said + data)[-CHUNK:] if trap else b""
        if trap and self._losing is None and trap.fits(self._said):
            self._losing = trap


def _reset(writer: asyncio.StreamWriter) -> None:
    """Close with RST in place of FIN; bytes passed on just before may get lost with it, as in a network."""
    raw: socket.socket = writer.get_extra_info("socket")
    with suppress(OSError):
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    writer.transport.abort()
