"""The buckets in Redis, shared by all processes, and in this process while Redis is away.

Looks that arrive while one is under way are sent together. A look that fails or takes longer than MAX_SECONDS is answered from
this process's own buckets, as are all others until Redis responds again: no request is refused or delayed by an outage.
"""

import asyncio
import contextvars
import hashlib
import itertools
import struct
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import hiredis
import structlog
from django.conf import settings
from redis.asyncio.connection import AbstractConnection
from redis.exceptions import NoScriptError

from orders.http.metrics import RATE_LIMIT_SECONDS, RATE_LIMIT_STORE_UP, RATE_LIMITED
from orders.http.throttling.buckets import Buckets, Draw, Look, level
from orders.http.throttling.policies import Policy

MAX_SECONDS = 0.05
"""The time that Redis has for a look."""

BUSY_TURNS = 10
"""Iterations of the event loop that may read a reply which arrived while the loop was busy for longer than MAX_SECONDS."""

CONNECT_SECONDS = 3
MAX_PAUSE_SECONDS = 10
PROBE = Draw(Policy("probe", 1, 1), b"rate-limits:probe")

_SCRIPT = Path(__file__).with_name("buckets.lua").read_text()
_SCRIPT_SHA = hashlib.sha1(_SCRIPT.encode(), usedforsecurity=False).hexdigest()
_pack = struct.Struct("<dddd").pack

_Waiting = tuple[Sequence[Draw], asyncio.Future[Look]]

log = structlog.get_logger()


class RateLimiter:
    """The rate limits of one process."""

    def __init__(self, connection: AbstractConnection) -> None:
        self.streams = CallerStreams()
        self._connection = connection
        self._buckets = Buckets()
        self._is_up = False
        self._waiting: list[_Waiting] = []
        self._arrived = asyncio.Event()
        self._running: asyncio.Task[None] | None = None

    async def look(self, draws: Sequence[Draw]) -> Look:
        """Make all draws in one atomic step or, when a bucket does not have enough units, none."""
        if not draws:
            return Look(True, ())
        began = time.perf_counter()
        try:
            if not self._is_up:
                return self._look_here(draws)
            answer: asyncio.Future[Look] = asyncio.get_running_loop().create_future()
            self._waiting.append((draws, answer))
            self._arrived.set()
            return await answer
        finally:
            RATE_LIMIT_SECONDS.observe(time.perf_counter() - began)

    async def open(self) -> None:
        """Connect to Redis; without it, count in this process until it responds."""
        for name in settings.RATE_LIMITS:  # present from the start, so that the first refusal is an increase
            RATE_LIMITED.labels(name)
        self._set_up(await self._responds())
        self._running = asyncio.create_task(self._run(), context=contextvars.Context())

    async def close(self) -> None:
        """Close the connection; count in this process from now on."""
        if self._running:
            self._running.cancel()
            await asyncio.wait([self._running])
        await self._connection.disconnect()

    async def _run(self) -> None:
        """Serve the looks until cancelled."""
        try:
            while True:
                if not self._is_up:
                    await self._reconnect()
                await self._arrived.wait()
                self._arrived.clear()
                await self._serve()
        finally:
            self._set_up(False)

    async def _serve(self) -> None:
        """Serve the looks that wait, in Redis or else in this process."""
        waiting, self._waiting = self._waiting, []
        try:
            looks = await self._ask([draws for draws, _ in waiting])
        except Exception as error:  # any error: no request is refused for it
            log.warning("rate_limit_store_away", why=str(error) or type(error).__name__)
            self._set_up(False)
            looks = [self._look_here(draws) for draws, _ in waiting]
        for (_, answer), look in zip(waiting, looks, strict=True):
            if not answer.done():  # cancelled with its request
                answer.set_result(look)

    async def _reconnect(self) -> None:
        """Try again after 1 s, 2 s, … MAX_PAUSE_SECONDS until Redis responds."""
        for attempt in itertools.count(1):
            await asyncio.sleep(min(attempt, MAX_PAUSE_SECONDS))
            if await self._responds():
                log.info("rate_limit_store_back")
                self._set_up(True)
                return

    async def _responds(self) -> bool:
        """Return whether Redis responds in time, on a new connection, which may take longer to open."""
        try:
            await self._connection.disconnect()
            async with asyncio.timeout(CONNECT_SECONDS):
                await self._connection.connect()  # type: ignore[no-untyped-call]
            await self._ask([[PROBE]])
        except Exception:  # any error: the next attempt repeats it
            return False
        return True

    def _set_up(self, is_up: bool) -> None:
        """Count in Redis or in this process from now on; serve the looks that wait for Redis here."""
        self._is_up = is_up
        RATE_LIMIT_STORE_UP.set(is_up)
        self._buckets.clear()
        waiting, self._waiting = self._waiting, []
        for draws, answer in waiting:
            if not answer.done():
                answer.set_result(self._look_here(draws))

    def _look_here(self, draws: Sequence[Draw]) -> Look:
        return self._buckets.look(draws, time.monotonic_ns() // 1000)

    async def _ask(self, looks: Sequence[Sequence[Draw]]) -> list[Look]:
        """Return the looks made in Redis. Raises RedisError, OSError or TimeoutError."""
        draws = list(itertools.chain.from_iterable(looks))
        arguments: list[bytes | int] = [
            *(draw.key for draw in draws),
            *(_pack(draw.policy.quota, draw.policy.cost, draw.taken, draw.held) for draw in draws),
            *map(len, looks),
        ]
        async with _TimeLimit():
            reply = await self._evaluate(len(draws), arguments)
        return list(_looks(looks, iter(reply)))

    async def _evaluate(self, keys: int, arguments: Sequence[bytes | int]) -> list[int]:
        try:
            return await self._call("EVALSHA", _SCRIPT_SHA, keys, *arguments)
        except NoScriptError:
            return await self._call("EVAL", _SCRIPT, keys, *arguments)

    async def _call(self, *command: str | bytes | int) -> list[int]:
        await self._connection.send_packed_command(hiredis.pack_command(command), check_health=False)  # type: ignore[arg-type]
        reply: list[int] = await self._connection.read_response()
        return reply


class _TimeLimit:
    """Raise TimeoutError in the current task after MAX_SECONDS, unless the event loop was busy and the reply has arrived."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeout = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()
        self._timer: asyncio.Handle = self._loop.call_later(MAX_SECONDS, self._expire, BUSY_TURNS)

    async def __aexit__(self, *error: Any) -> None:
        self._timer.cancel()
        await self._timeout.__aexit__(*error)

    def _expire(self, turns: int) -> None:
        if turns:
            self._timer = self._loop.call_soon(self._expire, turns - 1)
        else:
            self._timeout.reschedule(self._loop.time())


class CallerStreams:
    """The open streams of each caller in this process."""

    def __init__(self) -> None:
        self._callers: Counter[bytes] = Counter()

    def count(self, key: bytes) -> int:
        """Return the number of open streams of a caller."""
        return self._callers.get(key, 0)

    @contextmanager
    def opened(self, key: bytes) -> Iterator[None]:
        """Count a stream of the caller for the duration of the context."""
        self._callers[key] += 1
        try:
            yield
        finally:
            self._callers[key] -= 1
            if not self._callers[key]:
                del self._callers[key]


def _looks(looks: Sequence[Sequence[Draw]], reply: Iterator[int]) -> Iterator[Look]:
    for draws in looks:
        is_allowed = bool(next(reply))
        yield Look(is_allowed, [level(draw.policy, next(reply), next(reply)) for draw in draws])
