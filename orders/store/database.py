"""The one door from async code to the database: a bounded pool of threads, each with its own lasting Django connection.

Nothing else hops to a thread for the ORM. What goes through the door is one synchronous function that holds its whole
transaction; no network call happens inside. Every function sent here may be repeated: the service's writes are keyed
by ids that come from outside, so after a deadlock, or on a new connection where the old one has become unusable, the door
runs the function again.
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
from orders.runtime.metrics import DATABASE_WAIT
from orders.store import reconnect

Arguments = ParamSpec("Arguments")
Answer = TypeVar("Answer")

ATTEMPTS = 3
_REPEATABLE = (psycopg.errors.SerializationFailure, psycopg.errors.DeadlockDetected)


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(settings.DATABASE_THREADS, thread_name_prefix="database")


async def run(work: Callable[Arguments, Answer], *args: Arguments.args, **kwargs: Arguments.kwargs) -> Answer:
    """Run `work` in a database thread and answer what it answers.

    Raises DependencyUnavailable("database") when no thread is free in time, the database can't be reached, or `work` takes
    longer than DATABASE_ANSWER_SECONDS: then its connection is cut, and it isn't known whether it has committed.
    """
    errand: _Errand[Answer] = _Errand(partial(work, *args, **kwargs))
    _threads().submit(errand.do)
    return await errand.answer


def close() -> None:
    """Let the running functions finish, then close the pool's connections with their threads."""
    _threads().shutdown(wait=True)
    _threads.cache_clear()


def unavailable(error: Error) -> DependencyUnavailable:
    """What callers are told of an error that is the database's own."""
    return DependencyUnavailable("database", type(error.__cause__ or error).__name__)


class _Errand(Generic[Answer]):
    """One function on its way through the door, and the clock that ends the wait for it.

    The database's own timeouts end a statement that takes too long; only this clock ends the wait for a server that is
    silent, for libpq would listen to it for ever.
    """

    def __init__(self, work: Callable[[], Answer]) -> None:
        self._work = work
        self._loop = asyncio.get_running_loop()
        self.answer: asyncio.Future[Answer] = self._loop.create_future()
        self._queued = time.perf_counter()
        self._lock = threading.Lock()
        self._connection: BaseDatabaseWrapper | None = None
        self._has_begun = self._given_up = False
        self._timer = self._loop.call_later(settings.DATABASE_POOL_WAIT_SECONDS, self._must_have_begun)

    def do(self) -> None:
        """In a thread of the pool: run the function, again where that may help, and hand over what came of it."""
        with self._lock:
            if self._given_up:
                return
            self._has_begun, self._connection = True, connections[DEFAULT_DB_ALIAS]
        DATABASE_WAIT.observe(time.perf_counter() - self._queued)
        answer, error = None, None
        try:
            answer = self._attempt()
        except BaseException as raised:
            error = raised
        with self._lock:
            self._connection = None
        with suppress(RuntimeError):  # the loop has ended: nobody waits any more
            self._loop.call_soon_threadsafe(self._settle, answer, error)

    def _attempt(self) -> Answer:
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
        raise AssertionError("unreachable: the last attempt answers or raises")

    def _must_have_begun(self) -> None:
        with self._lock:
            self._given_up = not self._has_begun
        if self._given_up:
            self._settle(None, DependencyUnavailable("database", "no connection was free in time"))
            return
        rest = settings.DATABASE_ANSWER_SECONDS - settings.DATABASE_POOL_WAIT_SECONDS
        self._timer = self._loop.call_later(rest, self._must_have_ended)

    def _must_have_ended(self) -> None:
        with self._lock:
            self._given_up = True
            if self._connection is not None:
                _hang_up(self._connection)
        self._settle(None, DependencyUnavailable("database", "no answer in time"))

    def _settle(self, answer: Any, error: BaseException | None) -> None:
        self._timer.cancel()
        if self.answer.done():  # its time was over, or nobody waits any more
            return
        if error is None:
            self.answer.set_result(answer)
        else:
            self.answer.set_exception(error)


def _hang_up(wrapper: BaseDatabaseWrapper) -> None:
    """Shut the connection's socket down under the thread that listens to it, which wakes up with an error."""
    try:
        with socket.socket(fileno=os.dup(wrapper.connection.fileno())) as line:
            line.shutdown(socket.SHUT_RDWR)
    except (OSError, psycopg.Error, AttributeError):
        pass  # it has been closed, or was never opened
