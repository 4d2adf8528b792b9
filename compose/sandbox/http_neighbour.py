"""The common parts of User and Cart: authentication, the call log, and faults around each call."""

from collections.abc import Awaitable, Callable
from typing import Any

import msgspec
from aiohttp import web

from compose.sandbox.call_log import CallLog
from compose.sandbox.faults import Faults
from compose.sandbox.http_faults import INSTEAD_OF_THE_CALL, KINDS, faulty_response

Result = tuple[int, Any]
"""A status, and the JSON body or None."""


class HttpNeighbour:
    """An HTTP service. Wrap each of its calls with `endpoint`."""

    def __init__(self, token: str) -> None:
        self.call_log = CallLog(token)
        self.faults = Faults(KINDS)

    def endpoint(
        self, call: str, function: Callable[[web.Request], Awaitable[Result]]
    ) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
        """Return a handler around `function`, with authentication (401) and the faults armed for `call`."""

        async def handle(request: web.Request) -> web.StreamResponse:
            if not self.call_log.authenticate(call, request.headers):
                self.call_log.answers["401"] += 1
                challenge = {"WWW-Authenticate": "Bearer"}
                return web.json_response({"detail": "bearer token required"}, status=401, headers=challenge)
            fault = await self.faults.wait(call)
            if fault and fault.kind in INSTEAD_OF_THE_CALL and not fault.after:
                return await faulty_response(request, fault, 200, None)
            status, body = await function(request)
            self.call_log.answers[str(status)] += 1
            if fault:
                return await faulty_response(request, fault, status, body)
            if body is None:
                return web.Response(status=status)
            return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")

        return handle

    def ledger(self) -> dict[str, Any]:
        """Return the recorded calls and the faults served."""
        return {**self.call_log.ledger(), "faults": self.faults.served}
