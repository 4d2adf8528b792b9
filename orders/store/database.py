"""Database calls from async code: a bounded thread pool, each thread with its own persistent Django connection.

This is the only use of threads for the ORM. A database call is one synchronous function with its whole transaction and
without network calls. Every function must be repeatable: writes are keyed by ids that the caller supplies, so the pool
runs the function again after a deadlock, or on a new connection where the old one has become unusable.
"""

import asyncio
import os
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import cache, partial
from typing import Any, Generic, ParamSpec, TypeVar

import psycopg
from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, Error, InterfaceError, OperationalError, connection, connections
from django.db.backends.base.base import BaseDatabaseWrapper

from orders.domain.errors import DependencyUnavailable
from orders.runtime.metrics import DATABASE_CALL, DATABASE_THREADS, DATABASE_WAIT
from orders.runtime.tracing import in_this_context, span
from orders.store import reconnect

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")

ATTEMPTS = 3
_POSTGRESQL = {"db.system.name": "postgresql"}
_REPEATABLE = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


@cache
def _threads() -> ThreadPoolExecutor:
    DATABASE_THREADS.set(settings.DATABASE_THREADS)
    return ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def run(work: Callable[Arguments, Result], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
    """Run `work` in a database thread and return its result.

    Raises DependencyUnavailable("database") when no thread is free in time, the database can't be reached, or `work` takes
    longer than DATABASE_ANSWER_SECONDS: then its connection is aborted, and it is unknown whether it has committed.
    """
    with span(getattr(work, "__name__", "database"), attributes=_POSTGRESQL):
        call: _DatabaseCall[Result] = _DatabaseCall(in_this_context(partial(work, *args, **kwargs)))
        _threads().submit(call.run)
        return await call.result


def close() -> None:
    """Wait for the running functions, then end the threads and close their connections."""
    _threads().shutdown(wait=True)
    _threads.cache_clear()


def unavailable(error: Error) -> DependencyUnavailable:
    """Return the DependencyUnavailable of a database error."""
    return DependencyUnavailable("database", type(error.__cause__ or error).__name__)


class _DatabaseCall(Generic[Result]):
    """A function to run in the thread pool, and its timeouts.

    The database's own timeouts end a statement that takes too long; only these end the wait for an unresponsive server,
    for which libpq waits indefinitely.
    """

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.result: asyncio.Future[Result] = self._loop.create_future()
        self._queued = time.perf_counter()
        self._lock = threading.Lock()
        self._connection: BaseDatabaseWrapper | None = None
        self._has_begun = self._given_up = False
        self._timer = self._loop.call_later(settings.DATABASE_POOL_WAIT_SECONDS, self._on_pool_timeout)

    def run(self) -> None:
        """Run the function in a thread of the pool, repeat it where that may help, and set its result."""
        with self._lock:
            if self._given_up:
                return
            self._has_begun, self._connection = True, connections[DEFAULT_DB_ALIAS]
        began = time.perf_counter()
        DATABASE_WAIT.observe(began - self._queued)
        result, error = None, None
        try:
            result = self._attempt()
        except BaseException as raised:
            error = raised
        with self._lock:
            self._connection = None
        DATABASE_CALL.observe(time.perf_counter() - began)
        with suppress(RuntimeError):  # the loop has ended, and with it the waiting task
            self._loop.call_soon_threadsafe(self._resolve, result, error)

    def _attempt(self) -> Result:
        for attempt in range(1, ATTEMPTS + 1):
            before = reconnect.kept()
            try:
                reconnect.look_for_primary()
                return self._work()
            except Error as error:
                now = connection.connection
                replaced = before is not None and now is not before  # a broken transaction ends with a new connection
                lost = replaced or reconnect.is_of_the_connection(error)
                if not lost and not isinstance(error, OperationalError | InterfaceError):
                    raise
                if lost:
                    reconnect.leave(error)
                    repeatable = before is not None or (now is not None and not reconnect.is_read_only(error))
                else:
                    repeatable = isinstance(error.__cause__, _REPEATABLE)
                if attempt == ATTEMPTS or not repeatable or self._given_up:
                    raise unavailable(error) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def _on_pool_timeout(self) -> None:
        with self._lock:
            self._given_up = not self._has_begun
        if self._given_up:
            self._resolve(None, DependencyUnavailable("database", "no connection was free in time"))
            return
        rest = settings.DATABASE_ANSWER_SECONDS - settings.DATABASE_POOL_WAIT_SECONDS
        self._timer = self._loop.call_later(rest, self._on_answer_timeout)

    def _on_answer_timeout(self) -> None:
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                _abort(self._connection)
        self._resolve(None, DependencyUnavailable("database", "no response in time"))

    def _resolve(self, result: Any, error: BaseException | None) -> None:
        self._timer.cancel()
        if self.result.done():  # timed out, or cancelled
            return
        if error is None:
            self.result.set_result(result)
        else:
            self.result.set_exception(error)


def _abort(wrapper: BaseDatabaseWrapper) -> None:
    """Shut down the connection's socket, so that the thread that reads from it fails with an error."""
    try:
        with socket.socket(fileno=os.dup(wrapper.connection.fileno())) as duplicate:
            duplicate.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error, AttributeError):
        pass  # closed already, or never opened
