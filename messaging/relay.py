"""The relay: publishes the messages of the outbox's rows, and sends the other effects to Celery.

One relay runs in each server process. It takes over the rows of this process's checkouts, which are leased already, and claims
all others, so that any number of relays share the work: the commit signal starts a claim, a poll finds the rows of other
processes and those to retry. Payment's commands, events of orders and jobs are separate queues: an outage that delays one of
them delays no other.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress

import structlog
from celery import current_app
from kombu.exceptions import OperationalError as BrokerError
from redis.exceptions import RedisError

from messaging import bus, publications
from messaging.metrics import OUTBOX_ROWS
from messaging.publications import Publication
from messaging.taken_over import TakenOver
from orders.domain.errors import DependencyUnavailable
from orders.outbox import dead_letters
from orders.outbox import queue as outbox
from orders.outbox.queue import Claimed, Queue
from orders.runtime import commit_signal
from orders.runtime.loop_health import LoopHealth
from orders.runtime.tracing import tracer
from orders.store import database
from orders.store.order_writer import NewOrder

BATCH_SIZE = 200
POLL_SECONDS = 1
GATHER_SECONDS: Mapping[Queue, float] = {Queue.PAYMENT_COMMANDS: 0.05, Queue.ORDER_EVENTS: 0.05, Queue.JOBS: 0.25}
"""The delay in which rows are collected into one batch, which costs hardly more than one row; nobody waits for a job."""

DELETE_SECONDS = 0.25
"""The delay in which published rows are collected into one deletion. Rows of a process that ends meanwhile are published again."""

PAUSE_SECONDS = 1
FORGET_SECONDS = outbox.MAX_PAUSE_SECONDS + 5
"""Longer than the retry of a refused row: when none has come by then, another process has succeeded with it."""

MAX_ROWS_PER_TASK = 50
STREAM_LENGTH = 100_000
"""Entries kept for slower subscribers; Redis trims to approximately this number."""

TASK = "orders.carry_out"

log = structlog.get_logger()


class Relay:
    """The relay of one process, with the health of each queue."""

    def __init__(self) -> None:
        self.health: Mapping[Queue, LoopHealth] = {queue: LoopHealth() for queue in Queue}
        self._lost: set[Queue] = set()
        self._redis = bus.connect()
        self._broker = current_app.connection_for_write()
        self._broker_thread = ThreadPoolExecutor(1, thread_name_prefix="broker")  # Celery's client is blocking
        self._stopping = False
        self._taken_over: Mapping[Queue, TakenOver] = {queue: TakenOver() for queue in Queue}
        self._published: list[int] = []
        self._has_published, self._deleting = asyncio.Event(), asyncio.Lock()
        self._processing: Mapping[Queue, asyncio.Lock] = {queue: asyncio.Lock() for queue in Queue}
        self._process: Mapping[Queue, Callable[[Sequence[Claimed]], Awaitable[str]]] = {
            Queue.PAYMENT_COMMANDS: self._publish,
            Queue.ORDER_EVENTS: self._publish,
            Queue.JOBS: self._send_tasks,
        }

    async def run(self) -> None:
        """Process the rows of the outbox until `stop`."""
        async with asyncio.TaskGroup() as queues:
            for queue in Queue:
                queues.create_task(self._run_taken_over(queue))
                queues.create_task(self._run_claimed(queue))
            queues.create_task(self._run_deletions())
        await self._try_delete()

    def take_over(self, order: NewOrder) -> None:
        """Take over the rows of an order that this process has written. Call it in the event loop, after the commit."""
        for queue, row in outbox.leased(order):
            self._taken_over[queue].put(row)

    async def _run_taken_over(self, queue: Queue) -> None:
        rows = self._taken_over[queue]
        while not self._stopping or rows:
            await rows.added.wait()
            await asyncio.sleep(GATHER_SECONDS[queue])
            if batch := rows.take(BATCH_SIZE):
                await self._try(queue, self._process_rows(queue, batch))

    async def _run_claimed(self, queue: Queue) -> None:
        committed = commit_signal.subscribe()
        is_last = False
        while not is_last:
            is_last = self._stopping
            committed.clear()
            if not await self._try(queue, self.round(queue)) and not self._stopping:
                await _wait(committed)
            await asyncio.sleep(GATHER_SECONDS[queue])

    async def _run_deletions(self) -> None:
        while not self._stopping:
            await self._has_published.wait()
            await asyncio.sleep(DELETE_SECONDS)
            if not await self._try_delete():
                await asyncio.sleep(PAUSE_SECONDS)

    async def _try_delete(self) -> bool:
        try:
            await self._delete_published()
        except DependencyUnavailable as error:
            log.warning("deletion_postponed", why=error.why)
        except Exception:  # any error: published twice is better than not at all
            log.exception("deletion_failed")
        else:
            return True
        return False

    async def _delete_published(self) -> None:
        """Delete the rows whose messages are published. Raises DependencyUnavailable; they are deleted next time."""
        async with self._deleting:
            ids, self._published = self._published, []
            self._has_published.clear()
            if not ids:
                return
            try:
                await database.run(outbox.done, ids)
            except BaseException:
                self._published += ids
                self._has_published.set()
                raise

    async def _try(self, queue: Queue, work: Awaitable[int]) -> int:
        try:
            return await work
        except (DependencyUnavailable, BrokerError, RedisError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            log.warning("relay_postponed", queue=queue, why=why[:200])
            self.health[queue].failed(why)
            self._lost.add(queue)
        except Exception as error:  # any error: the rows remain and are claimed again
            log.exception("relay_failed", queue=queue)
            self.health[queue].failed(type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)
        return 0

    async def round(self, queue: Queue) -> int:
        """Claim and process the due rows of `queue`; return their number. The next rows of their lanes may be due afterwards.

        Raises the errors of Redis, the broker or the database when they are unavailable; the rows are claimed again.
        """
        await self._delete_published()  # the next rows of their lanes are due then
        rows = await database.run(outbox.claim, BATCH_SIZE, queue)
        if not rows:
            await self._idle(queue)
            return 0
        return await self._process_rows(queue, rows)

    async def _process_rows(self, queue: Queue, rows: Sequence[Claimed]) -> int:
        async with self._processing[queue]:  # one connection for each queue
            refusal = await self._process[queue](rows)
        if refusal and queue is not Queue.ORDER_EVENTS:  # orders and payments work without their events
            self.health[queue].failed(refusal)
        else:
            self.health[queue].succeeded()
            self._lost.discard(queue)
        if refusal:
            await asyncio.sleep(PAUSE_SECONDS)
        return len(rows)

    async def _idle(self, queue: Queue) -> None:
        """Check whether a lost server has recovered; another process may have processed the waiting rows."""
        if queue not in self._lost:
            self.health[queue].idle(FORGET_SECONDS)
            return
        if queue is Queue.JOBS:
            await asyncio.get_running_loop().run_in_executor(self._broker_thread, self._reach_broker)
        else:
            await bus.check(self._redis)
        self.health[queue].succeeded()
        self._lost.discard(queue)

    def stop(self) -> None:
        """End `run` after one more round."""
        self._stopping = True
        commit_signal.notify()
        self._has_published.set()
        for rows in self._taken_over.values():
            rows.added.set()

    async def close(self) -> None:
        """Close the connections."""
        self._broker_thread.submit(self._broker.release)
        await asyncio.to_thread(self._broker_thread.shutdown)
        await self._redis.aclose()

    async def _publish(self, rows: Sequence[Claimed]) -> str:
        """Publish the messages of `rows`; a row is deleted once Redis has accepted all. Return the reason if it accepted none."""
        traceparents = await database.run(outbox.traceparents, [row.id for row in rows]) if tracer() else {}
        ready, unusable = publications.read(rows, traceparents)
        if unusable:
            await _give_up(unusable)
        ids = [publication.row_id for publication in ready]
        try:
            refused = await self._send(ready)
        except (RedisError, OSError, TimeoutError):
            await self._reconnect()
            await database.run(outbox.put_back, ids)
            raise
        if sent := [row_id for row_id in ids if row_id not in refused]:
            self._published += sent
            self._has_published.set()
            OUTBOX_ROWS.labels("publish").inc(len(sent))
        if refused:
            log.warning("messages_rejected", rows=len(refused), why=next(iter(refused.values())))
            await self._reconnect()
            await database.run(dead_letters.give_up_old_rows, refused)
        return "" if sent else next(iter(refused.values()), "")

    async def _send(self, publications: Sequence[Publication]) -> dict[int, str]:
        """Send the messages in one pipeline; return the reason by row where Redis refused any of its messages."""
        owners = []
        async with self._redis.pipeline(transaction=False) as pipe:
            for publication in publications:
                for name, text in publication.messages:
                    if name in bus.CHANNELS:
                        pipe.publish(name, text)
                        owners.append(publication.row_id)
                    pipe.xadd(name, {"message": text}, maxlen=STREAM_LENGTH, approximate=True)
                    owners.append(publication.row_id)
            outcomes = await pipe.execute(raise_on_error=False)
        results = zip(owners, outcomes, strict=True)
        return {row_id: str(outcome) for row_id, outcome in results if isinstance(outcome, Exception)}

    async def _reconnect(self) -> None:
        """Close the connections, so that the host is resolved again: this server may no longer be the primary."""
        with suppress(RedisError, OSError, TimeoutError):
            await bus.disconnect(self._redis)

    async def _send_tasks(self, rows: Sequence[Claimed]) -> str:
        """Send `rows` to Celery; the rows are done when the worker has confirmed their effects."""
        ids = [row.id for row in rows]
        for start in range(0, len(ids), MAX_ROWS_PER_TASK):
            batch = ids[start : start + MAX_ROWS_PER_TASK]
            try:
                await asyncio.get_running_loop().run_in_executor(self._broker_thread, self._send_task, batch)
            except (BrokerError, OSError):
                await database.run(outbox.put_back, ids[start:])
                raise
            OUTBOX_ROWS.labels("job").inc(len(batch))
        return ""

    def _reach_broker(self) -> None:
        self._broker.ensure_connection(max_retries=1, interval_start=0)

    def _send_task(self, ids: list[int]) -> None:
        """Send a task. It expires with its rows' lease: a worker with a backlog runs only the latest copy."""
        try:
            current_app.send_task(
                TASK,
                args=[ids],
                connection=self._broker,
                retry=False,
                ignore_result=True,
                expires=outbox.LEASE_SECONDS,
            )
        except Exception:
            self._broker.release()  # its host may resolve to another server now
            self._broker = current_app.connection_for_write()
            raise


async def _give_up(unusable: Mapping[int, str]) -> None:
    log.error("messages_invalid", rows=len(unusable), why=next(iter(unusable.values())))
    try:
        await database.run(dead_letters.give_up_rows, unusable)
    except DependencyUnavailable:
        raise
    except Exception:  # a row that can't be dead-lettered must not delay the others
        log.exception("dead_lettering_failed")


async def _wait(committed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await committed.wait()
    except TimeoutError:
        pass  # a poll: other processes may have written rows
