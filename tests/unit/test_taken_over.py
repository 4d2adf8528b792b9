"""The rows that a relay takes over from its process's checkouts: in batches, within bounds, and only while their lease lasts."""

import pytest

from messaging import taken_over as module
from messaging.taken_over import TakenOver
from orders.outbox.queue import LEASE_SECONDS, Claimed


def rows(*ids: int) -> list[Claimed]:
    return [Claimed(row_id, "{}") for row_id in ids]


def test_rows_are_taken_in_batches_the_oldest_first() -> None:
    taken_over = TakenOver()
    for row in rows(1, 2, 3):
        taken_over.put(row)
    assert taken_over.added.is_set()
    assert taken_over.take(2) == rows(1, 2)
    assert taken_over.added.is_set()
    assert taken_over.take(2) == rows(3)
    assert not taken_over.added.is_set()


def test_rows_beyond_the_bound_are_left_to_a_claim(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_TAKEN_OVER", 2)
    taken_over = TakenOver()
    for row in rows(1, 2, 3):
        taken_over.put(row)
    assert taken_over.take(10) == rows(1, 2)


def test_rows_whose_lease_may_end_before_they_are_processed_are_left_to_a_claim(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Clock:
        now = 1000.0

        def monotonic(self) -> float:
            return self.now

    clock = Clock()
    monkeypatch.setattr(module, "time", clock)
    taken_over = TakenOver()
    [old, new] = rows(1, 2)
    taken_over.put(old)
    clock.now += LEASE_SECONDS / 2
    taken_over.put(new)
    assert taken_over.take(10) == [new]
    assert len(taken_over) == 0
