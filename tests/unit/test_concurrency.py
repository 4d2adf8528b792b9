"""Admission of tasks by the concurrency limiter, and its estimate of the queue's length in seconds."""

import asyncio

import pytest

from orders.domain.errors import Overloaded
from orders.runtime import concurrency
from orders.runtime.concurrency import SAMPLES, ConcurrencyLimiter, ReleaseRate


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(concurrency, "time", clock)
    return clock


def release(rate: ReleaseRate, clock: Clock, seconds: float, times: int = 1, all_in_use: bool = True) -> None:
    for _ in range(times):
        clock.now += seconds
        rate.record_release(all_in_use=all_in_use)


def test_the_rate_is_unknown_before_enough_slots_were_released(clock: Clock) -> None:
    rate = ReleaseRate()
    release(rate, clock, 0.02, SAMPLES - 1)
    assert rate.seconds_until(1) is None
    release(rate, clock, 0.02)
    assert rate.seconds_until(1) is not None


def test_the_fifth_in_the_queue_waits_five_times_as_long_as_the_first(clock: Clock) -> None:
    rate = ReleaseRate()
    release(rate, clock, 0.02, SAMPLES)
    assert rate.seconds_until(5) == pytest.approx(0.1, rel=0.01)
    assert rate.seconds_until(1) == pytest.approx(0.02, rel=0.01)


def test_a_batch_that_ends_at_once_does_not_raise_the_rate(clock: Clock) -> None:
    rate = ReleaseRate()
    for _ in range(8):
        clock.now += 0.64
        release(rate, clock, 0.0, 32)
    assert rate.seconds_until(10) == pytest.approx(0.2, rel=0.3)


def test_releases_while_slots_are_free_do_not_measure_the_rate(clock: Clock) -> None:
    rate = ReleaseRate()
    release(rate, clock, 1.0, SAMPLES)
    release(rate, clock, 1.0, all_in_use=False)
    assert rate.seconds_until(1) is None


def test_the_wait_grows_while_no_slot_is_released(clock: Clock) -> None:
    rate = ReleaseRate()
    release(rate, clock, 0.001, SAMPLES)
    assert (before := rate.seconds_until(1)) is not None
    clock.now += 60
    assert (rate.seconds_until(1) or 0.0) > 100 * before


async def test_a_task_that_gets_no_slot_in_time_is_refused() -> None:
    limiter = ConcurrencyLimiter(1, max_wait=0.01)
    async with limiter.slot():
        with pytest.raises(Overloaded):
            async with limiter.slot():
                pass
    async with limiter.slot():
        pass


async def test_a_waiting_task_gets_the_first_slot_that_is_released() -> None:
    limiter = ConcurrencyLimiter(1, max_wait=5)

    async def work() -> None:
        async with limiter.slot():
            pass

    async with limiter.slot():
        waiting = asyncio.create_task(work())
        await asyncio.sleep(0)
    await waiting


async def test_while_the_rate_is_unknown_as_many_tasks_may_wait_as_there_are_slots() -> None:
    limiter = ConcurrencyLimiter(2, max_wait=1)
    assert [limiter.would_admit(others) for others in range(5)] == [True, True, True, True, False]


async def test_once_overloaded_no_task_waits_until_half_of_the_slots_are_free() -> None:
    limiter = ConcurrencyLimiter(4, max_wait=1)
    assert limiter.would_admit(4)
    assert not limiter.would_admit(100)
    assert not limiter.would_admit(4)
    assert limiter.would_admit(3)
    assert not limiter.would_admit(4)
    assert limiter.would_admit(1)
    assert limiter.would_admit(4)


async def test_a_task_is_admitted_if_its_wait_is_within_a_quarter_of_the_longest(clock: Clock) -> None:
    limiter = ConcurrencyLimiter(1, max_wait=1)

    async def work() -> None:
        async with limiter.slot():
            clock.now += 0.1

    for _ in range(SAMPLES + 1):
        await work()
    assert limiter.would_admit(2)
    assert not limiter.would_admit(3)
