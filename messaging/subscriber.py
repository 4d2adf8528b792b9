"""Hearing Payment, on the channel and on the stream of the same name; whoever hears an event twice counts it once.

The channel is quick and forgetful, the stream remembers: its entries are acknowledged after the commit, and those of a
process that died are taken over. Neither ever gives up: after a failure there is a pause, then a new connection, to
whatever server the name leads to by then.
"""

import asyncio
import os
import socket
import time
import uuid
from typing import Any, cast

import structlog
from redis.asyncio import Redis
from redis.exceptions import RedisError, ResponseError

from messaging import bus, handlers, upkeep
from orders.domain.errors import DependencyUnavailable
from orders.runtime.loop_health import LoopHealth

GROUP = "order-service"
BATCH_SIZE = 100
"""Stream entries taken in one go."""

HANDLED_BATCH_SIZE = 2
"""Messages counted at the same time: payments must not take all of the database's threads from the customers."""

PAUSE_SECONDS = 1
HEARTBEAT_SECONDS = 5
TAKE_OVER_AFTER_MS = 5_000
"""A pending entry belongs to a process that died, or to a failure that may be over."""

DELIVERIES = 5
"""An entry that failed this often for a reason of its own is a dead letter."""

log = structlog.get_logger()


class Subscriber:
    """The ears of one process. Each of its loops has a record of how it fares."""

    def __init__(self) -> None:
        self.channel_health, self.stream_health, self.parked_health = LoopHealth(), LoopHealth(), LoopHealth()
        self._name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._room = asyncio.Semaphore(HANDLED_BATCH_SIZE)

    async def listen_to_channel(self) -> None:
        """Hear what is published, for ever."""
        while True:
            why = "no heartbeat came back"
            try:
                async with bus.connect() as client:
                    await self._channel(client)
            except* (RedisError, OSError, TimeoutError) as lost:
                why = _words(lost.exceptions[0])
            except* Exception as lost:  # whatever it was, a new connection hears what is said next
                log.exception("channel_lost")
                why = type(lost.exceptions[0]).__name__
            log.warning("channel_lost", why=why)
            self.channel_health.failed(why)
            await asyncio.sleep(PAUSE_SECONDS)

    async def read_stream(self) -> None:
        """Hear what was added to the stream, for ever."""
        while True:
            try:
                async with bus.connect() as client:
                    await self._stream(client)
            except (RedisError, OSError, TimeoutError, DependencyUnavailable) as error:
                log.warning("stream_lost", why=_words(error))
                self.stream_health.failed(_words(error))
            except Exception as error:  # whatever it was, the entries are still there and come again
                log.exception("stream_lost")
                self.stream_health.failed(type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def retry_parked(self) -> None:
        """Try again what came before its order, and what an admin wants heard again, for ever."""
        while True:
            try:
                await handlers.retry_parked()
                await handlers.handle_again()
                self.parked_health.succeeded()
            except DependencyUnavailable as error:
                log.warning("parked_not_retried", why=error.why)
                self.parked_health.failed(str(error))
            except Exception as error:  # whatever it was, the events are still parked and come again
                log.exception("parked_not_retried")
                self.parked_health.failed(type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        """Leave the group, unless entries are still in our name."""
        try:
            async with bus.connect() as client:
                pending = await client.xpending_range(bus.PAYMENT_EVENTS, GROUP, "-", "+", 1, consumername=self._name)
                if not pending:
                    await client.xgroup_delconsumer(bus.PAYMENT_EVENTS, GROUP, self._name)
        except (RedisError, OSError, TimeoutError):
            pass  # another process removes the name when it has been idle for long enough

    # --- the channel --------------------------------------------------------------------------------------------------
    async def _channel(self, client: Redis) -> None:
        """Until the connection is lost. A heartbeat goes through Redis and back: silence alone proves nothing."""
        heartbeat = f"{bus.PAYMENT_EVENTS}.heartbeat.{self._name}"
        async with client.pubsub(ignore_subscribe_messages=True) as pubsub, asyncio.TaskGroup() as handling:
            await pubsub.subscribe(bus.PAYMENT_EVENTS, heartbeat)
            beat, heard = 0.0, time.monotonic()
            while time.monotonic() - heard < 3 * HEARTBEAT_SECONDS:
                if time.monotonic() - beat > HEARTBEAT_SECONDS:
                    beat = time.monotonic()
                    await bus.check(client)  # a demoted primary would still answer, and nobody speaks to it any more
                    await client.publish(heartbeat, b"")
                message = await pubsub.get_message(timeout=PAUSE_SECONDS)
                if message is None:
                    continue
                heard = time.monotonic()
                self.channel_health.succeeded()
                if message["channel"] == bus.PAYMENT_EVENTS.encode():
                    await self._room.acquire()
                    handling.create_task(self._hear_published(message["data"]))

    async def _hear_published(self, raw: bytes) -> None:
        """Hear a message that nobody will repeat: while the database is away, wait for it."""
        try:
            while not await self._heard(raw):
                await asyncio.sleep(PAUSE_SECONDS)
        except Exception:  # one message must not deafen the process; its copy in the stream becomes a dead letter
            log.exception("payment_message_failed")
        finally:
            self._room.release()

    async def _heard(self, raw: bytes) -> bool:
        try:
            await handlers.handle(raw)
        except DependencyUnavailable as error:
            log.warning("payment_message_waits", why=error.why)
            return False
        return True

    # --- the stream ---------------------------------------------------------------------------------------------------
    async def _stream(self, client: Redis) -> None:
        """Until the connection or the group is lost."""
        await self._join(client)
        taken_over = 0.0
        while True:
            if time.monotonic() - taken_over > TAKE_OVER_AFTER_MS / 1000:
                taken_over = time.monotonic()
                await self._take_over(client)
                await upkeep.keep_in_order(client, GROUP, self._name)
            answer = await client.xreadgroup(
                GROUP, self._name, {bus.PAYMENT_EVENTS: ">"}, count=BATCH_SIZE, block=PAUSE_SECONDS * 1000
            )
            for _, entries in cast(Any, answer) or []:
                await self._handle(client, entries)
            self.stream_health.succeeded()

    async def _join(self, client: Redis) -> None:
        try:
            await client.xgroup_create(bus.PAYMENT_EVENTS, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _take_over(self, client: Redis) -> None:
        start: bytes = b"0-0"
        while True:
            answer = await client.xautoclaim(
                bus.PAYMENT_EVENTS, GROUP, self._name, TAKE_OVER_AFTER_MS, start, count=BATCH_SIZE
            )
            start, entries = cast(Any, answer)[:2]
            there = [entry for entry in entries if entry[0] is not None]
            await self._handle(client, there)
            if len(there) < len(entries):
                await self._forget_trimmed(client)
            if start == b"0-0":
                return

    async def _forget_trimmed(self, client: Redis) -> None:
        """Acknowledge what is pending in our name and was trimmed. Redis 7 does so by itself, and names none of them before."""
        pending: list[Any] = await client.xpending_range(
            bus.PAYMENT_EVENTS, GROUP, "-", "+", BATCH_SIZE, consumername=self._name
        )
        for entry_id in [entry["message_id"] for entry in pending]:
            if not await client.xrange(bus.PAYMENT_EVENTS, entry_id, entry_id):
                log.warning("payment_message_trimmed", entry_id=entry_id.decode())
                await client.xack(bus.PAYMENT_EVENTS, GROUP, entry_id)

    async def _handle(self, client: Redis, entries: list[tuple[bytes, dict[bytes, bytes]]]) -> None:
        outcomes = await asyncio.gather(
            *(self._handle_one(client, *entry) for entry in entries), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException):
                raise outcome

    async def _handle_one(self, client: Redis, entry_id: bytes, fields: dict[bytes, bytes]) -> None:
        async with self._room:
            raw = fields.get(b"message", b"")
            try:
                await handlers.handle(raw)
            except DependencyUnavailable:
                raise
            except Exception as error:  # a poisonous entry must not stop those behind it
                log.exception("payment_message_failed")
                if not await self._worn_out(client, entry_id):
                    return
                await handlers.dead_letter(raw, f"handling it fails: {type(error).__name__}")
            await client.xack(bus.PAYMENT_EVENTS, GROUP, entry_id)

    async def _worn_out(self, client: Redis, entry_id: bytes) -> bool:
        pending: list[Any] = await client.xpending_range(bus.PAYMENT_EVENTS, GROUP, entry_id, entry_id, 1)
        return bool(pending) and pending[0]["times_delivered"] >= DELIVERIES


def _words(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
