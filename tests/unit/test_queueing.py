"""How a queue learns how long it is."""

import pytest

from orders import queueing
from orders.queueing import REMEMBERED, Queue


class Clock:
    """A clock that is set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(queueing, "time", clock)
    return clock


def depart(queue: Queue, clock: Clock, seconds: float, times: int, is_busy: bool = True) -> None:
    for _ in range(times):
        clock.now += seconds
        queue.moves_on(is_busy=is_busy)


def test_a_queue_that_is_new_gives_hope_to_anybody(clock: Clock) -> None:
    queue = Queue(patience=0.1)
    depart(queue, clock, 1.0, REMEMBERED - 1)
    with queue:
        assert not queue.is_hopeless


def test_who_would_wait_longer_than_the_patience_has_no_hope(clock: Clock) -> None:
    queue = Queue(patience=0.1)
    depart(queue, clock, 0.02, REMEMBERED)
    with queue, queue, queue, queue:
        assert not queue.is_hopeless
        with queue, queue:
            assert queue.is_hopeless
        assert not queue.is_hopeless


def test_a_batch_that_leaves_all_at_once_is_not_mistaken_for_speed(clock: Clock) -> None:
    queue = Queue(patience=0.1)
    for _ in range(8):
        clock.now += 0.64
        depart(queue, clock, 0.0, 32)
    with queue, queue, queue, queue, queue, queue, queue, queue:
        assert queue.is_hopeless


def test_departures_from_a_room_that_is_not_full_tell_nothing(clock: Clock) -> None:
    queue = Queue(patience=0.1)
    depart(queue, clock, 1.0, REMEMBERED)
    depart(queue, clock, 1.0, 1, is_busy=False)
    with queue:
        assert not queue.is_hopeless


def test_a_queue_that_has_come_to_a_standstill_loses_hope(clock: Clock) -> None:
    queue = Queue(patience=0.1)
    depart(queue, clock, 0.001, REMEMBERED)
    with queue:
        assert not queue.is_hopeless
        clock.now += 60
        assert queue.is_hopeless
