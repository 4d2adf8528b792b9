"""Database work for concurrent tasks in common: while batches are in work, further items wait and form the next one.

A batch costs hardly more than one item, most of which is the way to a database thread and back (docs/decisions.md).
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from contextvars import Context
from typing import Generic, TypeVar

from orders.store import database

Item = TypeVar("Item")
Outcome = TypeVar("Outcome")


class Batches(Generic[Item, Outcome]):
    """The batches of one kind of work in this process. Bound to one event loop.

    `work` runs in a database thread and must be repeatable, as all work there; it returns an outcome for each item, and an
    exception for an item that fails. `on_outcome`, if given, is called for each item in the event loop, whether or not its
    task still waits; it must not raise.
    """

    def __init__(
        self,
        work: Callable[[Sequence[Item]], Sequence[Outcome | Exception]],
        size: int,
        max_concurrent: int,
        on_outcome: Callable[[Item, Outcome], None] | None = None,
    ) -> None:
        self._work, self._size, self._max_concurrent, self._on_outcome = work, size, max_concurrent, on_outcome
        self._waiting: deque[tuple[Item, asyncio.Future[Outcome]]] = deque()
        self._tasks: set[asyncio.Task[None]] = set()  # the event loop keeps weak references only
        self._in_work = 0

    async def run(self, item: Item) -> Outcome:
        """Return the outcome of `item`. Raises its exception, or that of its whole batch."""
        outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.append((item, outcome))
        if self._in_work < self._max_concurrent:
            self._in_work += 1
            task = asyncio.create_task(
                self._work_off(), context=Context()
            )  # a batch belongs to no request and no trace
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
        return await outcome

    async def _work_off(self) -> None:
        try:
            while self._waiting:
                await self._run_batch()
        finally:  # not in a callback of the task: an item that arrived before it ran would wait for the next item
            self._in_work -= 1

    async def _run_batch(self) -> None:
        batch = [self._waiting.popleft() for _ in range(min(self._size, len(self._waiting)))]
        outcomes: Sequence[Outcome | Exception]
        try:
            outcomes = await database.run(self._work, [item for item, _ in batch])
        except Exception as error:  # every item of the batch must get an outcome
            outcomes = [error] * len(batch)
        for (item, waiting), outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Exception):
                if not waiting.done():
                    waiting.set_exception(outcome)
                continue
            if self._on_outcome is not None:
                self._on_outcome(item, outcome)
            if not waiting.done():
                waiting.set_result(outcome)
