"""The front door that User and Cart have in common: who may come in, what is counted, what is spoilt on purpose."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from compose.sandbox.call_log import Visitors
from compose.sandbox.faults import Faults
from compose.sandbox.http_faults import INSTEAD_OF_AN_ANSWER, KINDS, spoil

Answer = tuple[int, Any]
"""A status, and the JSON body or None."""


class HttpDoor:
    """One HTTP neighbour's door. Wrap each of its calls with `guard`."""

    def __init__(self, token: str) -> None:
        self.visitors = Visitors(token)
        self.faults = Faults(KINDS)

    def guard(
        self, call: str, answer: Callable[[web.Request], Awaitable[Answer]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Put the door before `answer`: 401 without the token, then whatever fault is armed for `call`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if not self.visitors.admit(call, request.headers):
                self.visitors.answers["401"] += 1
                return web.json_response(
                    {"detail": "bearer token required"}, status=401, headers={"WWW-Authenticate": "Bearer"}
                )
            fault = await self.faults.meet(call)
            if fault and fault.kind in INSTEAD_OF_AN_ANSWER and not fault.after:
                return await spoil(request, fault, 200, None)
            status, body = await answer(request)
            self.visitors.answers[str(status)] += 1
            return await spoil(request, fault, status, body) if fault else plain(status, body)

        return handle

    def ledger(self) -> dict[str, Any]:
        """What came through the door, and the faults served."""
        return {**self.visitors.ledger(), "faults": dict(self.faults.served)}


def plain(status: int, body: Any) -> web.Response:
    """The true answer."""
    if body is None:
        return web.Response(status=status)
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
