"""The rows that a relay has taken over from the checkouts of its process, which wrote them leased (`orders.outbox.queue`)."""

import asyncio
import time
from collections import deque

from orders.outbox.queue import LEASE_SECONDS, Claimed

MAX_TAKEN_OVER = 1_000
"""Rows of a queue that wait in memory. Further ones are claimed when their lease ends, as are those of a terminated process."""

MAX_AGE_SECONDS = LEASE_SECONDS / 2
"""The age from which a row that was taken over is left to whichever process claims it when its lease ends."""


class TakenOver:
    """The rows of one queue that were taken over and wait for the next batch."""

    def __init__(self) -> None:
        self.added = asyncio.Event()
        self._rows: deque[tuple[float, Claimed]] = deque()

    def __len__(self) -> int:
        return len(self._rows)

    def put(self, row: Claimed) -> None:
        """Add a row, unless too many are waiting."""
        if len(self._rows) < MAX_TAKEN_OVER:
            self._rows.append((time.monotonic(), row))
            self.added.set()

    def take(self, limit: int) -> list[Claimed]:
        """Remove and return up to `limit` rows, the oldest first, without those that are too old."""
        taken = [self._rows.popleft() for _ in range(min(limit, len(self._rows)))]
        if not self._rows:
            self.added.clear()
        since = time.monotonic() - MAX_AGE_SECONDS
        return [row for added_at, row in taken if added_at > since]
