"""A limit on concurrent work, with a short queue whose waiting time is estimated."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orders.domain.errors import Overloaded

SAMPLES = 128
"""Releases over which the rate is measured. With fewer, the simultaneous releases of a batch would overstate the rate."""


class ConcurrencyLimiter:
    """At most `limit` slots in use at a time. Without a free slot a task waits for up to `max_wait` seconds, then is refused."""

    def __init__(self, limit: int, max_wait: float) -> None:
        self._limit, self._max_wait = limit, max_wait
        self._slots = asyncio.Semaphore(limit)
        self._rate = ReleaseRate()
        self._is_overloaded = False

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """Hold a slot. Raises Overloaded when none becomes free in time."""
        try:
            async with asyncio.timeout(self._max_wait):
                await self._slots.acquire()
        except TimeoutError:
            raise Overloaded("Too many requests in progress. Retry the same request in 1 second.") from None
        try:
            yield
        finally:
            self._rate.record_release(all_in_use=self._slots.locked())
            self._slots.release()

    def would_admit(self, others: int) -> bool:
        """Return whether one more task would get a slot in time, with `others` holding or awaiting one.

        In time means within a quarter of the maximum wait: a request that waits in vain costs a third of one that is
        served. Once overloaded, no task enters the queue until half of the slots are free: under overload another
        request arrives whenever a slot becomes free.
        """
        position = others + 1 - self._limit
        if others < self._limit // 2:
            self._is_overloaded = False
        if position <= 0:
            return True
        if self._is_overloaded:
            return False
        wait = self._rate.seconds_until(position)
        is_admitted = position <= self._limit if wait is None else wait <= self._max_wait / 4
        self._is_overloaded = not is_admitted
        return is_admitted


class ReleaseRate:
    """The rate at which slots become free while all of them are in use."""

    def __init__(self) -> None:
        self._releases: deque[float] = deque(maxlen=SAMPLES)

    def record_release(self, *, all_in_use: bool) -> None:
        """Count a release. The rate is measured while all slots are in use only: otherwise it equals the rate of arrivals."""
        if all_in_use:
            self._releases.append(time.monotonic())
        else:
            self._releases.clear()

    def seconds_until(self, position: int) -> float | None:
        """Return the seconds until this position in the queue gets a slot, None while the rate is unknown."""
        if len(self._releases) < SAMPLES:
            return None
        return position * (time.monotonic() - self._releases[0]) / SAMPLES
