"""What one server process consists of besides HTTP: clients, the checkout desk, the subscriber's and the relay's loops."""

import asyncio
import contextvars
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import structlog
from django.conf import settings

from clients.keys import KeySet
from clients.neighbours import Neighbours, open_neighbours
from messaging.relay import Relay
from messaging.subscriber import Subscriber
from orders import database
from orders.api.tokens import Tokens
from orders.services.checkout import CheckoutDesk
from orders.services.watch import OpenStreams, Watch

STOP_SECONDS = 10

log = structlog.get_logger()


@dataclass
class Service:
    """One process's running parts. `loops` are the background tasks, by the name that readiness calls them."""

    neighbours: Neighbours
    desk: CheckoutDesk
    tokens: Tokens
    relay: Relay
    watch: Watch
    loops: dict[str, asyncio.Task[None]]
    opened: AsyncExitStack

    @classmethod
    async def start(cls) -> "Service":
        """Open the clients and start the loops. Nothing is asked of anyone yet, so nobody has to be there yet."""
        if not settings.PAYMENT_SIGNING_SECRET:
            log.warning("payment_messages_are_not_signed", advice="Set PAYMENT_SIGNING_SECRET.")
        async with AsyncExitStack() as opening:
            neighbours = await opening.enter_async_context(open_neighbours())
            published = KeySet(settings.JWT_JWKS_URL, settings.JWT_ALGORITHM) if settings.JWT_JWKS_URL else None
            if published:
                opening.push_async_callback(published.close)
                published.start()
            streams = OpenStreams(settings.STREAMS_IN_FLIGHT, settings.STREAMS_PER_CALLER)
            subscriber, relay, watch = Subscriber(), Relay(), Watch(streams)
            opening.push_async_callback(subscriber.close)
            opening.push_async_callback(relay.close)
            loops = {
                "payment channel": _loop(subscriber.listen_to_channel()),
                "payment stream": _loop(subscriber.read_stream()),
                "parked payments": _loop(subscriber.retry_parked()),
                "relay": _loop(relay.run()),
                "watch": _loop(watch.run()),
            }
            return cls(neighbours, CheckoutDesk(neighbours), Tokens(published), relay, watch, loops, opening.pop_all())

    def state(self) -> dict[str, Any]:
        """What requests find in `request.scope["state"]`."""
        return {
            "neighbours": self.neighbours,
            "desk": self.desk,
            "tokens": self.tokens,
            "watch": self.watch,
            "loops": self.loops,
        }

    async def stop(self) -> None:
        """Finish the checkouts, hand on what they left in the outbox, end the loops, close the clients."""
        await self.desk.finish()
        self.relay.stop()
        await asyncio.wait([self.loops["relay"]], timeout=STOP_SECONDS)
        await _end(set(self.loops.values()))
        await self.opened.aclose()
        await asyncio.to_thread(database.close)


async def _end(tasks: set[asyncio.Task[None]]) -> None:
    """Cancel until they have ended: on Python 3.11 `asyncio.wait_for` may swallow a cancellation (cpython #86296)."""
    while tasks:
        for task in tasks:
            task.cancel()
        _, tasks = await asyncio.wait(tasks, timeout=1)


def _loop(work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
    """A task with a context of its own: no request's id sticks to it."""
    return asyncio.create_task(work, context=contextvars.Context())
