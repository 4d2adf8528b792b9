"""The relay: takes rows from the outbox and lets them happen. Messages it publishes itself, jobs it hands to Celery.

One runs in each server process; rows are claimed, so that any number of relays share the work. A commit in this process
wakes it, a poll finds what others wrote or what failed before.
"""

import asyncio
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import msgspec
import structlog
from celery import current_app
from django.conf import settings
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from messaging import bus
from messaging.metrics import OUTBOX_ROWS
from messaging.signing import signature
from orders import database, outbox
from orders.errors import DependencyUnavailable
from orders.outbox import Claimed, Kind

AT_ONCE = 200
POLL_SECONDS = 1
GATHER_SECONDS = 0.05
"""Commits that follow each other closely are handed on together: a batch costs hardly more than one."""

PAUSE_SECONDS = 1
JOBS_IN_ONE = 50
STREAM_LENGTH = 100_000
"""Entries kept of what others read at their own pace; Redis trims about there."""

TASK = "orders.carry_out"

log = structlog.get_logger()


class Relay:
    """The relay of one process."""

    def __init__(self) -> None:
        self._redis = bus.connect()
        self._broker = ThreadPoolExecutor(1, thread_name_prefix="broker")  # Celery's client blocks
        self._stopping = False

    async def run(self) -> None:
        """Hand on what the outbox holds, until `stop`."""
        alarm = outbox.alarm()
        while not self._stopping:
            alarm.clear()
            try:
                handed_on = await self.round()
            except DependencyUnavailable as error:
                log.warning("relay_waits", why=error.why)
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            except Exception:  # whatever it was, the rows are still there and come again
                log.exception("relay_failed")
                await asyncio.sleep(PAUSE_SECONDS)
                continue
            if not handed_on and not self._stopping:
                await _ring(alarm)
            await asyncio.sleep(GATHER_SECONDS)
        await self.round()

    async def round(self) -> int:
        """Claim what is due and hand it on; answers how much it was. What lies behind it in its lane may be due now."""
        rows = await database.run(outbox.claim, AT_ONCE)
        messages = [row for row in rows if row.kind == Kind.PUBLISH]
        jobs = [row for row in rows if row.kind != Kind.PUBLISH]
        await asyncio.gather(self._publish(messages), self._hand_to_celery(jobs))
        return len(rows)

    def stop(self) -> None:
        """End `run` after one more round."""
        self._stopping = True
        outbox.wake()

    async def close(self) -> None:
        """Close the connections."""
        self._broker.shutdown(wait=True, cancel_futures=True)
        await self._redis.aclose()

    async def _publish(self, rows: Sequence[Claimed]) -> None:
        """Publish the messages of `rows`; the rows are done once Redis has said so."""
        if not rows:
            return
        ids = [row.id for row in rows]
        try:
            async with self._redis.pipeline(transaction=False) as pipe:
                for message in (message for row in rows for message in row.payload["messages"]):
                    text = _signed(message)
                    if message["name"] in bus.CHANNELS:
                        pipe.publish(message["name"], text)
                    pipe.xadd(message["name"], {"message": text}, maxlen=STREAM_LENGTH, approximate=True)
                await pipe.execute()
        except (RedisError, OSError, TimeoutError) as error:
            log.warning("messages_wait", rows=len(ids), why=type(error).__name__)
            await database.run(outbox.put_back, ids)
            return
        await database.run(outbox.done, ids)
        OUTBOX_ROWS.labels("publish").inc(len(ids))

    async def _hand_to_celery(self, rows: Sequence[Claimed]) -> None:
        """Queue the jobs of `rows`; the rows are done when the worker has seen their effect."""
        for ids in batched_ids(rows):
            try:
                await asyncio.get_running_loop().run_in_executor(self._broker, _send, ids)
                OUTBOX_ROWS.labels("job").inc(len(ids))
            except (BrokerError, OSError) as error:
                log.warning("jobs_wait", rows=len(ids), why=type(error).__name__)
                await database.run(outbox.put_back, ids)


def batched_ids(rows: Sequence[Claimed]) -> Iterable[list[int]]:
    """The ids of `rows`, as many at a time as make one job."""
    for start in range(0, len(rows), JOBS_IN_ONE):
        yield [row.id for row in rows[start : start + JOBS_IN_ONE]]


def _send(ids: list[int]) -> None:
    """Queue a job. It expires with its rows' lease: a worker that is far behind finds no copies of it, only the latest."""
    current_app.send_task(TASK, args=[ids], retry=False, ignore_result=True, expires=outbox.LEASE_SECONDS)


def _signed(message: dict[str, Any]) -> bytes:
    fields = message["message"]
    secret = settings.PAYMENT_SIGNING_SECRET
    return msgspec.json.encode({**fields, "signature": signature(fields, secret) if secret else None})


async def _ring(alarm: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await alarm.wait()
    except TimeoutError:
        pass  # a poll: others may have written something
