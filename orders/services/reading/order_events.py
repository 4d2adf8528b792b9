"""Notifications of new entries in the audit trails of orders, written by any process.

The trail in the database is the source of truth. One query a second finds the orders with new entries, for all
subscriptions of the process together; a commit of this process runs it at once. No outage of Redis loses a notification.
"""

import asyncio
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import structlog
from django.db import connection

from orders.domain.errors import DependencyUnavailable, Overloaded
from orders.runtime import commit_signal
from orders.runtime.loop_health import LoopHealth
from orders.store import database

POLL_SECONDS = 1
GATHER_SECONDS = 0.05
MAX_CONCURRENT_READS = 2
"""Many streams must not occupy all database threads, which checkouts need."""

_GROWN = """
    SELECT o.id FROM orders o
    JOIN unnest(%s::uuid[], %s::int[]) AS known(id, seen) ON o.id = known.id AND o.event_count > known.seen"""

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

log = structlog.get_logger()


class Subscription:
    """The subscription of a stream that has sent an order's trail up to sequence `seen`."""

    __slots__ = ("_notified", "order_id", "seen")

    def __init__(self, order_id: uuid.UUID, seen: int) -> None:
        self.order_id, self.seen = order_id, seen
        self._notified = asyncio.Event()

    async def wait(self) -> None:
        """Wait for the next notification."""
        await self._notified.wait()
        self._notified.clear()

    def notify(self) -> None:
        """Wake the task in `wait`."""
        self._notified.set()


class OpenStreams:
    """The number of open streams of one process, which has a limit."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._count = 0

    def is_full(self) -> bool:
        """Return whether the process has reached its limit."""
        return self._count >= self._limit

    @contextmanager
    def opened(self) -> Iterator[None]:
        """Count a stream for the duration of the context. Raises Overloaded."""
        if self.is_full():
            raise Overloaded("Too many streams open on this server. Retry the same request in 1 second.")
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1


class OrderEventNotifier:
    """The subscriptions of one process."""

    def __init__(self, streams: OpenStreams) -> None:
        self.streams = streams
        self._subscriptions: dict[uuid.UUID, set[Subscription]] = {}
        self.slots = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self.closed = False
        self.health = LoopHealth()

    async def read(
        self, work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Run `work` in a database thread, with limited concurrency; retry while the database is unavailable.

        Return None when the process stops first.
        """
        while not self.closed:
            try:
                async with self.slots:
                    return await database.run(work, *args, **kwargs)
            except DependencyUnavailable as error:
                log.warning("stream_read_postponed", why=error.why)
                await asyncio.sleep(POLL_SECONDS)
        return None

    @contextmanager
    def listen(self, order_id: uuid.UUID, seen: int) -> Iterator[Subscription]:
        """Subscribe to an order whose trail is known up to `seen`, for the duration of the context."""
        subscription = Subscription(order_id, seen)
        self._subscriptions.setdefault(order_id, set()).add(subscription)
        try:
            yield subscription
        finally:
            self._subscriptions[order_id].discard(subscription)
            if not self._subscriptions[order_id]:
                del self._subscriptions[order_id]

    def close(self) -> None:
        """End every subscription."""
        self.closed = True
        for subscriptions in self._subscriptions.values():
            for subscription in subscriptions:
                subscription.notify()

    async def run(self) -> None:
        """Notify the subscriptions of new entries until cancelled."""
        committed = commit_signal.subscribe()
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await committed.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass  # a poll: another process may have written entries
            committed.clear()
            if not self._subscriptions:
                self.health.succeeded()
            else:
                await self._poll()

    async def _poll(self) -> None:
        seen = {order_id: min(one.seen for one in those) for order_id, those in self._subscriptions.items()}
        try:
            grown = await database.run(_grown, list(seen), list(seen.values()))
        except DependencyUnavailable as error:
            log.warning("order_event_poll_postponed", why=error.why)
            self.health.failed(str(error))
            return
        except Exception as error:  # any error: the next poll repeats the query
            log.exception("order_event_poll_failed")
            self.health.failed(type(error).__name__)
            return
        self.health.succeeded()
        for order_id in grown:
            for subscription in self._subscriptions.get(order_id, ()):
                subscription.notify()


def _grown(ids: list[uuid.UUID], seen: list[int]) -> list[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_GROWN, [ids, seen])
        return [order_id for (order_id,) in cursor.fetchall()]
