"""Celery's broker: how the settings' URL is connected to, and a transport for Redis without some traps of kombu's.

- A lost acknowledgement must not make the worker deaf. kombu takes a message whose acknowledgement Redis did not hear for one
  that is still being worked on, for ever; a worker that takes one at a time then never takes another. Here such a message is
  done with. Redis gives it out again after the visibility timeout, which does no harm: every job may run twice.
- Whatever Redis refuses ends the connection, and no process. kombu takes most refusals for bugs, with which a worker exits;
  after a failover (READONLY, UNBLOCKED, LOADING …) they say that the name leads to another server by now.
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

MAX_PAUSE_SECONDS = 5
"""Between two attempts to connect: kombu's own 30 s are all that a recovery may take (promise P10)."""


def configuration(url: str) -> dict[str, Any]:
    """Celery's settings for the broker at `url`: redis://, rediss:// or whatever else kombu has a transport for."""
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
    """A connection to the primary, or none."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redis_connect_func=ensure_primary_on_connect, **options)  # type: ignore[no-untyped-call]


class TLSPrimaryConnection(redis_py.SSLConnection):
    """The same over TLS."""

    def __init__(self, **options: Any) -> None:
        super().__init__(redis_connect_func=ensure_primary_on_connect, **options)


class QoS(redis.QoS):
    """What this worker took and has not acknowledged."""

    def ack(self, delivery_tag: str) -> None:
        """Acknowledge a message. Raises what Redis' client raises, and then counts the message as done all the same."""
        try:
            super().ack(delivery_tag)
        except Exception:
            virtual.QoS.ack(self, delivery_tag)
            raise


class Channel(redis.Channel):
    """kombu's own way of naming the classes above."""

    QoS = QoS
    connection_class = PrimaryConnection
    connection_class_ssl = TLSPrimaryConnection


class Transport(redis.Transport):
    """The transport that Celery is told to use for Redis."""

    Channel = Channel
    connection_errors = (*redis.Transport.connection_errors, RedisError)


class BrokerConnection(Connection):
    """A connection to whatever broker there is, which is looked for again before long."""

    def ensure_connection(self, *args: Any, **options: Any) -> Any:
        """Connect, however often it takes."""
        return super().ensure_connection(*args, **{**options, "interval_max": MAX_PAUSE_SECONDS})


class Messaging(AMQP):
    """Celery's own way of naming the class above."""

    Connection = BrokerConnection
