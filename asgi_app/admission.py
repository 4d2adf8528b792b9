"""The door of one process: it lets in as many requests as the process carries, and turns the others away before any work is done.

Being turned away costs a fraction of an answer, which is what keeps the answers coming when three times as many ask
(docs/decisions.md has the figures). Health, metrics and streams are let in always: they cost next to nothing.
"""

from typing import Any

from asgiref.typing import ASGI3Application
from django.conf import settings

from asgi_app.handler import send_whole
from clients import tracing
from orders.api.errors import problem
from orders.api.middleware import API, request_id_of
from orders.errors import Overloaded
from orders.metrics import SHED

CHECKOUT = "POST", f"{API}orders"


class Admission:
    """An ASGI application before another one."""

    def __init__(self, inner: ASGI3Application) -> None:
        self._inner = inner
        self._inside = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        path: str = scope["path"]
        if not path.startswith(API) or path.endswith("/stream"):
            await self._inner(scope, receive, send)
        elif (scope["method"], path) == CHECKOUT:
            if scope["state"]["desk"].is_full:
                await _turn_away(scope, send, "checkout")
            else:
                await self._inner(scope, receive, send)
        elif self._inside >= settings.REQUESTS_IN_FLIGHT:
            await _turn_away(scope, send, "request")
        else:
            self._inside += 1
            try:
                await self._inner(scope, receive, send)
            finally:
                self._inside -= 1


async def _turn_away(scope: Any, send: Any, what: str) -> None:
    """Answer 503 `overloaded`. It is counted, not logged: under a flood, lines would cost more than the answers."""
    SHED.labels(what).inc()
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    request_id = request_id_of(given.decode("latin-1"))
    tracing.request_id.set(request_id)
    response = problem(
        scope["path"], Overloaded("This server has all it can do: send the same request again in a second.")
    )
    response["X-Request-ID"] = request_id
    await send_whole(response, send)
