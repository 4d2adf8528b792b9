"""The one door from async code to the database: a bounded pool of threads, each with its own lasting Django connection.

Nothing else hops to a thread for the ORM. What goes through the door is one synchronous function that holds its whole
transaction; no network call happens inside. Every function sent here may be repeated: the service's writes are keyed
by ids that come from outside, so after a lost connection or a deadlock the door runs the function again.
"""

import asyncio
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any, ParamSpec, TypeVar

import psycopg
from django.conf import settings
from django.db import InterfaceError, OperationalError, connection

from orders.errors import DependencyUnavailable

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

ATTEMPTS = 3
_REPEATABLE = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def run(work: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
    """Run `work` in a database thread and answer what it answers.

    Raises DependencyUnavailable("database") when no thread is free in time or the database can't be reached.
    """
    queued = time.monotonic()
    return await asyncio.get_running_loop().run_in_executor(_threads(), lambda: _attempt(queued, work, args, kwargs))


def close() -> None:
    """Let the running functions finish, then close the pool's connections with their threads."""
    _threads().shutdown(wait=True)
    _threads.cache_clear()


def _attempt(queued: float, work: Callable[..., Answer], args: tuple[Any, ...], kwargs: dict[str, Any]) -> Answer:
    if time.monotonic() - queued > settings.DATABASE_POOL_WAIT_SECONDS:
        raise DependencyUnavailable("database", "no connection was free in time")
    for attempt in range(1, ATTEMPTS + 1):
        was_connected = connection.connection is not None
        try:
            return work(*args, **kwargs)
        except (OperationalError, InterfaceError) as error:
            lost = connection.connection is None or connection.connection.closed
            if lost:
                connection.close()
            repeatable = was_connected if lost else isinstance(error.__cause__, _REPEATABLE)
            if attempt == ATTEMPTS or not repeatable:
                raise DependencyUnavailable("database", _reason(error)) from error
    raise AssertionError("unreachable: the last attempt answers or raises")


def _reason(error: Exception) -> str:
    return type(error.__cause__ or error).__name__
