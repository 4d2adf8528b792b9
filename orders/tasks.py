"""The tasks of the Celery worker: they take ids and are repeatable. Each worker process has its own event loop and clients."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import structlog
import uvloop
from celery import shared_task
from celery.signals import worker_process_shutdown

from clients.service_clients import ServiceClients, open_service_clients
from orders.analytics.services.sum_up import sum_up
from orders.domain.errors import DependencyUnavailable
from orders.runtime.metrics import JOB_SECONDS
from orders.services.lifecycle import expire
from orders.services.operations import effects, reconciliation, retention
from orders.services.payments import status_requests
from orders.store import database

RUN_SECONDS = 1
"""The maximum duration of a regular task with a backlog, such as many orders that expire together. The tasks behind it in
the queue belong to waiting customers; beat starts the next run within seconds."""

log = structlog.get_logger()


class _Process:
    """The event loop and clients of this worker process, created by its first task: neither survives a fork."""

    runner: ClassVar[asyncio.Runner | None] = None
    opened: ClassVar[AsyncExitStack]
    services: ClassVar[ServiceClients]

    @classmethod
    def run(cls, task: str, work: Coroutine[Any, Any, None]) -> None:
        if cls.runner is None:
            cls.runner = asyncio.Runner(loop_factory=uvloop.new_event_loop)
            cls.runner.run(cls._open())
        began, outcome = time.perf_counter(), "failed"
        try:
            cls.runner.run(work)
            outcome = "done"
        except DependencyUnavailable as error:  # the relay claims the rows again, beat starts the task again
            outcome = "postponed"
            log.warning("task_postponed", dependency=error.dependency, why=error.why)
        finally:
            JOB_SECONDS.labels(task, outcome).observe(time.perf_counter() - began)

    @classmethod
    async def _open(cls) -> None:
        cls.opened = AsyncExitStack()
        cls.services = await cls.opened.enter_async_context(open_service_clients())

    @classmethod
    def close(cls) -> None:
        if cls.runner is not None:
            cls.runner.run(cls.opened.aclose())
            cls.runner.close()
            cls.runner = None
        database.close()


# The task's name must not change: two versions exchange tasks during a rolling deployment.
@shared_task(name="orders.carry_out")
def run_effects(ids: list[int]) -> None:
    """Execute the effects of these rows of the outbox."""

    async def work() -> None:
        await effects.run_effects(ids=ids, services=_Process.services)

    _Process.run(run_effects.name, work())


@shared_task(name="orders.expire_overdue")
def expire_overdue() -> None:
    """Expire the orders that were not paid in time."""
    _Process.run(expire_overdue.name, _work_off(lambda: expire.expire_overdue(request_id=_request_id())))


@shared_task(name="orders.ask_about_silent_payments")
def request_payment_statuses() -> None:
    """Send status requests for the orders and refunds without an event from Payment."""

    async def work() -> None:
        await _work_off(lambda: status_requests.request_payment_statuses(request_id=_request_id()))
        await _work_off(lambda: status_requests.repeat_refund_requests(request_id=_request_id()))

    _Process.run(request_payment_statuses.name, work())


@shared_task(name="orders.reconcile")
def reconcile_some() -> None:
    """Compare some recent orders with their ledgers and Product's stock, and repair the differences."""

    async def work() -> None:
        await reconciliation.reconcile_some(services=_Process.services)

    _Process.run(reconcile_some.name, work())


@shared_task(name="orders.sum_up_analytics")
def sum_up_analytics() -> None:
    """Add the newest entries of audit trail and ledger to the sums of analytics."""
    _Process.run(sum_up_analytics.name, _work_off(sum_up))


@shared_task(name="orders.delete_expired_rows")
def delete_expired_rows() -> None:
    """Delete the rows whose retention period has ended."""
    _Process.run(delete_expired_rows.name, _work_off(retention.delete_expired_rows))


for _task in (
    run_effects,
    expire_overdue,
    request_payment_statuses,
    reconcile_some,
    sum_up_analytics,
    delete_expired_rows,
):
    for _outcome in ("done", "postponed", "failed"):  # present from the start, so that the first failure is an increase
        JOB_SECONDS.labels(_task.name, _outcome)


async def _work_off(work: Callable[[], int]) -> None:
    """Repeat `work`, which returns its number of rows, until it finds none or RUN_SECONDS have passed."""
    end = time.monotonic() + RUN_SECONDS
    while await database.run(work) and time.monotonic() < end:
        pass


def _request_id() -> str:
    return str(uuid.uuid4())


@worker_process_shutdown.connect
def _shut_down(**_: object) -> None:
    _Process.close()
