"""The subscriber of Payment's events, on the channel and the stream of the same name; an event received twice counts once.

The channel is fast and lossy, the stream durable: its entries are acknowledged after the commit, and those of a terminated
process are claimed. Both loops run until cancelled: after a failure they pause, resolve the host again and reconnect.
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

from messaging import bus, handlers, stream_maintenance
from messaging.copies import Copies
from orders.domain.errors import DependencyUnavailable
from orders.runtime.loop_health import LoopHealth

GROUP = "order-service"
BATCH_SIZE = 100
"""Maximum stream entries of one read."""

MAX_CONCURRENT_MESSAGES = 2
"""Messages handled concurrently: payments must not occupy all database threads, which customers need."""

MAX_WAITING_MESSAGES = 100
"""Published messages that wait in this process; the others wait in the connection."""

PAUSE_SECONDS = 1
HEARTBEAT_SECONDS = 5
CLAIM_AFTER_MS = 5_000
"""The age from which a pending entry is claimed: its process has terminated, or its failure may be over."""

MAX_DELIVERIES = 5
"""Failed deliveries after which an entry becomes a dead letter, unless the database was unavailable."""

log = structlog.get_logger()


class Subscriber:
    """The subscriber of one process, with the health of each of its loops."""

    def __init__(self) -> None:
        self.channel_health, self.stream_health, self.parked_health = LoopHealth(), LoopHealth(), LoopHealth()
        self._name = f"{socket.gethostname()}-{os.getpid()}-{uuid.uuid4().hex[:8]}"
        self._slots = asyncio.Semaphore(MAX_CONCURRENT_MESSAGES)
        self._copies = Copies()

    async def listen_to_channel(self) -> None:
        """Handle the published messages until cancelled."""
        while True:
            why = "no heartbeat was received"
            try:
                async with bus.connect() as client:
                    await self._channel(client)
            except* (RedisError, OSError, TimeoutError) as lost:
                why = _reason(lost.exceptions[0])
            except* Exception as lost:  # any error: a new connection receives the next messages
                log.exception("channel_failed")
                why = type(lost.exceptions[0]).__name__
            log.warning("channel_connection_lost", why=why)
            self.channel_health.failed(why)
            await asyncio.sleep(PAUSE_SECONDS)

    async def read_stream(self) -> None:
        """Handle the entries of the stream until cancelled."""
        while True:
            try:
                async with bus.connect() as client:
                    await self._stream(client)
            except (RedisError, OSError, TimeoutError, DependencyUnavailable) as error:
                log.warning("stream_connection_lost", why=_reason(error))
                self.stream_health.failed(_reason(error))
            except Exception as error:  # any error: the entries remain and are read again
                log.exception("stream_failed")
                self.stream_health.failed(type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def retry_parked(self) -> None:
        """Retry the parked events, and the dead letters that an admin has marked, until cancelled."""
        while True:
            try:
                await handlers.retry_parked()
                await handlers.retry_dead_letters()
                self.parked_health.succeeded()
            except DependencyUnavailable as error:
                log.warning("parked_events_postponed", why=error.why)
                self.parked_health.failed(str(error))
            except Exception as error:  # any error: the events remain parked and are retried
                log.exception("parked_events_failed")
                self.parked_health.failed(type(error).__name__)
            await asyncio.sleep(PAUSE_SECONDS)

    async def close(self) -> None:
        """Leave the consumer group, unless entries are still pending for this process."""
        try:
            async with bus.connect() as client:
                pending = await client.xpending_range(bus.PAYMENT_EVENTS, GROUP, "-", "+", 1, consumername=self._name)
                if not pending:
                    await client.xgroup_delconsumer(bus.PAYMENT_EVENTS, GROUP, self._name)
        except (RedisError, OSError, TimeoutError):
            pass  # another process removes the idle consumer

    # --- the channel --------------------------------------------------------------------------------------------------
    async def _channel(self, client: Redis) -> None:
        """Handle messages until the connection is lost, which a heartbeat through Redis detects."""
        heartbeat = f"{bus.PAYMENT_EVENTS}.heartbeat.{self._name}"
        waiting: set[asyncio.Task[None]] = set()
        async with client.pubsub(ignore_subscribe_messages=True) as pubsub, asyncio.TaskGroup() as handling:
            await pubsub.subscribe(bus.PAYMENT_EVENTS, heartbeat)
            beat, received = 0.0, time.monotonic()
            while time.monotonic() - received < 3 * HEARTBEAT_SECONDS:
                if time.monotonic() - beat > HEARTBEAT_SECONDS:
                    beat = time.monotonic()
                    await bus.check(client)  # a demoted primary still responds, without new messages
                    await client.publish(heartbeat, b"")
                message = await pubsub.get_message(timeout=PAUSE_SECONDS)
                if message is None:
                    continue
                received = time.monotonic()
                self.channel_health.succeeded()
                if message["channel"] == bus.PAYMENT_EVENTS.encode():
                    task = handling.create_task(self._handle_published(message["data"]))
                    waiting.add(task)
                    task.add_done_callback(waiting.discard)
                while len(waiting) >= MAX_WAITING_MESSAGES:
                    await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)

    async def _handle_published(self, raw: bytes) -> None:
        """Handle a message that is not redelivered; retry while the database is unavailable."""
        try:
            while not await self._try_handle(raw):
                await asyncio.sleep(PAUSE_SECONDS)
        except Exception:  # a failing message must not stop the loop; its copy in the stream becomes a dead letter
            log.exception("payment_message_failed")

    async def _try_handle(self, raw: bytes) -> bool:
        try:
            await self._handle_once(raw)
        except DependencyUnavailable as error:
            log.warning("payment_message_postponed", why=error.why)
            return False
        return True

    async def _handle_once(self, raw: bytes) -> None:
        """Handle a message, unless this process has just recorded a copy of it."""
        if not await self._copies.handle(raw, self._handle_in_slot):
            handlers.count_copy()

    async def _handle_in_slot(self, raw: bytes) -> bool:
        async with self._slots:
            return await handlers.handle(raw)

    # --- the stream ---------------------------------------------------------------------------------------------------
    async def _stream(self, client: Redis) -> None:
        """Handle entries until the connection or the consumer group is lost."""
        await self._join(client)
        claimed = 0.0
        while True:
            if time.monotonic() - claimed > CLAIM_AFTER_MS / 1000:
                claimed = time.monotonic()
                await self._claim(client)
                await stream_maintenance.maintain_stream(client, GROUP, self._name)
            response = await client.xreadgroup(
                GROUP, self._name, {bus.PAYMENT_EVENTS: ">"}, count=BATCH_SIZE, block=PAUSE_SECONDS * 1000
            )
            for _, entries in cast(Any, response) or []:
                await self._handle(client, entries)
            self.stream_health.succeeded()

    async def _join(self, client: Redis) -> None:
        try:
            await client.xgroup_create(bus.PAYMENT_EVENTS, GROUP, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise

    async def _claim(self, client: Redis) -> None:
        """Claim and handle the entries that another process has left pending."""
        start: bytes = b"0-0"
        while True:
            response = await client.xautoclaim(
                bus.PAYMENT_EVENTS, GROUP, self._name, CLAIM_AFTER_MS, start, count=BATCH_SIZE
            )
            start, entries = cast(Any, response)[:2]
            kept = [entry for entry in entries if entry[0] is not None]
            await self._handle(client, kept)
            if len(kept) < len(entries):
                await self._acknowledge_trimmed(client)
            if start == b"0-0":
                return

    async def _acknowledge_trimmed(self, client: Redis) -> None:
        """Acknowledge this process's pending entries that were trimmed, which Redis does by itself since version 7."""
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
        raw = fields.get(b"message", b"")
        try:
            await self._handle_once(raw)
        except DependencyUnavailable:
            raise
        except Exception as error:  # a failing entry must not block the next ones
            log.exception("payment_message_failed")
            if not await self._is_last_delivery(client, entry_id):
                return
            await handlers.dead_letter(raw, f"handling it fails: {type(error).__name__}")
        async with self._slots:  # each acknowledgement at a time has a connection of its own
            await client.xack(bus.PAYMENT_EVENTS, GROUP, entry_id)

    async def _is_last_delivery(self, client: Redis, entry_id: bytes) -> bool:
        pending: list[Any] = await client.xpending_range(bus.PAYMENT_EVENTS, GROUP, entry_id, entry_id, 1)
        return bool(pending) and pending[0]["times_delivered"] >= MAX_DELIVERIES


def _reason(error: BaseException) -> str:
    return str(error)[:200] or type(error).__name__
