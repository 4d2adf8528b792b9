"""The door of one process: it lets in as many requests as the process carries, and turns the others away before any work is done.

Being turned away costs a fraction of an answer, which is what keeps the answers coming when three times as many ask
(docs/decisions.md has the figures). Health, metrics and streams are let in always: they cost next to nothing. Who has not
sent the whole body yet takes nobody's place.
"""

from collections import deque
from typing import Any

from asgiref.typing import ASGI3Application
from django.conf import settings

from asgi_app.headers import with_headers
from orders.api.errors import problem_body
from orders.api.middleware import API, request_id_of
from orders.errors import Overloaded
from orders.metrics import SHED
from orders.services.checkout import CheckoutDesk

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
        path: str = scope["path"]
        if not path.startswith(API) or path.endswith("/stream"):
            await self._inner(scope, receive, with_headers(scope, send))
            return
        receive = await _with_body(receive)
        if receive is None:
            return
        kind = "checkout" if (scope["method"], path) == CHECKOUT else "request"
        if not self._has_room(kind, scope):
            await _turn_away(scope, send, kind)
            return
        self._inside[kind] += 1
        try:
            await self._inner(scope, receive, with_headers(scope, send))
        finally:
            self._inside[kind] -= 1

    def _has_room(self, kind: str, scope: Any) -> bool:
        if kind == "request":
            return self._inside[kind] < int(settings.REQUESTS_IN_FLIGHT)
        desk: CheckoutDesk = scope["state"]["desk"]
        return desk.has_room_behind(self._inside[kind])


async def _with_body(receive: Any) -> Any:
    """`receive` from its start, once the body is there or known to be over the limit; None when the client has gone."""
    messages: deque[Any] = deque()
    size, more = 0, True
    while more and size <= settings.REQUEST_BODY_BYTES:
        message = await receive()
        if message["type"] != "http.request":
            return None
        messages.append(message)
        size += len(message.get("body", b""))
        more = message.get("more_body", False)

    async def again() -> Any:
        return messages.popleft() if messages else await receive()

    return again


async def _turn_away(scope: Any, send: Any, kind: str) -> None:
    """Answer 503 `overloaded`. It is counted, not logged: under a flood, lines would cost more than the answers."""
    _SHED[kind].inc()
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    request_id = request_id_of(given.decode("latin-1"))
    body = problem_body(scope["path"], _OVERLOADED, 503, request_id)
    own = (b"x-request-id", request_id.encode()), (b"content-length", b"%d" % len(body))
    send = with_headers(scope, send)
    await send({"type": "http.response.start", "status": 503, "headers": [*_HEADERS, *own]})
    await send({"type": "http.response.body", "body": body})
