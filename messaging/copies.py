"""The copies of Payment's messages: each arrives on the channel and in the stream of one process at about the same time.

Handling a copy would change nothing, for the database knows the event by its id, but it costs half as much as the first one. So
a process remembers for some seconds what it has recorded. Copies at other processes are left to the database.
"""

import asyncio
import hashlib
from collections.abc import Awaitable, Callable

REMEMBERED_SECONDS = 5
"""Short, so that Payment can repeat its messages after the database was restored."""


class Copies:
    """The messages that this process is handling, or has handled in the last seconds. Bound to one event loop."""

    def __init__(self) -> None:
        self._in_work: dict[bytes, asyncio.Event] = {}
        self._handled: set[bytes] = set()

    async def handle(self, raw: bytes, work: Callable[[bytes], Awaitable[bool]]) -> bool:
        """Handle the message by `work`, which returns whether its copies need no handling; return False for such a copy.

        A copy waits while another one is being handled. Raises the error of `work`.
        """
        key = hashlib.sha256(raw).digest()
        while other := self._in_work.get(key):
            await other.wait()
        if key in self._handled:
            return False
        ended = self._in_work[key] = asyncio.Event()
        try:
            if await work(raw):
                self._handled.add(key)
                asyncio.get_running_loop().call_later(REMEMBERED_SECONDS, self._handled.discard, key)
            return True
        finally:
            del self._in_work[key]
            ended.set()
