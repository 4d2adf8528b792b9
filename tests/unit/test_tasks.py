"""The regular jobs: each leaves the worker to the others before long."""

import asyncio
import time

import pytest

from orders import tasks


def test_a_job_with_an_endless_backlog_leaves_the_rest_to_its_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RUN_SECONDS", 0.2)
    began = time.monotonic()
    asyncio.run(tasks._work_off(lambda _request_id: 10))
    assert 0.2 <= time.monotonic() - began < 5


def test_a_job_works_until_nothing_is_left() -> None:
    left = [10, 10, 0]
    asyncio.run(tasks._work_off(lambda _request_id: left.pop(0)))
    assert left == []
