"""The lifespan of a server process: the startup of clients and background loops, and their shutdown."""

import asyncio
import contextvars
import gc
import signal
from collections.abc import AsyncIterator, Collection, Coroutine
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import structlog
import uvicorn
from asgiref.typing import ASGIReceiveCallable, ASGISendCallable, LifespanScope
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured

from asgi_app import tracing
from asgi_app.health import Loop, Readiness
from asgi_app.metrics import ServerMetrics
from asgi_app.server.graceful_shutdown import GracefulShutdown
from asgi_app.server.state import ServerState
from clients.jwks import JWKSCache
from clients.service_clients import open_service_clients
from messaging import bus
from messaging.relay import Relay
from messaging.subscriber import Subscriber
from orders.http.authentication import JWTAuthenticator
from orders.http.throttling.limiter import RateLimiter
from orders.runtime.loop_health import LoopHealth
from orders.services.checkout.checkout import CheckoutService
from orders.services.reading.order_events import OpenStreams, OrderEventNotifier
from orders.store import database

LAST_RELAY_SECONDS = 10
"""The maximum wait of a shutdown for the relay to process the outbox rows of the last checkouts."""

log = structlog.get_logger()


class Lifespan:
    """The lifespan protocol of ASGI. The server's state is in the scope of every request."""

    def __init__(self, shutdown: GracefulShutdown) -> None:
        self._shutdown = shutdown

    async def __call__(self, scope: LifespanScope, receive: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        await receive()
        async with AsyncExitStack() as running:
            try:
                check_root_path(_root_path())
                state = await running.enter_async_context(open_server(self._shutdown))
            except Exception as error:
                log.exception("start_failed")
                await send({"type": "lifespan.startup.failed", "message": str(error)})
                return
            scope["state"].update(state.by_class())
            self._shutdown.handle_signals(state.notifier.close)
            _freeze_garbage_collection()
            await send({"type": "lifespan.startup.complete"})
            await receive()
        await send({"type": "lifespan.shutdown.complete"})


@asynccontextmanager
async def open_server(shutdown: GracefulShutdown) -> AsyncIterator[ServerState]:
    """Open the clients and start the background loops. No other service needs to be available yet.

    On exit finish the checkouts, relay their outbox rows, end the loops and close the clients.
    Raises ClusterNotSupported when REDIS_URL or CELERY_BROKER_URL leads to a Redis Cluster.
    """
    if not settings.PAYMENT_SIGNING_SECRET:
        log.warning("payment_messages_are_not_signed", advice="Set PAYMENT_SIGNING_SECRET.")
    await bus.refuse_cluster(settings.REDIS_URL, settings.CELERY_BROKER_URL)
    tracing.start_if_configured()
    async with AsyncExitStack() as closing:
        closing.push_async_callback(asyncio.to_thread, tracing.stop)
        closing.push_async_callback(asyncio.to_thread, database.close)
        clients = await closing.enter_async_context(open_service_clients())
        published = JWKSCache(settings.JWT_JWKS_URL, settings.JWT_ALGORITHM) if settings.JWT_JWKS_URL else None
        if published:
            closing.push_async_callback(published.close)
            published.start()
        limiter = RateLimiter(bus.connection())
        closing.push_async_callback(limiter.close)
        if settings.RATE_LIMITS:
            await limiter.open()
        subscriber, relay = Subscriber(), Relay()
        notifier = OrderEventNotifier(OpenStreams(settings.STREAMS_IN_FLIGHT))
        closing.push_async_callback(subscriber.close)
        closing.push_async_callback(relay.close)
        loops = {
            "payment stream": _loop(subscriber.read_stream(), subscriber.stream_health),
            "parked payments": _loop(subscriber.retry_parked(), subscriber.parked_health),
            "relay": _loop(relay.run(), *relay.health.values()),
            "watch": _loop(notifier.run(), notifier.health),
        }
        if settings.PAYMENT_CHANNEL:
            loops["payment channel"] = _loop(subscriber.listen_to_channel(), subscriber.channel_health)
        closing.push_async_callback(end_tasks, [loop.task for loop in loops.values()])
        checkout, authenticator = CheckoutService(clients, relay.take_over), JWTAuthenticator(published)
        closing.push_async_callback(_finish, checkout, relay, loops["relay"].task)
        readiness = Readiness(loops, lambda: shutdown.has_started)
        if published:
            readiness.checks["identity"] = published.check
        closing.push_async_callback(readiness.close)
        metrics = ServerMetrics(readiness)
        closing.push_async_callback(metrics.close)
        metrics.start()
        yield ServerState(clients, checkout, authenticator, notifier, readiness, limiter, metrics)


def check_root_path(root_path: str) -> None:
    """Raise ImproperlyConfigured for a root path that is invalid in links."""
    if root_path and (not root_path.startswith("/") or root_path.endswith("/") or not root_path.isascii()):
        raise ImproperlyConfigured(f"--root-path must begin with a slash and not end with one, like /shop: {root_path}")


def _root_path() -> str:
    """Return uvicorn's `--root-path`, found by the handler of SIGTERM, which is a method of the running server."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server.config.root_path if isinstance(server, uvicorn.Server) else ""


async def _finish(checkout: CheckoutService, relay: Relay, relaying: asyncio.Task[None]) -> None:
    await checkout.finish()
    relay.stop()
    await asyncio.wait([relaying], timeout=LAST_RELAY_SECONDS)


async def end_tasks(tasks: Collection[asyncio.Task[None]]) -> None:
    """Cancel the tasks until they have ended: on Python 3.11 `asyncio.wait_for` may suppress a cancellation (cpython #86296)."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=1)


def _loop(work: Coroutine[Any, Any, None], *health: LoopHealth) -> Loop:
    """Start a task in a new context, without the id of a request."""
    return Loop(asyncio.create_task(work, context=contextvars.Context()), health)


def _freeze_garbage_collection() -> None:
    """Exclude the objects of the startup from garbage collection, and collect less often: a full collection takes 100 ms."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(10_000, 20, 50)
