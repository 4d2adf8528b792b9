"""Celery's broker: its connection, and a transport for Redis that differs from kombu's in three points.

- A lost acknowledgement must not stop the worker. kombu counts a message whose acknowledgement failed as in progress, for ever;
  a worker with a prefetch of one then never takes another. Here such a message counts as done. Redis delivers it again after
  the visibility timeout, which does no harm: every job may run twice.
- An error of Redis ends the connection, not the process. kombu takes most of them for bugs, with which a worker exits;
  after a failover (READONLY, UNBLOCKED, LOADING …) they mean that the name leads to another server by now.
- TLS is used where the URL says rediss://, and verified. kombu looks at the name of the transport instead, and by default verifies
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
"""Longest pause between two attempts to connect: kombu's own 30 s are all that a recovery may take (promise P10)."""


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
    """A connection that fails unless it leads to the primary."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redis_connect_func=ensure_primary_on_connect, **options)  # type: ignore[no-untyped-call]


class TLSPrimaryConnection(redis_py.SSLConnection):
    """The same over TLS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redis_connect_func=ensure_primary_on_connect, **options)


class QoS(redis.QoS):
    """The messages that this worker has taken and not acknowledged."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message. It counts as done even if the client of Redis raises, whose exception is passed on."""
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """Names the classes above, as kombu expects it."""

    QoS = QoS
    connection_class = PrimaryConnection
    connection_class_ssl = TLSPrimaryConnection


class Transport(redis.Transport):
    """The transport of Celery for Redis."""

    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, RedisError)


class BrokerConnection(Connection):
    """A connection to the broker, with short pauses between the attempts."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, with as many attempts as it takes."""
        return super().ensure_connection(*args, **{**options, "interval_max": MAX_RETRY_SECONDS})


class Messaging(AMQP):
    """Names the class above, as Celery expects it."""

    Connection = BrokerConnection
