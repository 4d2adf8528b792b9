"""Liveness and readiness."""

import asyncio
import contextvars
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

import structlog
from django.http import HttpRequest, HttpResponse, JsonResponse
from redis.exceptions import RedisError

from messaging import bus
from orders.domain.errors import DependencyUnavailable
from orders.http.state import state_of
from orders.runtime.loop_health import LoopHealth
from orders.store import database, reconnect

CHECK_SECONDS = 3
KEPT_SECONDS = 1
"""The lifetime of cached results of the checks, so that frequent requests cost nothing."""

Check = Callable[[], Awaitable[None]]
"""Raises, with the reason, when a dependency is unavailable."""

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Loop:
    """A background task and its health."""

    task: asyncio.Task[None]
    health: Sequence[LoopHealth]

    @property
    def problem(self) -> str:
        """Return why the loop counts as failing, or an empty string."""
        if self.task.done():
            return "it has ended"
        return next((health.problem for health in self.health if health.problem), "")


class Readiness:
    """The readiness of the process: its `checks`, by their names in `/readyz`, and its background loops.

    The checks run at most once a second, and once for concurrent requests. Readiness fails as soon as a shutdown starts, so
    that a load balancer removes the process while it still serves.
    """

    def __init__(self, loops: Mapping[str, Loop], is_stopping: Callable[[], bool]) -> None:
        self.checks: dict[str, Check] = {"database": _database, "redis": self._redis_is_ready}
        self._loops, self._is_stopping = loops, is_stopping
        self._redis = bus.connect()
        self._known: dict[str, str] = {}
        self._known_until = 0.0
        self._looking: asyncio.Task[None] | None = None

    async def problems(self) -> Mapping[str, str]:
        """Return the reason of failure of each check and loop, or an empty string."""
        if self._is_stopping():
            return {**self._known, "shutdown": "the process is shutting down"}
        if time.monotonic() >= self._known_until:
            self._looking = self._looking or asyncio.create_task(self._look(), context=contextvars.Context())
            await asyncio.shield(self._looking)
        return self._known

    async def close(self) -> None:
        """Close the connections."""
        if self._looking:
            await self._looking
        await self._redis.aclose()

    async def _look(self) -> None:
        try:
            whys = await asyncio.gather(*(_why_not(check) for check in self.checks.values()))
            found = dict(zip(self.checks, whys, strict=True))
            found |= {name: loop.problem for name, loop in self._loops.items()}
            _log_changes(self._known, found)
            self._known, self._known_until = found, time.monotonic() + KEPT_SECONDS
        finally:
            self._looking = None

    async def _redis_is_ready(self) -> None:
        """Check twice: the idle connection may have been lost since the last check while Redis is available."""
        try:
            await bus.check(self._redis)
        except (RedisError, OSError):
            await bus.disconnect(self._redis)
            await bus.check(self._redis)


async def healthz(request: HttpRequest) -> HttpResponse:
    """Return 200 while the event loop runs."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """Return the readiness of database, Redis and every background loop; 503 lists the failing ones."""
    problems = await state_of(request, Readiness).problems()
    failing = [name for name, problem in problems.items() if problem]
    checks = {name: not problem for name, problem in problems.items()}
    body = {"status": "unavailable" if failing else "ok", "failing": failing, "checks": checks}
    return JsonResponse(body, status=503 if failing else 200)


async def _why_not(check: Check) -> str:
    try:
        async with asyncio.timeout(CHECK_SECONDS):
            await check()
    except (DependencyUnavailable, RedisError, OSError, TimeoutError) as error:
        return str(error) or type(error).__name__
    except Exception as error:
        log.exception("readiness_check_failed")
        return type(error).__name__
    return ""


def _log_changes(before: Mapping[str, str], now: Mapping[str, str]) -> None:
    for name, problem in now.items():
        if bool(problem) != bool(before.get(name)):
            log.warning("readiness_changed", check=name, ready=not problem, why=problem[:300])


async def _database() -> None:
    await database.run(reconnect.check_writable)
