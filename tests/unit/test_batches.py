"""Work of concurrent tasks in common batches: every item gets its outcome, and is handed on though its task no longer waits."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence

import pytest_asyncio

from orders.store import database
from orders.store.batches import Batches


@pytest_asyncio.fixture(autouse=True)
async def threads() -> AsyncIterator[None]:
    yield
    await asyncio.to_thread(database.close)


class Halves:
    """Work that halves even numbers, refuses odd ones, and fails altogether for a batch with a negative one; it can be held up."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.may_go_on = threading.Event()
        self.may_go_on.set()

    def __call__(self, batch: Sequence[int]) -> list[int | Exception]:
        self.batches.append(list(batch))
        assert self.may_go_on.wait(10)
        if min(batch) < 0:
            raise RuntimeError("negative")
        return [ValueError(f"{number} is odd") if number % 2 else number // 2 for number in batch]


async def until_begun(work: Halves, batches: int) -> None:
    """Wait until so many batches have begun."""
    async with asyncio.timeout(10):
        while len(work.batches) < batches:
            await asyncio.sleep(0.001)


async def test_items_that_arrive_while_a_batch_is_in_work_are_the_next_batches() -> None:
    work = Halves()
    batches = Batches(work, size=3, max_concurrent=1)
    work.may_go_on.clear()
    first = asyncio.create_task(batches.run(0))
    await until_begun(work, 1)
    others = [asyncio.create_task(batches.run(number)) for number in (2, 4, 6, 8)]
    await asyncio.sleep(0)
    work.may_go_on.set()
    assert await asyncio.gather(first, *others) == [0, 1, 2, 3, 4]
    assert work.batches == [[0], [2, 4, 6], [8]]


async def test_no_more_batches_than_allowed_are_in_work() -> None:
    work = Halves()
    batches = Batches(work, size=1, max_concurrent=2)
    work.may_go_on.clear()
    tasks = [asyncio.create_task(batches.run(number)) for number in (0, 2, 4)]
    await until_begun(work, 2)
    await asyncio.sleep(0.05)
    assert sorted(work.batches) == [[0], [2]]
    work.may_go_on.set()
    assert await asyncio.gather(*tasks) == [0, 1, 2]


async def test_an_item_that_fails_fails_alone_and_a_failed_batch_fails_all_its_items() -> None:
    batches = Batches(Halves(), size=3, max_concurrent=1)
    outcomes = await asyncio.gather(*(batches.run(number) for number in (2, 3, 4)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["1", "3 is odd", "2"]
    outcomes = await asyncio.gather(*(batches.run(number) for number in (2, -2)), return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["negative", "negative"]
    assert await batches.run(10) == 5


async def test_an_outcome_is_handed_on_though_its_task_was_cancelled() -> None:
    work, handed_on = Halves(), asyncio.Queue[tuple[int, int]]()
    batches: Batches[int, int] = Batches(work, 3, 1, lambda item, outcome: handed_on.put_nowait((item, outcome)))
    work.may_go_on.clear()
    cancelled = asyncio.create_task(batches.run(8))
    await until_begun(work, 1)
    cancelled.cancel()
    await asyncio.wait([cancelled])
    work.may_go_on.set()
    async with asyncio.timeout(10):
        assert await handed_on.get() == (8, 4)
    assert cancelled.cancelled()
    assert await batches.run(6) == 3
