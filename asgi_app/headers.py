"""The headers that every answer carries, whoever made it (OWASP REST Security Cheat Sheet, "Security Headers").

HSTS is not among them: it belongs where TLS ends, in front of this service.
"""

from asgiref.typing import ASGISendCallable, ASGISendEvent

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""An answer's own word on one of them wins."""


def with_headers(send: ASGISendCallable) -> ASGISendCallable:
    """A `send` that adds them."""

    async def send_with_headers(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            own = list(event["headers"])
            named = {name.lower() for name, _ in own}
            event["headers"] = own + [header for header in HEADERS if header[0] not in named]
        await send(event)

    return send_with_headers
