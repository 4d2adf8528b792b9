"""Tasks of the worker: a regular one leaves the process to the others before long, and each has the name it is sent under."""

import asyncio
import time

import pytest

from asgi_app.celery import app
from messaging import relay
from orders import tasks


def test_a_job_with_an_endless_backlog_leaves_the_rest_to_its_next_run(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "RUN_SECONDS", 0.2)
    began = time.monotonic()
    asyncio.run(tasks._work_off(lambda: 10))
    assert 0.2 <= time.monotonic() - began < 5


def test_a_job_works_until_nothing_is_left() -> None:
    left = [10, 10, 0]
    asyncio.run(tasks._work_off(lambda: left.pop(0)))
    assert left == []


@pytest.mark.parametrize("name", [relay.TASK, *(entry["task"] for entry in app.conf.beat_schedule.values())])
def test_every_task_that_is_sent_is_one_that_the_worker_has(name: str) -> None:
    assert name in app.tasks
