"""Health of a background loop, measured with a clock that the test sets."""

from collections.abc import Callable

import pytest

from orders.runtime.loop_health import MAX_ROUND_SECONDS, PATIENCE_SECONDS, LoopHealth

Turn = Callable[[float], None]


@pytest.fixture
def turn(monkeypatch: pytest.MonkeyPatch) -> Turn:
    """Return a function that advances the clock by this number of seconds."""
    now = [1000.0]
    monkeypatch.setattr("orders.runtime.loop_health.time.monotonic", lambda: now[0])

    def turn(seconds: float) -> None:
        now[0] += seconds

    return turn


def test_a_failure_is_reported_once_it_has_lasted_for_some_seconds_with_its_latest_reason(turn: Turn) -> None:
    health = LoopHealth()
    health.failed("first")
    turn(PATIENCE_SECONDS)
    health.failed("second")
    assert health.problem == ""
    turn(0.1)
    assert health.problem == "second"


def test_a_success_ends_a_failure(turn: Turn) -> None:
    health = LoopHealth()
    health.failed("why")
    turn(PATIENCE_SECONDS + 1)
    health.succeeded()
    assert health.problem == ""
    health.failed("again")
    assert health.problem == ""


def test_a_stalled_loop_is_reported(turn: Turn) -> None:
    health = LoopHealth()
    turn(MAX_ROUND_SECONDS)
    assert health.problem == ""
    turn(1)
    assert health.problem == "no iteration for 31 s"


def test_an_idle_round_does_not_end_a_recent_failure(turn: Turn) -> None:
    health = LoopHealth()
    health.failed("why")
    turn(PATIENCE_SECONDS + 1)
    health.idle(30)
    assert health.problem == "why"
    turn(30)
    health.idle(30)
    assert health.problem == ""


def test_an_idle_loop_is_healthy(turn: Turn) -> None:
    health = LoopHealth()
    for _ in range(10):
        turn(MAX_ROUND_SECONDS - 1)
        health.idle(30)
    assert health.problem == ""
