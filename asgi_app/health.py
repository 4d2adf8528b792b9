"""Whether the process lives, whether it can serve, and what it counts."""

import asyncio
from collections.abc import Awaitable

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, generate_latest
from redis.exceptions import RedisError

from messaging import bus
from orders import database
from orders.errors import DependencyUnavailable

SECONDS = 3

TASKS = Gauge("event_loop_tasks", "Tasks of the event loop, that of the request for this included")


async def healthz(request: HttpRequest) -> HttpResponse:
    """The process lives and its event loop turns."""
    return JsonResponse({"status": "ok"})


async def readyz(request: HttpRequest) -> HttpResponse:
    """Whether orders can be taken and followed: database, Redis and every background loop; names what is not there."""
    checks = dict(zip(("database", "redis"), await asyncio.gather(_works(_database()), _works(_redis())), strict=True))
    loops: dict[str, asyncio.Task[None]] = request.scope["state"]["loops"]  # type: ignore[attr-defined]
    checks |= {name: not task.done() for name, task in loops.items()}
    if published := request.scope["state"]["tokens"].published:  # type: ignore[attr-defined]
        checks["identity"] = published.is_known
    failing = [name for name, works in checks.items() if not works]
    body = {"status": "unavailable" if failing else "ok", "failing": failing, "checks": checks}
    return JsonResponse(body, status=503 if failing else 200)


async def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus' text format."""
    TASKS.set(len(asyncio.all_tasks()))
    return HttpResponse(generate_latest(), content_type=CONTENT_TYPE_LATEST)


async def _works(check: Awaitable[None]) -> bool:
    try:
        async with asyncio.timeout(SECONDS):
            await check
    except (DependencyUnavailable, RedisError, OSError, TimeoutError):
        return False
    return True


async def _database() -> None:
    await database.run(_select_one)


def _select_one() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


async def _redis() -> None:
    async with bus.connect() as client:
        await client.ping()
