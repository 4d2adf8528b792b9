"""Load shedding: a process admits as many requests as it can serve in time, and refuses the others before any work is done.

A refusal costs a fraction of a response, which preserves the goodput under three times the load (docs/decisions.md has the
figures). Health, metrics and documentation are always admitted: their cost is negligible. A request counts from the last
byte of its body to the first byte of its response, so that neither a slow sender nor a slow reader occupies a slot.
"""

from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any, Literal, Self

from asgiref.typing import ASGI3Application
from django.conf import settings

from asgi_app.server.graceful_shutdown import GracefulShutdown
from asgi_app.server.handler import read_body
from asgi_app.server.response_headers import CONNECTION_CLOSE, HEADERS, headers_of, with_headers
from orders.domain.errors import Overloaded
from orders.http import paths
from orders.http.middleware import request_id_of
from orders.http.problems import problem_body
from orders.http.state import RequestState, state_in
from orders.runtime.concurrency import ConcurrencyLimiter
from orders.runtime.metrics import SHED
from orders.services.checkout.checkout import CheckoutService
from orders.services.reading.order_events import OrderEventNotifier

Kind = Literal["checkout", "request", "stream"]

MAX_OPENING_STREAMS, OPENING_SECONDS = 10, 2
"""Streams that open concurrently, and how long the next ones wait: after a restart all clients reconnect at the same time."""

_OVERLOADED = {
    kind: Overloaded(f"Too many {kind}s in progress on this server. Retry the same request in 1 second.")
    for kind in ("checkout", "request", "stream")
}
_SHED = {kind: SHED.labels(kind) for kind in _OVERLOADED}
_REFUSAL_HEADERS = (
    (b"content-type", b"application/problem+json"),
    (b"retry-after", b"%d" % Overloaded.retry_after),
    *HEADERS,
)


class LoadShedding:
    """ASGI middleware around the handler of HTTP requests."""

    def __init__(self, inner: ASGI3Application, shutdown: GracefulShutdown) -> None:
        self._inner, self._shutdown = inner, shutdown
        self._in_flight = {"checkout": 0, "request": 0}
        self._opening = ConcurrencyLimiter(MAX_OPENING_STREAMS, OPENING_SECONDS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path = scope["path"].removeprefix(scope.get("root_path", ""))
        kind = kind_of(scope["method"], path)
        if kind is None:
            await self._inner(scope, receive, with_headers(send, self._shutdown, headers_of(path)))
            return
        body = await read_body(receive, settings.REQUEST_BODY_BYTES)
        if body is None:
            return
        if not self._has_capacity(kind, scope):
            await self._refuse(kind, scope, send)
        elif kind == "stream":
            await self._open_stream(scope, _replay(body, receive), send)
        else:
            await self._serve(kind, scope, _replay(body, receive), send)

    async def _open_stream(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a stream, which occupies a slot while it opens. The number of streams that open concurrently is limited."""
        async with AsyncExitStack() as opening:
            try:
                await opening.enter_async_context(self._opening.slot())
            except Overloaded:
                await self._refuse("stream", scope, send)
                return
            if not self._has_capacity("stream", scope):
                await self._refuse("stream", scope, send)
                return
            await self._serve("request", scope, receive, _closing(opening, send))

    async def _serve(self, kind: Kind, scope: Any, receive: Any, send: Any) -> None:
        with Slot(self._in_flight, kind) as slot, ExitStack() as exit_stack:
            scope["state"][RequestState.__name__] = RequestState(slot.released, exit_stack)
            await self._inner(scope, receive, with_headers(_releasing(slot, send), self._shutdown))

    def _has_capacity(self, kind: Kind, scope: Any) -> bool:
        """Return whether one more request of that kind would be served in time."""
        if kind == "checkout":
            return state_in(scope, CheckoutService).limiter.would_admit(self._in_flight[kind])
        if kind == "stream" and state_in(scope, OrderEventNotifier).streams.is_full():
            return False
        return self._in_flight["request"] < int(settings.REQUESTS_IN_FLIGHT)

    async def _refuse(self, kind: Kind, scope: Any, send: Any) -> None:
        """Send 503 `overloaded` at minimal cost. It is counted, not logged: a line would cost more than the response."""
        _SHED[kind].inc()
        request_id = request_id_of(
            [value.decode("latin-1") for name, value in scope["headers"] if name == b"x-request-id"]
        )
        body = problem_body(scope["path"], _OVERLOADED[kind], 503, request_id)
        headers = [*_REFUSAL_HEADERS, (b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))]
        if self._shutdown.has_started:
            headers.append(CONNECTION_CLOSE)
        await send({"type": "http.response.start", "status": 503, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Slot:
    """A request's slot in the limit of its kind, from `with` until it is released."""

    __slots__ = ("_in_flight", "_is_taken", "_kind")

    def __init__(self, in_flight: dict[str, int], kind: Kind) -> None:
        self._in_flight, self._kind, self._is_taken = in_flight, kind, False

    def __enter__(self) -> Self:
        self._take()
        return self

    def __exit__(self, *_: object) -> None:
        self.release()

    def release(self) -> None:
        """Release the slot. Repeatable."""
        if self._is_taken:
            self._in_flight[self._kind] -= 1
            self._is_taken = False

    @contextmanager
    def released(self) -> Iterator[None]:
        """Release the slot for the duration of a wait that uses none of the process's capacity."""
        self.release()
        try:
            yield
        finally:
            self._take()

    def _take(self) -> None:
        self._in_flight[self._kind] += 1
        self._is_taken = True


def kind_of(method: str, path: str) -> Kind | None:
    """Return the limit against which a request counts; None for requests that are always admitted."""
    if not path.startswith(paths.API):
        return None
    if paths.opens_stream(method, path):
        return "stream"
    return "checkout" if (method, path) == ("POST", paths.CHECKOUT) else "request"


def _releasing(slot: Slot, send: Any) -> Any:
    """Return a `send` that releases the slot when the response begins, which may wait for a slow reader."""

    async def release_and_send(event: Any) -> None:
        slot.release()
        await send(event)

    return release_and_send


def _closing(opening: AsyncExitStack, send: Any) -> Any:
    """Return a `send` that closes `opening` when the response begins."""

    async def close_and_send(event: Any) -> None:
        await opening.aclose()
        await send(event)

    return close_and_send


def _replay(body: bytes, receive: Any) -> Any:
    """Return a `receive` that returns `body` as the whole body, and then waits for the client's disconnect."""
    unread: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        if unread:
            return unread.pop()
        while (message := await receive())["type"] == "http.request":
            pass  # the rest of a body over the limit
        return message

    return receive_again
