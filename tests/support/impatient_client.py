"""The service with the intervals of its key set and of its heartbeats cut to moments, so that a test can wait for them."""

from asgi_app.asgi import application
from clients import jwks
from orders.api.orders import streams
from orders.http import authentication

jwks.FLOOR_SECONDS, jwks.LIFETIME_SECONDS, authentication.REMEMBERED_SECONDS = 1, 2, 0
streams.HEARTBEAT_SECONDS = 2

__all__ = ["application"]
