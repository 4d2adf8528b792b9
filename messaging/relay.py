"""The relay: takes rows from the outbox and lets them happen. Messages it publishes itself, jobs it hands to Celery.

One runs in each server process; rows are claimed, so that any number of relays share the work. A commit in this process
wakes it, a poll finds what others wrote or what failed before. Payment's commands, events of orders and jobs are queues
apart: what holds up one of them holds up no other.
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
from orders.domain.errors import DependencyUnavailable
from orders.outbox import dead_letters
from orders.outbox import queue as outbox
from orders.outbox.queue import Claimed, Queue
from orders.runtime import commit_signal
from orders.runtime.loop_health import LoopHealth
from orders.store import database

BATCH_SIZE = 200
POLL_SECONDS = 1
GATHER_SECONDS = 0.05
"""Commits that follow each other closely are handed on together: a batch costs hardly more than one."""

PAUSE_SECONDS = 1
FORGET_SECONDS = outbox.MAX_PAUSE_SECONDS + 5
"""What was refused is tried again sooner than this; when it is not, another process was luckier."""

JOBS_IN_ONE = 50
STREAM_LENGTH = 100_000
"""Entries kept of what others read at their own pace; Redis trims about there."""

TASK = "orders.carry_out"

log = structlog.get_logger()


class Relay:
    """The relay of one process. `health` says of each queue how it fares."""

    def __init__(self) -> None:
        self.health: Mapping[Queue, LoopHealth] = {queue: LoopHealth() for queue in Queue}
        self._lost: set[Queue] = set()
        self._redis = bus.connect()
        self._broker = current_app.connection_for_write()
        self._broker_thread = ThreadPoolExecutor(1, thread_name_prefix="broker")  # Celery's client blocks
        self._stopping = False
        self._hand_on: Mapping[Queue, Callable[[Sequence[Claimed]], Awaitable[str]]] = {
            Queue.PAYMENT_COMMANDS: self._publish,
            Queue.ORDER_EVENTS: self._publish,
            Queue.JOBS: self._hand_to_celery,
        }

    async def run(self) -> None:
        """Hand on what the outbox holds, until `stop`."""
        async with asyncio.TaskGroup() as queues:
            for queue in Queue:
                queues.create_task(self._run(queue))

    async def _run(self, queue: Queue) -> None:
        committed = commit_signal.subscribe()
        is_last = False
        while not is_last:
            is_last = self._stopping
            committed.clear()
            if not await self._try_round(queue) and not self._stopping:
                await _wait(committed)
            await asyncio.sleep(GATHER_SECONDS)

    async def _try_round(self, queue: Queue) -> int:
        try:
            return await self.round(queue)
        except (DependencyUnavailable, BrokerError, RedisError, OSError, TimeoutError) as error:
            why = str(error) or type(error).__name__
            log.warning("relay_waits", queue=queue, why=why[:200])
            self.health[queue].failed(why)
            self._lost.add(queue)
        except Exception as error:  # whatever it was, the rows are still there and come again
            log.exception("relay_failed", queue=queue)
            self.health[queue].failed(type(error).__name__)
        await asyncio.sleep(PAUSE_SECONDS)
        return 0

    async def round(self, queue: Queue) -> int:
        """Claim what is due in `queue` and hand it on; answers how much it was. What lies behind it in its lane may be due now.

        Raises what Redis, the broker or the database raise when they are away; the rows come again.
        """
        rows = await database.run(outbox.claim, BATCH_SIZE, queue)
        if not rows:
            await self._idle(queue)
            return 0
        refusal = await self._hand_on[queue](rows)
        if refusal and queue is not Queue.ORDER_EVENTS:  # orders and payments go on without their events
            self.health[queue].failed(refusal)
        else:
            self.health[queue].succeeded()
            self._lost.discard(queue)
        if refusal:
            await asyncio.sleep(PAUSE_SECONDS)
        return len(rows)

    async def _idle(self, queue: Queue) -> None:
        """What was lost may be there again, though another process has handed on what waited."""
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

    async def close(self) -> None:
        """Close the connections."""
        self._broker_thread.submit(self._broker.release)
        await asyncio.to_thread(self._broker_thread.shutdown)
        await self._redis.aclose()

    async def _publish(self, rows: Sequence[Claimed]) -> str:
        """Publish the messages of `rows`; a row is done once Redis has taken all it says. Answers why, if it took nothing."""
        ready, unusable = publications.read(rows)
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
            await database.run(outbox.done, sent)
            OUTBOX_ROWS.labels("publish").inc(len(sent))
        if refused:
            log.warning("messages_refused", rows=len(refused), why=next(iter(refused.values())))
            await self._reconnect()
            await database.run(dead_letters.give_up_old_rows, refused)
        return "" if sent else next(iter(refused.values()), "")

    async def _send(self, publications: Sequence[Publication]) -> dict[int, str]:
        """Send the messages in one go; answers, by row, why Redis refused some of its messages."""
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
        answers = zip(owners, outcomes, strict=True)
        return {row_id: str(outcome) for row_id, outcome in answers if isinstance(outcome, Exception)}

    async def _reconnect(self) -> None:
        """Let the next messages go to whatever server the name leads to by then: this one may be the primary no more."""
        with suppress(RedisError, OSError, TimeoutError):
            await bus.disconnect(self._redis)

    async def _hand_to_celery(self, rows: Sequence[Claimed]) -> str:
        """Queue the jobs of `rows`; the rows are done when the worker has seen their effect."""
        ids = [row.id for row in rows]
        for start in range(0, len(ids), JOBS_IN_ONE):
            batch = ids[start : start + JOBS_IN_ONE]
            try:
                await asyncio.get_running_loop().run_in_executor(self._broker_thread, self._send_job, batch)
            except (BrokerError, OSError):
                await database.run(outbox.put_back, ids[start:])
                raise
            OUTBOX_ROWS.labels("job").inc(len(batch))
        return ""

    def _reach_broker(self) -> None:
        self._broker.ensure_connection(max_retries=1, interval_start=0)

    def _send_job(self, ids: list[int]) -> None:
        """Queue a job. It expires with its rows' lease: a worker that is far behind finds no copies of it, only the latest."""
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
            self._broker.release()  # its name may lead to another server by now
            self._broker = current_app.connection_for_write()
            raise


async def _give_up(unusable: Mapping[int, str]) -> None:
    log.error("messages_unusable", rows=len(unusable), why=next(iter(unusable.values())))
    try:
        await database.run(dead_letters.give_up_rows, unusable)
    except DependencyUnavailable:
        raise
    except Exception:  # what can't even be kept as a dead letter must not hold up the others
        log.exception("messages_not_given_up")


async def _wait(committed: asyncio.Event) -> None:
    try:
        async with asyncio.timeout(POLL_SECONDS):
            await committed.wait()
    except TimeoutError:
        pass  # a poll: others may have written something
