"""Payment's transport over Redis: receives `payments.commands` and publishes `payments.events`, on a stream and a channel each.

Redis may be unavailable, restarted or emptied at any time: every loop here restarts, and unsent events wait.
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
RETRY_SECONDS = 0.1
BLOCK_SECONDS = 1.0
"""The timeout of one read; well below the socket timeout, after which redis-py treats the connection as lost."""
SOCKET_TIMEOUT = 5.0
BATCH_SIZE = 500
MAX_STREAM_LENGTH = 100_000
"""Approximate length of a stream; bounds the memory of Redis, and exceeds the number of messages of any test."""

OnCommand = Callable[[str, bytes], None]
"""Called with the source of a command (`channel` or `stream`) and its text."""


class PaymentTransport:
    """Both directions, as three loops that `run` executes until cancelled."""

    def __init__(self, url: str, on_command: OnCommand) -> None:
        self._redis = Redis.from_url(
            url, protocol=2, socket_timeout=SOCKET_TIMEOUT, socket_connect_timeout=1, retry=Retry(NoBackoff(), 0)
        )
        self._on_command = on_command
        self._outbox: asyncio.Queue[tuple[str, str]] = asyncio.Queue()

    @property
    def waiting(self) -> int:
        """Return the number of events that wait to be published."""
        return self._outbox.qsize()

    def publish(self, text: str, via: str) -> None:
        """Publish `text` to `payments.events` via `channel`, `stream` or `both`, once Redis is available."""
        self._outbox.put_nowait((text, via))

    async def run(self) -> None:
        """Receive and publish until cancelled, then close the connections."""
        loops = (self._read_stream, self._read_channel, self._send_all)
        tasks = [asyncio.create_task(run_forever(loop)) for loop in loops]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            done.pop().result()  # a loop ends only by an error that is not one of Redis
        finally:
            await cancel_all(tasks)
            await self._redis.aclose()

    async def _read_stream(self) -> None:
        await self._create_group()
        while True:
            # NOACK: this process keeps its state in memory only, so redelivery would be of no use.
            entries = await self._redis.xreadgroup(
                GROUP, "sandbox", {COMMANDS: ">"}, count=BATCH_SIZE, block=int(BLOCK_SECONDS * 1000), noack=True
            )
            for _, batch in cast(list[tuple[bytes, list[tuple[bytes, dict[bytes, bytes]]]]], entries):
                for _, fields in batch:
                    self._on_command("stream", fields.get(b"message", b""))

    async def _create_group(self) -> None:
        with contextlib.suppress(ResponseError):  # BUSYGROUP: it exists
            await self._redis.xgroup_create(COMMANDS, GROUP, id="0", mkstream=True)

    async def _read_channel(self) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(COMMANDS)
            while True:
                message: dict[str, Any] | None = await channel.get_message(timeout=BLOCK_SECONDS)
                if message:
                    self._on_command("channel", message["data"])

    async def _send_all(self) -> None:
        batch: list[tuple[str, str]] = []
        try:
            while True:
                batch = [await self._outbox.get()]
                while not self._outbox.empty() and len(batch) < BATCH_SIZE:
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
                pipeline.xadd(EVENTS, {"message": data}, maxlen=MAX_STREAM_LENGTH, approximate=True)
        await pipeline.execute()


async def run_forever(loop: Callable[[], Awaitable[None]]) -> None:
    """Restart a loop after each error of Redis."""
    while True:
        try:
            await loop()
        except (RedisError, OSError) as problem:
            log.info("Redis: %s", problem)
            await asyncio.sleep(RETRY_SECONDS)


async def cancel_all(tasks: list[asyncio.Task[None]]) -> None:
    """Cancel the tasks until they are done.

    One cancellation may not suffice: redis-py sends within `asyncio.wait_for`, which in Python 3.11 suppresses a cancellation
    that coincides with its result (https://github.com/python/cpython/issues/86296).
    """
    while active := [task for task in tasks if not task.done()]:
        for task in active:
            task.cancel()
        await asyncio.wait(active, timeout=RETRY_SECONDS)
