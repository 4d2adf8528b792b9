"""The door of one process: it lets in as many requests as the process carries, and turns the others away before any work is done.

Being turned away costs a fraction of an answer, which is what keeps the answers coming when three times as many ask
(docs/decisions.md has the figures). Most are turned away by `asgi_app/protocol.py`, before a request has been made of what
they say; the rule and the words are here. Health, metrics and documentation are let in always: they cost next to nothing. A
stream takes a place while it opens. Who has not sent the whole body yet takes nobody's place.
"""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import AsyncExitStack, ExitStack, contextmanager
from typing import Any

from asgiref.typing import ASGI3Application
from django.conf import settings

from asgi_app.handler import read_body
from asgi_app.headers import with_headers
from orders.domain.errors import Overloaded
from orders.http.middleware import API, request_id_of
from orders.http.problems import problem_body
from orders.runtime.concurrency import ConcurrencyLimiter
from orders.runtime.metrics import SHED
from orders.services.checkout.checkout import CheckoutService

Header = tuple[bytes, bytes]

_SHED = {kind: SHED.labels(kind) for kind in ("checkout", "request", "stream")}
_OVERLOADED = Overloaded("This server has all it can do: send the same request again in a second.")
_HEADERS = ((b"content-type", b"application/problem+json"), (b"retry-after", b"%d" % Overloaded.retry_after))
CHECKOUT = "POST", f"{API}orders"

OPENING_STREAMS, OPENING_SECONDS = 10, 2
"""Streams that open at once, and how long the next ones wait: when a server has been away, all of its listeners come back."""


class Admission:
    """An ASGI application before another one."""

    def __init__(self, inner: ASGI3Application) -> None:
        self._inner = inner
        self._inside = {"checkout": 0, "request": 0}
        self._opening = ConcurrencyLimiter(OPENING_STREAMS, OPENING_SECONDS)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = kind_of(scope["method"], scope["path"].removeprefix(scope.get("root_path", "")))
        if kind is None:
            await self._inner(scope, receive, with_headers(scope, send))
            return
        body = await read_body(receive, settings.REQUEST_BODY_BYTES)
        if body is None:
            return
        if not self.has_room(kind, scope["state"]):
            await _turn_away(scope, send, kind)
            return
        if kind == "stream":
            await self._open_stream(scope, _again(body, receive), send)
            return
        place = scope["state"]["place"] = Place(self._inside, kind)
        try:
            await self._inner(scope, _again(body, receive), with_headers(scope, send))
        finally:
            place.leave()

    async def _open_stream(self, scope: Any, receive: Any, send: Any) -> None:
        """A request that takes a place until its answer begins. Of many that come at once, all but a few wait for their turn."""
        async with AsyncExitStack() as opening:
            try:
                await opening.enter_async_context(self._opening.slot())
            except Overloaded:
                await _turn_away(scope, send, "stream")
                return
            if not self.has_room("stream", scope["state"]):
                await _turn_away(scope, send, "stream")
                return
            place = Place(self._inside, "request")
            opening.callback(place.leave)
            with ExitStack() as at_end:
                scope["state"].update(place=place, at_end=at_end)
                await self._inner(scope, receive, with_headers(scope, _closing(opening, send)))

    def has_room(self, kind: str, state: Mapping[str, Any]) -> bool:
        """Whether one more of that kind would be served in time. `state` is what the lifespan has opened."""
        if kind == "checkout":
            desk: CheckoutService = state["desk"]
            return desk.limiter.would_admit(self._inside[kind])
        if kind == "stream" and state["watch"].streams.is_full():
            return False
        return self._inside["request"] < int(settings.REQUESTS_IN_FLIGHT)


class Place:
    """One request's place among those in flight."""

    __slots__ = ("_inside", "_is_taken", "_kind")

    def __init__(self, inside: dict[str, int], kind: str) -> None:
        self._inside, self._kind, self._is_taken = inside, kind, True
        inside[kind] += 1

    def leave(self) -> None:
        """Give the place back, if that has not been done."""
        if self._is_taken:
            self._inside[self._kind] -= 1
            self._is_taken = False

    @contextmanager
    def lent(self) -> Iterator[None]:
        """Leave the place to others while the request waits for what is none of their business."""
        self.leave()
        try:
            yield
        finally:
            self._inside[self._kind] += 1
            self._is_taken = True


def kind_of(method: str, path: str) -> str | None:
    """Of what there is room for so many: "checkout", "stream" or "request"; None for what is let in always."""
    if not path.startswith(API):
        return None
    if path.endswith("/stream") and method in ("GET", "HEAD"):
        return "stream"
    return "checkout" if (method, path) == CHECKOUT else "request"


def refusal(kind: str, path: str, given: Iterable[Header]) -> tuple[list[Header], bytes]:
    """The headers and the body of 503 `overloaded`, for who came with the headers `given` (names in lower case).

    It is counted, not logged: under a flood, lines would cost more than the answers.
    """
    _SHED[kind].inc()
    request_id = request_id_of([value.decode("latin-1") for name, value in given if name == b"x-request-id"])
    body = problem_body(path, _OVERLOADED, 503, request_id)
    return [*_HEADERS, (b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))], body


async def _turn_away(scope: Any, send: Any, kind: str) -> None:
    headers, body = refusal(kind, scope["path"], scope["headers"])
    send = with_headers(scope, send)
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _closing(opening: AsyncExitStack, send: Any) -> Any:
    """A `send` that closes `opening` when the answer begins."""

    async def close_and_send(event: Any) -> None:
        await opening.aclose()
        await send(event)

    return close_and_send


def _again(body: bytes, receive: Any) -> Any:
    """A `receive` that tells of `body` as the whole of it, and then of the client's leaving."""
    unread: list[Any] = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive_again() -> Any:
        if unread:
            return unread.pop()
        while (message := await receive())["type"] == "http.request":
            pass  # what is over the limit
        return message

    return receive_again
