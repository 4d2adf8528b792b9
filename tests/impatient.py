"""The service with the times of its key set and of its heartbeats cut to moments, so that a test can live through them."""

from asgi_app.asgi import application
from clients import keys
from orders.api import tokens
from orders.api.views import streams

keys.FLOOR_SECONDS, keys.LIFETIME_SECONDS, tokens.REMEMBERED_SECONDS = 1, 2, 0
streams.HEARTBEAT_SECONDS = 2

__all__ = ["application"]
