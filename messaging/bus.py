"""Redis as the bus between the services: connections, and the names that are spoken under (contract: neighbours)."""

import redis.asyncio as redis
from django.conf import settings
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff

PAYMENT_EVENTS = "payments.events"

CHANNELS = frozenset({"payments.commands"})
"""Names whose messages are published on a channel as well as added to a stream."""


def connect() -> redis.Redis:
    """A client with a pool of its own. What it sends is never repeated behind our back: a repeated write is a second message."""
    return redis.Redis.from_url(
        settings.REDIS_URL,
        socket_connect_timeout=settings.REDIS_CONNECT_TIMEOUT_SECONDS,
        socket_timeout=settings.REDIS_READ_TIMEOUT_SECONDS,
        retry=Retry(NoBackoff(), 0),
    )
