"""Load: requests over keep-alive connections, a number of them at once or at a rate."""

import asyncio
import time
import uuid
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, NamedTuple

import aiohttp

from tests.load.bench.errors import BenchError

AT_ONCE = 32
RATE = 60
"""Requests a second of an open loop: an afternoon that leaves the server time to breathe between two orders."""


class Request(NamedTuple):
    """A request with the token of its caller; a POST has a key of its own."""

    method: str
    path: str
    token: str
    body: Any = None

    @property
    def headers(self) -> dict[str, str]:
        key = {"Idempotency-Key": str(uuid.uuid4())} if self.method == "POST" else {}
        return {"Authorization": f"Bearer {self.token}", **key}


class Response(NamedTuple):
    """The body of a response, and the milliseconds that it took."""

    body: bytes
    milliseconds: float


Send = Callable[[Request], Awaitable[bytes]]


def send_at_once(url: str, requests: Sequence[Request]) -> list[Response]:
    """Send the requests, AT_ONCE at a time. Raise BenchError for a response that is no success."""

    async def run() -> list[Response]:
        async with _session() as session:
            return await at_once(requests, lambda request: _send(session, url, request))

    return asyncio.run(run())


def send_at_rate(url: str, requests: Sequence[Request]) -> list[Response]:
    """Send RATE requests a second, whether or not earlier ones are done. Raise BenchError for one that is no success."""

    async def run() -> list[Response]:
        async with _session() as session:
            return await at_rate(requests, lambda request: _send(session, url, request))

    return asyncio.run(run())


async def at_once(requests: Iterable[Request], send: Send) -> list[Response]:
    """Send the requests by `send`, AT_ONCE at a time; the responses are in their order."""
    waiting, responses = iter(enumerate(requests)), {}

    async def work() -> None:
        for place, request in waiting:
            start = time.perf_counter()
            responses[place] = Response(await send(request), 1000 * (time.perf_counter() - start))

    await asyncio.gather(*(work() for _ in range(AT_ONCE)))
    return [responses[place] for place in sorted(responses)]


async def at_rate(requests: Iterable[Request], send: Send) -> list[Response]:
    """Send RATE requests a second by `send`; their time counts from when each was due."""
    start = time.perf_counter()

    async def work(request: Request, due: float) -> Response:
        await asyncio.sleep(due - time.perf_counter())
        return Response(await send(request), 1000 * (time.perf_counter() - due))

    due = (work(request, start + place / RATE) for place, request in enumerate(requests))
    return await asyncio.gather(*due)


def _session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))


async def _send(session: aiohttp.ClientSession, url: str, request: Request) -> bytes:
    async with session.request(
        request.method, url + request.path, json=request.body, headers=request.headers
    ) as response:
        body = await response.read()
        if not response.ok:
            raise BenchError(f"{request.method} {request.path}: {response.status} {body.decode()[:300]}")
        return body
