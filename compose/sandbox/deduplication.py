"""Telling a message's second copy from a message: each goes out on a channel and a stream, under one `event_id`."""

from collections import OrderedDict

REMEMBERED = 200_000
"""Ids kept, oldest forgotten first. Forgetting one is safe: every command may be repeated."""


class Copies:
    """The `event_id`s heard so far, and those missed on purpose."""

    def __init__(self) -> None:
        self._heard: OrderedDict[str, None] = OrderedDict()
        self._missed: OrderedDict[str, set[str]] = OrderedDict()

    def known(self, event_id: str) -> bool:
        """Whether this message was heard before."""
        return event_id in self._heard

    def hear(self, event_id: str) -> None:
        """Remember a message as heard."""
        self._heard[event_id] = None
        if len(self._heard) > REMEMBERED:
            self._heard.popitem(last=False)

    def miss(self, event_id: str, source: str) -> None:
        """Remember that the copy from `source` went unheard, so that its twin does too."""
        self._missed.setdefault(event_id, set()).add(source)
        if len(self._missed) > REMEMBERED:
            self._missed.popitem(last=False)

    def is_twin_of_missed(self, event_id: str, source: str) -> bool:
        """Whether this is the other copy of a message that went unheard; the same message sent once more is not."""
        sources = self._missed.pop(event_id, None)
        return sources is not None and source not in sources
