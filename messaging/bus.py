"""Redis as the message bus between the services: connections, and the names of channels and streams (contract: neighbours).

The host in REDIS_URL may resolve to another server after a failover, while the old one still responds, as a replica. So each
new connection checks that its server is the primary, and after a failure all connections are closed.
"""

from collections.abc import Mapping
from contextlib import suppress
from typing import Any, cast

import redis.asyncio as redis
from django.conf import settings
from redis.asyncio.connection import AbstractConnection
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError, ResponseError

PAYMENT_EVENTS = "payments.events"

CHANNELS = frozenset({"payments.commands"})
"""Names whose messages are both published on a channel and added to a stream."""


class NotThePrimary(RedisConnectionError):
    """The server is a replica: it refuses writes, and messages published on it reach no other server."""


class ClusterNotSupported(RedisConnectionError):
    """The server belongs to a Redis Cluster, where a key may be on any of its servers."""


def connect(url: str = "") -> redis.Redis:
    """Return a client with its own pool, for REDIS_URL unless another URL is given.

    It never retries a command: a repeated write would be a second message.
    """
    return redis.Redis.from_url(url or settings.REDIS_URL, **_options(settings.REDIS_READ_TIMEOUT_SECONDS))


def connection() -> AbstractConnection:
    """Return a connection to REDIS_URL that is not open yet, for a caller that limits the time of each reply itself.

    The client's own time limits, and its pool, take longer than the reply (docs/decisions.md).
    """
    pool = redis.ConnectionPool.from_url(settings.REDIS_URL, **_options(None))
    return cast(AbstractConnection, pool.make_connection())  # type: ignore[no-untyped-call]


def _options(read_seconds: float | None) -> dict[str, Any]:
    return {
        "socket_connect_timeout": settings.REDIS_CONNECT_TIMEOUT_SECONDS,
        "socket_timeout": read_seconds,
        "retry": Retry(NoBackoff(), 0),
        "redis_connect_func": _on_connect,
    }


async def check(client: redis.Redis) -> None:
    """Raise RedisError, OSError or TimeoutError unless `client` reaches a primary that is ready."""
    async with client.pipeline(transaction=False) as pipe:
        pipe.ping()
        pipe.execute_command("HELLO")
        pong, hello = await pipe.execute(raise_on_error=False)
    if isinstance(pong, ResponseError):
        raise pong
    ensure_primary(hello)


async def disconnect(client: redis.Redis) -> None:
    """Close the idle connections of `client`: the next command resolves the host again and reconnects."""
    await client.connection_pool.disconnect(inuse_connections=False)


async def refuse_cluster(*urls: str) -> None:
    """Raise ClusterNotSupported when one of these URLs leads to a Redis Cluster. An unreachable one is ignored."""
    for url in urls:
        if not url.startswith(("redis://", "rediss://")):
            continue
        async with connect(url) as client:
            try:
                await check(client)
            except ClusterNotSupported:
                raise
            except (RedisError, OSError, TimeoutError):
                pass


def ensure_primary(hello: object) -> None:
    """Raise NotThePrimary or ClusterNotSupported by a server's reply to HELLO (in either version of the protocol)."""
    reply = _fields(hello)
    if reply.get("mode") == "cluster":
        raise ClusterNotSupported(
            "This is a Redis Cluster, which is not supported: name a single Redis, with replicas or without, in REDIS_URL"
            " and CELERY_BROKER_URL."
        )
    if reply.get("role", "master") != "master":
        raise NotThePrimary("This Redis is a replica, not the primary.")


def _fields(hello: object) -> Mapping[str, str]:
    if isinstance(hello, list):
        hello = dict(zip(hello[::2], hello[1::2], strict=True))
    if not isinstance(hello, dict):  # an error: a server older than HELLO, or one that does not allow it
        return {}
    return {_text(name): _text(value) for name, value in hello.items()}


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


async def _on_connect(connection: AbstractConnection) -> None:
    refused: ResponseError | None = None
    try:
        await connection.on_connect()
    except ResponseError as error:  # a cluster refuses to SELECT a database
        refused = error
    await connection.send_command("HELLO", check_health=False)
    with suppress(ResponseError):  # a server older than HELLO, or one that does not allow it
        ensure_primary(await connection.read_response())
    if refused:
        raise refused


def ensure_primary_on_connect(connection: Any) -> None:
    """Check the connection of a blocking client, Celery's, as `connect` does."""
    refused: ResponseError | None = None
    try:
        connection.on_connect()
    except ResponseError as error:
        refused = error
    connection.send_command("HELLO", check_health=False)
    with suppress(ResponseError):
        ensure_primary(connection.read_response())
    if refused:
        raise refused
