"""Answers that clients don't read, kept in this process because the kernel takes no more of them: bounded in time and in sum.

Without a bound, each connection may leave a whole answer here for as long as it likes.
"""

import asyncio
import socket
import struct

from prometheus_client import Counter

HIGH_WATER = 16 * 1024
"""Bytes of a connection's answers that wait in this process before it counts as unread, and before the next one is made."""

RESET = struct.pack("ii", 1, 0)
"""Closing resets the connection: else the kernel would go on keeping what it has taken of the answer (socket(7), SO_LINGER)."""

ABORTED = Counter("unread_answers_aborted_total", "Connections aborted because their clients did not read")


class UnreadAnswers:
    """The connections of one process with an unread answer, the one that has been so for the longest first.

    In sum they may keep `limit` bytes: beyond it the first ones are aborted. One that has not read `HIGH_WATER` bytes within
    `seconds` is aborted too.
    """

    def __init__(self, limit: int, seconds: float) -> None:
        self._limit, self._seconds = limit, seconds
        self._kept: dict[asyncio.Transport, tuple[int, asyncio.TimerHandle]] = {}
        self._sum = 0

    def add(self, transport: asyncio.Transport) -> None:
        """The transport keeps more than `HIGH_WATER` bytes. It gets no more until `remove`."""
        size = transport.get_write_buffer_size()
        timer = asyncio.get_running_loop().call_later(self._seconds, self._look, transport)
        self._kept[transport] = size, timer
        self._sum += size
        while self._sum > self._limit and len(self._kept) > 1:
            self._abort(next(iter(self._kept)))

    def remove(self, transport: asyncio.Transport) -> None:
        """The transport has sent all, or is closed."""
        if transport in self._kept:
            size, timer = self._kept.pop(transport)
            self._sum -= size
            timer.cancel()

    def _look(self, transport: asyncio.Transport) -> None:
        before, _ = self._kept[transport]
        if transport.get_write_buffer_size() > before - HIGH_WATER:
            self._abort(transport)
        else:
            self.remove(transport)
            self.add(transport)

    def _abort(self, transport: asyncio.Transport) -> None:
        self.remove(transport)
        ABORTED.inc()
        if own := transport.get_extra_info("socket"):
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
        transport.abort()
