"""How long a queue is in seconds, learned from how fast it has moved on."""

import time
from collections import deque
from types import TracebackType

REMEMBERED = 128
"""Departures that tell the pace. Fewer would mistake a batch, which leaves all at once, for speed."""


class Queue:
    """Those who wait for room; `with queue:` stands around the wait. `patience` is the longest wait, in seconds."""

    def __init__(self, patience: float) -> None:
        self._patience = patience
        self._waiting = 0
        self._departures: deque[float] = deque(maxlen=REMEMBERED)

    @property
    def is_hopeless(self) -> bool:
        """Whether one more would wait longer than anybody does, at the pace of late. Not known of a queue that is new."""
        if len(self._departures) < REMEMBERED:
            return False
        pace = (time.monotonic() - self._departures[0]) / REMEMBERED
        return self._waiting * pace > self._patience

    def moves_on(self, *, is_busy: bool) -> None:
        """Somebody leaves the room. Only while it is full do departures tell the pace: else it is the arrivals' own."""
        if is_busy:
            self._departures.append(time.monotonic())
        else:
            self._departures.clear()

    def __enter__(self) -> None:
        self._waiting += 1

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._waiting -= 1
