"""An HTTP/1.1 transport of httpx: keep-alive connections and httptools' parser, a quarter of the CPU of the stock transport.

docs/decisions.md has the figures. It serves calls to the neighbours only, so it is strict: one response for one request, no
compression, a maximum size, and any violation closes the connection.
"""

import asyncio
import ssl
from collections import deque
from typing import cast

import httpx
from httptools import HttpParserError, HttpResponseParser

MAX_BYTES = 1024 * 1024
"""Limit of a response, head and body together (contract: neighbours)."""

IDLE_SECONDS = 4
"""The lifetime of an idle connection: shorter than the servers' timeout, which is 5 s or more."""


class AnswerTooLarge(httpx.RemoteProtocolError):
    """The response is larger than MAX_BYTES."""


_PORTS = {"http": 80, "https": 443}


class Connection(asyncio.Protocol):
    """One connection: `ask` sends a request and awaits its response; `reusable` is true when another request may follow."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self.reusable = False
        self.idle_since = 0.0
        self._response: asyncio.Future[httpx.Response] | None = None

    async def ask(self, request: bytes) -> httpx.Response:
        """Send a request and return its response.

        Raises httpx.ReadError when the connection ends early, RemoteProtocolError for invalid HTTP.
        """
        self._parser = HttpResponseParser(self)
        self._received, self.reusable = 0, False
        self._begin()
        self._response = asyncio.get_running_loop().create_future()
        self.transport.write(request)
        try:
            response = await self._response
        except BaseException:  # also cancelled: later data on this connection belongs to no request
            self.transport.abort()
            raise
        if not self.reusable:
            self.transport.abort()
        return response

    def _begin(self) -> None:
        self._headers: list[tuple[bytes, bytes]] = []
        self._body: list[bytes] = []
        self._until_closed = False

    # asyncio's callbacks
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._response is None or self._response.done():
            self.reusable = False
            self.transport.abort()
            return
        self._received += len(data)
        if self._received > MAX_BYTES:
            self._fail(AnswerTooLarge("the response is larger than 1 MiB"))
            return
        try:
            self._parser.feed_data(data)
        except HttpParserError as error:
            self._fail(httpx.RemoteProtocolError(f"not HTTP: {error}"))

    def connection_lost(self, error: Exception | None) -> None:
        self.reusable = False
        if self._response is None or self._response.done():
            return
        if self._until_closed and error is None:
            self.on_message_complete()
        else:
            self._fail(httpx.ReadError("the connection ended before the response"))

    # httptools' callbacks
    def on_message_begin(self) -> None:
        if self._response is not None and self._response.done():
            self.reusable = False  # a second response to one request

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        names = {name for name, _ in self._headers}
        self._until_closed = names.isdisjoint({b"content-length", b"transfer-encoding"})
        if b"content-encoding" in names:
            self._fail(httpx.RemoteProtocolError("the response is compressed, which was not requested"))

    def on_body(self, data: bytes) -> None:
        self._body.append(data)

    def on_message_complete(self) -> None:
        if self._response is None or self._response.done():
            return
        status = self._parser.get_status_code()
        if status < 200:  # an interim response (RFC 9110, 15.2): the final one follows
            self._begin()
            return
        self.reusable = self._parser.should_keep_alive() and not self.transport.is_closing()
        self._response.set_result(httpx.Response(status, headers=self._headers, content=b"".join(self._body)))

    def _fail(self, error: httpx.TransportError) -> None:
        if self._response is not None and not self._response.done():
            self._response.set_exception(error)


class KeepAliveTransport(httpx.AsyncBaseTransport):
    """The transport of httpx to one neighbour. `connect_seconds` is the timeout of connecting; the caller sets the others."""

    def __init__(self, connect_seconds: float) -> None:
        self._connect_seconds = connect_seconds
        self._tls = ssl.create_default_context()
        self._idle: deque[Connection] = deque()
        self._sweep: asyncio.TimerHandle | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`, whose body is already bytes, and return the complete response.

        Raises httpx.ConnectError or ConnectTimeout before sending, ReadError or RemoteProtocolError afterwards.
        """
        connection = self._from_idle() or await self._open(request.url)
        response = await connection.ask(_as_bytes(request))
        if connection.reusable:
            self._keep(connection)
        return response

    async def aclose(self) -> None:
        """Close the idle connections."""
        if self._sweep is not None:
            self._sweep.cancel()
        while self._idle:
            self._idle.pop().transport.abort()

    def _keep(self, connection: Connection) -> None:
        loop = asyncio.get_running_loop()
        connection.idle_since = loop.time()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = loop.call_later(IDLE_SECONDS, self._close_idle)

    def _close_idle(self) -> None:
        """Close connections that were idle for IDLE_SECONDS; the most recently used one is reused first."""
        loop = asyncio.get_running_loop()
        while self._idle and self._idle[0].idle_since + IDLE_SECONDS <= loop.time():
            self._idle.popleft().transport.abort()
        again = self._idle[0].idle_since + IDLE_SECONDS - loop.time() if self._idle else 0
        self._sweep = loop.call_later(again, self._close_idle) if self._idle else None

    def _from_idle(self) -> Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.reusable and not connection.transport.is_closing():
                return connection
        return None

    async def _open(self, url: httpx.URL) -> Connection:
        secure = url.scheme == "https"
        connecting = asyncio.get_running_loop().create_connection(
            Connection, url.host, url.port or _PORTS[url.scheme], ssl=self._tls if secure else None
        )
        try:
            async with asyncio.timeout(self._connect_seconds):
                return (await connecting)[1]
        except TimeoutError as error:
            raise httpx.ConnectTimeout("no connection in time") from error
        except OSError as error:
            raise httpx.ConnectError(type(error).__name__) from error


def _as_bytes(request: httpx.Request) -> bytes:
    target = request.extensions.get("target") or request.url.raw_path
    lines = [b"%s %s HTTP/1.1" % (request.method.encode("ascii"), target)]
    lines += [b"%s: %s" % header for header in request.headers.raw]
    head = b"\r\n".join(lines)
    if not len(lines) - 1 == head.count(b"\r") == head.count(b"\n") or b"\0" in head:
        raise httpx.LocalProtocolError("the target or a header has a line break")
    return head + b"\r\n\r\n" + request.content
