"""The jobs of the Celery worker: they take ids and may run twice. Each worker process keeps its own loop and clients."""

import asyncio
import time
import uuid
from collections.abc import Callable, Coroutine
from contextlib import AsyncExitStack
from typing import Any, ClassVar

import structlog
from celery import shared_task
from celery.signals import worker_process_shutdown

from clients.service_clients import ServiceClients, open_service_clients
from orders.domain.errors import DependencyUnavailable
from orders.services.lifecycle import expire
from orders.services.operations import effects, reconciliation, retention
from orders.services.payments import status_requests
from orders.store import database

RUN_SECONDS = 1
"""How long a regular job works off a backlog, such as the orders of a sale that expire together. The jobs behind it in the
queue belong to customers who are waiting; beat starts the next run within seconds."""

log = structlog.get_logger()


class _Process:
    """The event loop and clients of this worker process, made by its first job: neither survives a fork."""

    runner: ClassVar[asyncio.Runner | None] = None
    opened: ClassVar[AsyncExitStack]
    services: ClassVar[ServiceClients]

    @classmethod
    def run(cls, work: Coroutine[Any, Any, None]) -> None:
        if cls.runner is None:
            cls.runner = asyncio.Runner()
            cls.runner.run(cls._open())
        try:
            cls.runner.run(work)
        except DependencyUnavailable as error:  # rows come again, beat ticks again: nothing is to be done here
            log.warning("job_waits", dependency=error.dependency, why=error.why)

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


@shared_task(name="orders.carry_out")
def carry_out(ids: list[int]) -> None:
    """Bring rows of the outbox into effect at the neighbours."""

    async def work() -> None:
        await effects.carry_out(ids, _Process.services)

    _Process.run(work())


@shared_task(name="orders.expire_overdue")
def expire_overdue() -> None:
    """Expire the orders that nobody paid in time."""
    _Process.run(_work_off(expire.expire_overdue))


@shared_task(name="orders.ask_about_silent_payments")
def ask_about_silent_payments() -> None:
    """Ask Payment about orders and refunds it has not spoken of."""
    _Process.run(_work_off(status_requests.ask_about_silent_payments))
    _Process.run(_work_off(status_requests.ask_about_silent_refunds))


@shared_task(name="orders.reconcile")
def reconcile_some() -> None:
    """Compare some recent orders with Product's books and the ledger, and mend what differs."""

    async def work() -> None:
        await reconciliation.reconcile_some(_Process.services)

    _Process.run(work())


@shared_task(name="orders.tidy")
def clear_old_rows() -> None:
    """Delete what nobody needs any more."""
    _Process.run(_work_off(retention.clear_old_rows))


async def _work_off(work: Callable[[str], int]) -> None:
    """Repeat `work`, which returns how many rows it handled, until it finds none or RUN_SECONDS have passed."""
    end = time.monotonic() + RUN_SECONDS
    while await database.run(work, str(uuid.uuid4())) and time.monotonic() < end:
        pass


@worker_process_shutdown.connect
def _shut_down(**_: object) -> None:
    _Process.close()
