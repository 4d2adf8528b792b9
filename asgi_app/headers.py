"""The headers that every answer carries, whoever made it (OWASP REST Security Cheat Sheet, "Security Headers").

HSTS is not among them: it belongs where TLS ends, in front of this service.
"""

import asyncio

from asgiref.typing import ASGISendCallable, ASGISendEvent, HTTPScope

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""An answer's own word on one of them wins."""


def with_headers(scope: HTTPScope, send: ASGISendCallable) -> ASGISendCallable:
    """A `send` that adds them. A server that is about to stop says that the connection ends, too (RFC 9112, 9.6)."""
    stopping: asyncio.Event = scope["state"]["stopping"]

    async def send_with_headers(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            headers = list(event["headers"])
            named = {name.lower() for name, _ in headers}
            headers += [header for header in HEADERS if header[0] not in named]
            if stopping.is_set():
                headers.append((b"connection", b"close"))
            event["headers"] = headers
        await send(event)

    return send_with_headers
