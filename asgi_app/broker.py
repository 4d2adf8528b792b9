"""Celery's broker: its connection, and a transport for Redis that differs from kombu's in three points.

- A lost acknowledgement does not stop the worker. kombu counts a message whose acknowledgement failed as in progress forever;
  a worker with a prefetch of one then receives no other. Here such a message counts as done. Redis delivers it again after
  the visibility timeout, which is harmless: every job is repeatable.
- An error of Redis ends the connection, not the process. kombu treats most of them as bugs, on which a worker exits;
  after a failover (READONLY, UNBLOCKED, LOADING …) they mean that the host resolves to another server.
- TLS is used for rediss:// URLs, and verified. kombu depends on the name of the transport instead, and by default verifies
  nothing.
"""

from typing import Any
from urllib.parse import urlsplit, urlunsplit

import redis as redis_py
from celery.app.amqp import AMQP
from django.conf import settings
from kombu import Connection
from kombu.transport import redis, virtual
from redis.exceptions import RedisError

from messaging.bus import ensure_primary_on_connect

MAX_RETRY_SECONDS = 5
"""The maximum pause between attempts to connect: kombu's default of 30 s is the limit of a whole recovery (promise P10)."""


def configuration(url: str) -> dict[str, Any]:
    """Return Celery's settings for the broker at `url`: redis://, rediss:// or any other transport of kombu."""
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss"):
        return {"broker_url": url}
    given = redis_py.ConnectionPool.from_url(url).connection_kwargs
    tls = {name: value for name, value in given.items() if name.startswith("ssl_")}
    return {
        "broker_url": urlunsplit(parts._replace(query="")),
        "broker_transport": "asgi_app.broker:Transport",
        "broker_use_ssl": {"ssl_cert_reqs": "required", **tls} if parts.scheme == "rediss" else False,
        "broker_transport_options": {
            "visibility_timeout": 600,
            "socket_timeout": settings.REDIS_READ_TIMEOUT_SECONDS,
            "socket_connect_timeout": settings.REDIS_CONNECT_TIMEOUT_SECONDS,
        },
    }


class PrimaryConnection(redis_py.Connection):
    """A connection that fails unless its server is the primary."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redis_connect_func=ensure_primary_on_connect, **options)  # type: ignore[no-untyped-call]


class TLSPrimaryConnection(redis_py.SSLConnection):
    """The same over TLS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redis_connect_func=ensure_primary_on_connect, **options)


class QoS(redis.QoS):
    """The messages that this worker has received and not acknowledged."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message. It counts as done even if the Redis client raises, whose exception is propagated."""
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """A channel of the classes above, as kombu expects it."""

    QoS = QoS
    connection_class = PrimaryConnection
    connection_class_ssl = TLSPrimaryConnection


class Transport(redis.Transport):
    """Celery's transport for Redis."""

    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, RedisError)


class BrokerConnection(Connection):
    """A connection to the broker, with short pauses between the attempts."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, with unlimited attempts."""
        return super().ensure_connection(*args, **{**options, "interval_max": MAX_RETRY_SECONDS})


class Messaging(AMQP):
    """An AMQP of the class above, as Celery expects it."""

    Connection = BrokerConnection
