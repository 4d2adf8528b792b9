"""The service with the times of its key set cut from minutes to moments, so that a test can live through a rotation."""

from asgi_app.asgi import application
from clients import keys
from orders.api import tokens

keys.FLOOR_SECONDS, keys.LIFETIME_SECONDS, tokens.REMEMBERED_SECONDS = 1, 2, 0

__all__ = ["application"]
