"""Payment's side of Redis: hearing `payments.commands` and telling `payments.events`, each on a stream and a channel.

Redis may be away, restarted or emptied at any time: every loop here starts over, and what is to be told waits.
"""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, cast

from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError, ResponseError

log = logging.getLogger(__name__)

COMMANDS, EVENTS = "payments.commands", "payments.events"
GROUP = "payment-service"
PAUSE = 0.1
"""Seconds before a loop tries Redis again."""
BLOCK = 1.0
"""Seconds of waiting in one read; well under the socket timeout, or redis-py takes silence for a dead connection."""
SOCKET_TIMEOUT = 5.0
BATCH = 500
KEPT = 100_000
"""Events left in the stream, roughly: bounds the memory of Redis, and is more than any test sends."""

Hear = Callable[[str, bytes], None]
"""Takes where a command came from (`channel` or `stream`) and its text."""


class Wire:
    """Both directions, as three loops that `run` keeps going until cancelled."""

    def __init__(self, url: str, hear: Hear) -> None:
        self._redis = Redis.from_url(
            url, protocol=2, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        self._hear = hear
        self._outbox: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @property
    def waiting(self) -> int:
        """How many messages wait to be told."""
        return self._outbox.qsize()

    def tell(self, text: str, via: str) -> None:
        """Send `text` as a `payments.events` message via `channel`, `stream` or `both`, as soon as Redis takes it."""
        self._outbox.put_nowait((text, via))

    async def run(self) -> None:
        """Hear and tell until cancelled, then close the connections."""
        steps = (self._listen_to_stream, self._listen_to_channel, self._tell_all)
        loops = [asyncio.create_task(for_ever(step)) for step in steps]
        try:
            over, _ = await asyncio.wait(loops, return_when=asyncio.FIRST_COMPLETED)
            over.pop().result()  # a loop ends only by an error of ours
        finally:
            await end(loops)
            await self._redis.aclose()

    async def _listen_to_stream(self) -> None:
        await self._create_group()
        while True:
            # NOACK: what this process knows dies with it, so there is nothing that an unacknowledged entry could save.
            entries = await self._redis.xreadgroup(
                GROUP, "sandbox", {COMMANDS: ">"}, count=BATCH, block=int(BLOCK * 1000), noack=True
            )
            for _, batch in cast(list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]], entries):
                for _, fields in batch:
                    self._hear("stream", fields.get(b"message", b""))

    async def _create_group(self) -> None:
        with contextlib.suppress(ResponseError):  # BUSYGROUP: it is there
            await self._redis.xgroup_create(COMMANDS, GROUP, id="0", mkstream=True)

    async def _listen_to_channel(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(COMMANDS)
            while True:
                message: dict[str, Any] | None = await channel.get_message(timeout=BLOCK)
                if message:
                    self._hear("channel", message["data"])

    async def _tell_all(self) -> None:
        batch: list[tuple[str, str]] = []
        try:
            while True:
                batch = [await self._outbox.get()]
                while not self._outbox.empty() and len(batch) < BATCH:
                    batch.append(self._outbox.get_nowait())
                await self._send(batch)
        except RedisError:
            for message in batch:
                self._outbox.put_nowait(message)
            raise

    async def _send(self, batch: list[tuple[str, str]]) -> None:
        pipeline = self._redis.pipeline(transaction=False)
        for text, via in batch:
            data = text.encode("utf-8", "surrogatepass")
            if via != "stream":
                pipeline.publish(EVENTS, data)
            if via != "channel":
                pipeline.xadd(EVENTS, {"message": data}, maxlen=KEPT, approximate=True)
        await pipeline.execute()


async def for_ever(step: Callable[[], Awaitable[None]]) -> None:
    """Run a loop that only ends by an error of Redis, again and again."""
    while True:
        try:
            await step()
        except (RedisError, OSError) as problem:
            log.info("Redis: %s", problem)
            await asyncio.sleep(PAUSE)


async def end(loops: list[asyncio.Task[None]]) -> None:
    """Cancel the loops until they are over.

    Once is not enough: redis-py sends inside `asyncio.wait_for`, which in Python 3.11 swallows a cancellation that meets
    its result (https://github.com/python/cpython/issues/86296).
    """
    while alive := [loop for loop in loops if not loop.done()]:
        for loop in alive:
            loop.cancel()
        await asyncio.wait(alive, timeout=PAUSE)
