"""Who is let into a room, and how the length of the queue before it is learned in seconds."""

import asyncio

import pytest

from orders.domain.errors import Overloaded
from orders.runtime import concurrency
from orders.runtime.concurrency import REMEMBERED, ConcurrencyLimiter, Pace


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


def depart(pace: Pace, clock: Clock, seconds: float, times: int = 1, from_full: bool = True) -> None:
    for _ in range(times):
        clock.now += seconds
        pace.departs(from_full=from_full)


def test_before_enough_have_left_a_full_room_nothing_is_known(clock: Clock) -> None:
    pace = Pace()
    depart(pace, clock, 0.02, REMEMBERED - 1)
    assert pace.wait(1) is None
    depart(pace, clock, 0.02)
    assert pace.wait(1) is not None


def test_who_waits_behind_four_waits_five_times_as_long_as_the_first(clock: Clock) -> None:
    pace = Pace()
    depart(pace, clock, 0.02, REMEMBERED)
    assert pace.wait(5) == pytest.approx(0.1, rel=0.01)
    assert pace.wait(1) == pytest.approx(0.02, rel=0.01)


def test_a_batch_that_leaves_all_at_once_is_not_mistaken_for_speed(clock: Clock) -> None:
    pace = Pace()
    for _ in range(8):
        clock.now += 0.64
        depart(pace, clock, 0.0, 32)
    assert pace.wait(10) == pytest.approx(0.2, rel=0.3)


def test_departures_from_a_room_that_is_not_full_tell_nothing(clock: Clock) -> None:
    pace = Pace()
    depart(pace, clock, 1.0, REMEMBERED)
    depart(pace, clock, 1.0, from_full=False)
    assert pace.wait(1) is None


def test_a_queue_that_has_come_to_a_standstill_gets_longer(clock: Clock) -> None:
    pace = Pace()
    depart(pace, clock, 0.001, REMEMBERED)
    assert (before := pace.wait(1)) is not None
    clock.now += 60
    assert (pace.wait(1) or 0.0) > 100 * before


async def test_who_finds_no_place_in_time_is_refused() -> None:
    room = ConcurrencyLimiter(1, patience=0.01)
    async with room.slot():
        with pytest.raises(Overloaded):
            async with room.slot():
                pass
    async with room.slot():
        pass


async def test_who_waits_gets_the_place_of_the_first_who_leaves() -> None:
    room = ConcurrencyLimiter(1, patience=5)

    async def visit() -> None:
        async with room.slot():
            pass

    async with room.slot():
        waiting = asyncio.create_task(visit())
        await asyncio.sleep(0)
    await waiting


async def test_as_long_as_the_pace_is_unknown_as_many_may_wait_as_get_in() -> None:
    room = ConcurrencyLimiter(2, patience=1)
    assert [room.would_admit(others) for others in range(5)] == [True, True, True, True, False]


async def test_in_a_flood_nobody_waits_until_half_of_the_room_is_empty() -> None:
    room = ConcurrencyLimiter(4, patience=1)
    assert room.would_admit(4)
    assert not room.would_admit(100)
    assert not room.would_admit(4)
    assert room.would_admit(3)
    assert not room.would_admit(4)
    assert room.would_admit(1)
    assert room.would_admit(4)


async def test_a_place_is_promised_within_a_quarter_of_the_patience(clock: Clock) -> None:
    room = ConcurrencyLimiter(1, patience=1)

    async def visit() -> None:
        async with room.slot():
            clock.now += 0.1

    for _ in range(REMEMBERED + 1):
        await visit()
    assert room.would_admit(2)
    assert not room.would_admit(3)
