"""`/metrics` of a server: what its processes count, and what waits in the database."""

import asyncio
import contextvars
import math
import time
from collections.abc import Iterable, Iterator, Mapping

import structlog
from django.http import HttpRequest, HttpResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Gauge, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from asgi_app.health import Readiness
from asgi_app.metrics_server import shared_registry
from orders.domain.errors import DependencyUnavailable
from orders.http.state import state_of
from orders.services.operations.backlog import Backlog, read_backlog
from orders.store import database

TASKS = Gauge(
    "event_loop_tasks", "Tasks of the event loop, including that of this request", multiprocess_mode="livesum"
)
LOOP_LAG = Histogram(
    "event_loop_lag_seconds",
    "How much later than planned the event loop called a timer",
    buckets=(0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)

BACKLOG_SECONDS = 10
"""Figures are read from the database once in this time, whatever the number of scrapes."""

WAIT_SECONDS = 1
"""The maximum wait of a scrape for these figures; a slow database must not cost the other metrics."""

MAX_AGE_SECONDS = 60
"""The age from which figures that cannot be read anew are left out."""

LAG_SECONDS = 0.25
TASKS_EVERY = 20
"""Timers of the loop between two counts of its tasks, which take some time with thousands of streams."""

log = structlog.get_logger()


class ServerMetrics:
    """The metrics of a server process. It also measures the lag of the event loop, from `start` to `close`."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._backlog: Backlog | None = None
        self._read_at = self._tried_at = -math.inf
        self._reading: asyncio.Task[None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._ticks = 0

    def start(self) -> None:
        """Measure the lag of the running loop from now on."""
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(LAG_SECONDS, self._tick, loop.time() + LAG_SECONDS)

    async def close(self) -> None:
        """Measure no more."""
        if self._timer:
            self._timer.cancel()
        if self._reading:
            await self._reading

    async def text(self) -> bytes:
        """Return all metrics: of this process, or of all processes of `uvicorn --workers N`."""
        TASKS.set(len(asyncio.all_tasks()))
        problems = await self._readiness.problems()
        await self._refresh()
        registry = CollectorRegistry()
        registry.register(_Families([*_readiness(problems), *self._known()]))
        return generate_latest(shared_registry()) + generate_latest(registry)

    def _tick(self, planned: float) -> None:
        loop = asyncio.get_running_loop()
        LOOP_LAG.observe(max(0.0, loop.time() - planned))
        self._ticks += 1
        if self._ticks % TASKS_EVERY == 0:
            TASKS.set(len(asyncio.all_tasks()))
        self._timer = loop.call_later(LAG_SECONDS, self._tick, loop.time() + LAG_SECONDS)

    async def _refresh(self) -> None:
        if self._reading is None:
            if time.monotonic() - self._tried_at < BACKLOG_SECONDS:
                return
            self._tried_at = time.monotonic()
            self._reading = asyncio.create_task(self._read(), context=contextvars.Context())
        await asyncio.wait([self._reading], timeout=WAIT_SECONDS)

    async def _read(self) -> None:
        try:
            self._backlog = await database.run(read_backlog)
            self._read_at = time.monotonic()
        except DependencyUnavailable as error:
            log.warning("backlog_not_read", why=error.why)
        except Exception:  # any error: the other metrics must remain
            log.exception("backlog_failed")
        finally:
            self._reading = None

    def _known(self) -> Iterator[Metric]:
        if self._backlog is None or time.monotonic() - self._read_at > MAX_AGE_SECONDS:
            return iter(())
        return _backlog(self._backlog)


class _Families(Collector):
    """Metrics whose values are known already."""

    def __init__(self, families: Iterable[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


async def metrics(request: HttpRequest) -> HttpResponse:
    """Return the metrics of the server."""
    return HttpResponse(await state_of(request, ServerMetrics).text(), content_type=CONTENT_TYPE_LATEST)


def _readiness(problems: Mapping[str, str]) -> Iterator[Metric]:
    values = {name: float(not problem) for name, problem in problems.items()}
    yield _gauge(
        "readiness_check_ok", "1 while a check of /readyz succeeds, in the process that responds", "check", values
    )


def _backlog(backlog: Backlog) -> Iterator[Metric]:
    yield _gauge("outbox_depth", "Effects in the outbox, up to 10 000", "queue", backlog.outbox_depth)
    yield _gauge("outbox_oldest_age_seconds", "Age of the oldest effect in the outbox", "queue", backlog.outbox_age)
    yield _gauge("dead_letters", "Dead letters, up to 10 000", "source", backlog.dead_letters)
    yield _gauge("overdue_seconds", "How long the oldest regular work is overdue", "work", backlog.overdue)
    yield _gauge("orders", "Orders by status; large numbers are estimates of PostgreSQL's", "status", backlog.orders)


def _gauge(name: str, documentation: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, documentation, labels=[label])
    for value, number in values.items():
        family.add_metric([value], number)
    return family
