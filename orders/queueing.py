"""How long a queue is in seconds, learned from how fast it has moved on."""

import time
from collections import deque

REMEMBERED = 128
"""Departures that tell the pace. Fewer would mistake a batch, which leaves all at once, for speed."""


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
