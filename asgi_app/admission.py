"""The door of one process: it lets in as many requests as the process carries, and turns the others away before any work is done.

Being turned away costs a fraction of an answer, which is what keeps the answers coming when three times as many ask
(docs/decisions.md has the figures). Most are turned away by `asgi_app/protocol.py`, before a request has been made of what
they say; the rule and the words are here. Health, metrics and streams are let in always: they cost next to nothing. Who has not
sent the whole body yet takes nobody's place.
"""

from collections.abc import Iterable, Mapping
from typing import Any

from asgiref.typing import ASGI3Application
from django.conf import settings

from asgi_app.handler import read_body
from asgi_app.headers import with_headers
from orders.api.errors import problem_body
from orders.api.middleware import API, request_id_of
from orders.errors import Overloaded
from orders.metrics import SHED
from orders.services.checkout import CheckoutDesk

Header = tuple[bytes, bytes]

_SHED = {kind: SHED.labels(kind) for kind in ("checkout", "request")}
_OVERLOADED = Overloaded("This server has all it can do: send the same request again in a second.")
_HEADERS = ((b"content-type", b"application/problem+json"), (b"retry-after", b"%d" % Overloaded.retry_after))
CHECKOUT = "POST", f"{API}orders"


class Admission:
    """An ASGI application before another one."""

    def __init__(self, inner: ASGI3Application) -> None:
        self._inner = inner
        self._inside = {"checkout": 0, "request": 0}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        kind = kind_of(scope["method"], scope["path"])
        if kind is None:
            await self._inner(scope, receive, with_headers(scope, send))
            return
        body = await read_body(receive, settings.REQUEST_BODY_BYTES)
        if body is None:
            return
        if not self.has_room(kind, scope["state"]):
            await _turn_away(scope, send, kind)
            return
        self._inside[kind] += 1
        try:
            await self._inner(scope, _again(body, receive), with_headers(scope, send))
        finally:
            self._inside[kind] -= 1

    def has_room(self, kind: str, state: Mapping[str, Any]) -> bool:
        """Whether one more of that kind would be served in time. `state` is what the lifespan has opened."""
        if kind == "request":
            return self._inside[kind] < int(settings.REQUESTS_IN_FLIGHT)
        desk: CheckoutDesk = state["desk"]
        return desk.room.has_place_behind(self._inside[kind])


def kind_of(method: str, path: str) -> str | None:
    """Of what there is room for so many: "checkout" or "request"; None for what is let in always."""
    if not path.startswith(API) or path.endswith("/stream"):
        return None
    return "checkout" if (method, path) == CHECKOUT else "request"


def refusal(kind: str, path: str, given: Iterable[Header]) -> tuple[list[Header], bytes]:
    """The headers and the body of 503 `overloaded`, for who came with the headers `given` (names in lower case).

    It is counted, not logged: under a flood, lines would cost more than the answers.
    """
    _SHED[kind].inc()
    request_id = request_id_of(next((value for name, value in given if name == b"x-request-id"), b"").decode("latin-1"))
    body = problem_body(path, _OVERLOADED, 503, request_id)
    return [*_HEADERS, (b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))], body


async def _turn_away(scope: Any, send: Any, kind: str) -> None:
    headers, body = refusal(kind, scope["path"], scope["headers"])
    send = with_headers(scope, send)
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": body})


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
