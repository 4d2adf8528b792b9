"""The security headers of every response (OWASP REST Security Cheat Sheet, "Security Headers").

HSTS is not among them: it is set where TLS is terminated, in front of this service.
"""

from collections.abc import Sequence

from asgiref.typing import ASGISendCallable, ASGISendEvent

from asgi_app.server.graceful_shutdown import GracefulShutdown
from orders.dashboard import headers as dashboard

Headers = Sequence[tuple[bytes, bytes]]

HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
"""The defaults; a response's own value takes precedence."""

_FOR_PAGES = {name for name, _ in dashboard.HEADERS}
_DASHBOARD_HEADERS = (*dashboard.HEADERS, *(header for header in HEADERS if header[0] not in _FOR_PAGES))

CONNECTION_CLOSE = (b"connection", b"close")


def headers_of(path: str) -> Headers:
    """Return the defaults for a request outside the API; its path is without the root path."""
    return _DASHBOARD_HEADERS if dashboard.is_dashboard(path) else HEADERS


def with_headers(send: ASGISendCallable, shutdown: GracefulShutdown, defaults: Headers = HEADERS) -> ASGISendCallable:
    """Return a `send` that adds the headers, and `Connection: close` once a shutdown has started (RFC 9112, 9.6)."""

    async def send_with_headers(event: ASGISendEvent) -> None:
        if event["type"] == "http.response.start":
            headers = list(event["headers"])
            named = {name.lower() for name, _ in headers}
            headers += [header for header in defaults if header[0] not in named]
            if shutdown.has_started:
                headers.append(CONNECTION_CLOSE)
            event["headers"] = headers
        await send(event)

    return send_with_headers
