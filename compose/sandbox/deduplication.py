"""Deduplication of commands, each of which is sent on a channel and on a stream under one `event_id`."""

from collections import OrderedDict

MAX_REMEMBERED = 200_000
"""The number of ids kept; the oldest are removed first, which is safe: every command is repeatable."""


class Deduplication:
    """The `event_id`s received so far, and those lost by a fault."""

    def __init__(self) -> None:
        self._received: OrderedDict[str, None] = OrderedDict()
        self._lost: OrderedDict[str, set[str]] = OrderedDict()

    def is_duplicate(self, event_id: str, source: str) -> bool:
        """Return whether this message was received before, or is the other copy of a lost one.

        A lost message that is repeated from the same `source` is no duplicate.
        """
        lost_from = self._lost.pop(event_id, None) if event_id not in self._received else None
        return event_id in self._received or (lost_from is not None and source not in lost_from)

    def receive(self, event_id: str) -> None:
        """Record a message as received."""
        self._received[event_id] = None
        if len(self._received) > MAX_REMEMBERED:
            self._received.popitem(last=False)

    def lose(self, event_id: str, source: str) -> None:
        """Record that the copy from `source` was lost, so that the other copy is lost too."""
        self._lost.setdefault(event_id, set()).add(source)
        if len(self._lost) > MAX_REMEMBERED:
            self._lost.popitem(last=False)
