"""Room for so many at once, and a short queue in front of it that knows how long it is in seconds."""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from orders.domain.errors import Overloaded

REMEMBERED = 128
"""Departures that tell the pace. Fewer would mistake a batch, which leaves all at once, for speed."""


class ConcurrencyLimiter:
    """Room for `size` at once. Who finds it full waits for `patience` seconds, then is refused."""

    def __init__(self, size: int, patience: float) -> None:
        self._size, self._patience = size, patience
        self._places = asyncio.Semaphore(size)
        self._pace = Pace()
        self._is_flooded = False

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """While one is inside. Raises Overloaded when none of the others leaves in time."""
        try:
            async with asyncio.timeout(self._patience):
                await self._places.acquire()
        except TimeoutError:
            raise Overloaded("Too many at once: send the same request again in a second.") from None
        try:
            yield
        finally:
            self._pace.departs(from_full=self._places.locked())
            self._places.release()

    def would_admit(self, others: int) -> bool:
        """Whether one more would surely get in in time, with so many others inside or on their way.

        Surely: within a quarter of the longest wait, for who waits in vain has cost a third of who is served. In a flood
        nobody waits at all: there is always somebody at the door when a place is free.
        """
        waiting = others + 1 - self._size
        if others < self._size // 2:
            self._is_flooded = False
        if waiting <= 0:
            return True
        if self._is_flooded:
            return False
        wait = self._pace.wait(waiting)
        has_place = waiting <= self._size if wait is None else wait <= self._patience / 4
        self._is_flooded = not has_place
        return has_place


class Pace:
    """How fast people leave a room that is full."""

    def __init__(self) -> None:
        self._departures: deque[float] = deque(maxlen=REMEMBERED)

    def departs(self, *, from_full: bool) -> None:
        """Somebody leaves the room. Only while it is full does that tell the pace: else it is the arrivals' own."""
        if from_full:
            self._departures.append(time.monotonic())
        else:
            self._departures.clear()

    def wait(self, waiting: int) -> float | None:
        """In how many seconds so many will have got in, at the pace of late. None while that is not known."""
        if len(self._departures) < REMEMBERED:
            return None
        return waiting * (time.monotonic() - self._departures[0]) / REMEMBERED
