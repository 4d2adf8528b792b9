"""Watching orders: who listens to an order is told when its audit trail has grown, whichever process made it grow.

The trail in the database is the truth. One question a second tells which of the watched orders have new entries, for all
listeners of the process together; a commit of this process asks it at once. So nothing is lost when anything else is away.
"""

import asyncio
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, TypeVar

import structlog
from django.db import connection

from orders.domain.callers import Caller
from orders.domain.errors import DependencyUnavailable, Overloaded, RateLimited
from orders.runtime import commit_signal
from orders.runtime.loop_health import LoopHealth
from orders.store import database

POLL_SECONDS = 1
GATHER_SECONDS = 0.05
MAX_CONCURRENT_READS = 2
"""A crowd of listeners must not take all of the database's threads from those who order."""

_GROWN = """
    SELECT o.id FROM orders o
    JOIN unnest(%s::uuid[], %s::int[]) AS watched(id, seen) ON o.id = watched.id AND o.event_count > watched.seen"""

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

log = structlog.get_logger()


class Subscription:
    """Somebody who has seen an order's trail up to sequence `seen` and waits for more."""

    __slots__ = ("_news", "order_id", "seen")

    def __init__(self, order_id: uuid.UUID, seen: int) -> None:
        self.order_id, self.seen = order_id, seen
        self._news = asyncio.Event()

    async def wait(self) -> None:
        """Wait for news."""
        await self._news.wait()
        self._news.clear()

    def tell(self) -> None:
        """There is news."""
        self._news.set()


class OpenStreams:
    """The streams of one process, counted in all and for each caller. A limit of None is none."""

    def __init__(self, limit: int, limit_for_each: int | None) -> None:
        self._limit, self._limit_for_each = limit, limit_for_each
        self._callers: Counter[tuple[str, str]] = Counter()
        self._count = 0

    def is_full(self) -> bool:
        """Whether the process has all the streams that it carries."""
        return self._count >= self._limit

    @contextmanager
    def opened(self, caller: Caller) -> Iterator[None]:
        """While one of the caller's is open. Raises Overloaded or RateLimited."""
        key = caller.role, caller.id
        if self.is_full():
            raise Overloaded("This server has all the streams it can carry: send the same request again in a second.")
        if self._limit_for_each is not None and self._callers.get(key, 0) >= self._limit_for_each:
            raise RateLimited(
                f"You have {self._limit_for_each} streams open, as many as a caller may have: close one first."
            )
        self._callers[key] += 1
        self._count += 1
        try:
            yield
        finally:
            self._count -= 1
            self._callers[key] -= 1
            if not self._callers[key]:
                del self._callers[key]


class OrderEventNotifier:
    """The listeners of one process."""

    def __init__(self, streams: OpenStreams) -> None:
        self.streams = streams
        self._listeners: dict[uuid.UUID, set[Subscription]] = {}
        self.room = asyncio.Semaphore(MAX_CONCURRENT_READS)
        self.closed = False
        self.health = LoopHealth()

    async def read(
        self, work: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Answer | None:
        """Run `work` at the database, one of few listeners at a time; while the database is away, wait for it.

        None when the process stops before.
        """
        while not self.closed:
            try:
                async with self.room:
                    return await database.run(work, *args, **kwargs)
            except DependencyUnavailable as error:
                log.warning("listener_waits", why=error.why)
                await asyncio.sleep(POLL_SECONDS)
        return None

    @contextmanager
    def listen(self, order_id: uuid.UUID, seen: int) -> Iterator[Subscription]:
        """Listen to an order whose trail is known up to `seen`."""
        listener = Subscription(order_id, seen)
        self._listeners.setdefault(order_id, set()).add(listener)
        try:
            yield listener
        finally:
            self._listeners[order_id].discard(listener)
            if not self._listeners[order_id]:
                del self._listeners[order_id]

    def close(self) -> None:
        """Send every listener home."""
        self.closed = True
        for listeners in self._listeners.values():
            for listener in listeners:
                listener.tell()

    async def run(self) -> None:
        """Tell the listeners what is new, for ever."""
        committed = commit_signal.subscribe()
        while True:
            try:
                async with asyncio.timeout(POLL_SECONDS):
                    await committed.wait()
                await asyncio.sleep(GATHER_SECONDS)
            except TimeoutError:
                pass  # a poll: another process may have changed something
            committed.clear()
            if not self._listeners:
                self.health.succeeded()
            else:
                await self._ask()

    async def _ask(self) -> None:
        seen = {order_id: min(one.seen for one in those) for order_id, those in self._listeners.items()}
        try:
            grown = await database.run(_grown, list(seen), list(seen.values()))
        except DependencyUnavailable as error:
            log.warning("watch_waits", why=error.why)
            self.health.failed(str(error))
            return
        except Exception as error:  # whatever it was, the next poll asks again
            log.exception("watch_failed")
            self.health.failed(type(error).__name__)
            return
        self.health.succeeded()
        for order_id in grown:
            for listener in self._listeners.get(order_id, ()):
                listener.tell()


def _grown(ids: list[uuid.UUID], seen: list[int]) -> list[uuid.UUID]:
    with connection.cursor() as cursor:
        cursor.execute(_GROWN, [ids, seen])
        return [order_id for (order_id,) in cursor.fetchall()]
