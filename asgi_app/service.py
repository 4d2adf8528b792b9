"""What one server process consists of besides HTTP: clients, the checkout desk, the subscriber's and the relay's loops."""

import asyncio
import contextvars
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from asgi_app.health import Loop, Readiness
from clients.jwks import JWKSCache
from clients.service_clients import ServiceClients, open_service_clients
from messaging import bus
from messaging.relay import Relay
from messaging.subscriber import Subscriber
from orders.http.authentication import JWTAuthenticator
from orders.runtime.loop_health import LoopHealth
from orders.services.checkout.checkout import CheckoutService
from orders.services.reading.order_events import OpenStreams, OrderEventNotifier
from orders.store import database

STOP_SECONDS = 10

log = structlog.get_logger()


@dataclass
class Service:
    """One process's running parts. `loops` are the background tasks, by the name that readiness calls them."""

    services: ServiceClients
    desk: CheckoutService
    tokens: JWTAuthenticator
    relay: Relay
    watch: OrderEventNotifier
    loops: dict[str, Loop]
    readiness: Readiness
    opened: AsyncExitStack

    @classmethod
    async def start(cls) -> "Service":
        """Open the clients and start the loops. Nobody has to be there yet.

        Raises ClusterNotSupported when REDIS_URL or CELERY_BROKER_URL leads to a Redis Cluster.
        """
        if not settings.PAYMENT_SIGNING_SECRET:
            log.warning("payment_messages_are_not_signed", advice="Set PAYMENT_SIGNING_SECRET.")
        await bus.refuse_cluster(settings.REDIS_URL, settings.CELERY_BROKER_URL)
        async with AsyncExitStack() as opening:
            services = await opening.enter_async_context(open_service_clients())
            published = JWKSCache(settings.JWT_JWKS_URL, settings.JWT_ALGORITHM) if settings.JWT_JWKS_URL else None
            if published:
                opening.push_async_callback(published.close)
                published.start()
            streams = OpenStreams(settings.STREAMS_IN_FLIGHT, settings.STREAMS_PER_CALLER)
            subscriber, relay, watch = Subscriber(), Relay(), OrderEventNotifier(streams)
            opening.push_async_callback(subscriber.close)
            opening.push_async_callback(relay.close)
            loops = {
                "payment channel": _loop(subscriber.listen_to_channel(), subscriber.channel_health),
                "payment stream": _loop(subscriber.read_stream(), subscriber.stream_health),
                "parked payments": _loop(subscriber.retry_parked(), subscriber.parked_health),
                "relay": _loop(relay.run(), *relay.health.values()),
                "watch": _loop(watch.run(), watch.health),
            }
            readiness = Readiness(loops)
            if published:
                readiness.checks["identity"] = published.check
            opening.push_async_callback(readiness.close)
            desk, tokens = CheckoutService(services), JWTAuthenticator(published)
            return cls(services, desk, tokens, relay, watch, loops, readiness, opening.pop_all())

    def state(self) -> dict[str, Any]:
        """What requests find in `request.scope["state"]`."""
        return {
            "neighbours": self.services,
            "desk": self.desk,
            "tokens": self.tokens,
            "watch": self.watch,
            "readiness": self.readiness,
        }

    async def stop(self) -> None:
        """Finish the checkouts, hand on what they left in the outbox, end the loops, close the clients."""
        await self.desk.finish()
        self.relay.stop()
        await asyncio.wait([self.loops["relay"].task], timeout=STOP_SECONDS)
        await _end({loop.task for loop in self.loops.values()})
        await self.opened.aclose()
        await asyncio.to_thread(database.close)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: on Python 3.11 `asyncio.wait_for` may swallow a cancellation (cpython #86296)."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=1)


def _loop(work: Coroutine[Any, Any, None], *health: LoopHealth) -> Loop:
    """A task with a context of its own: no request's id sticks to it."""
    return Loop(asyncio.create_task(work, context=contextvars.Context()), health)
