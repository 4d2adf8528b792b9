"""Three times as many checkouts as a server can process (P9): it places what it can, sheds the rest early, and stays healthy."""

import asyncio
import time
import uuid
from collections.abc import Coroutine, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.support.fleet import Fleet
from tests.support.invariants import check_invariants
from tests.support.server import server
from tests.support.world import World, eventually

SETTINGS = {"CHECKOUTS_IN_FLIGHT": "8", "CHECKOUT_QUEUE_MS": "100"}
"""So few slots that the limit, not this machine, decides."""

PRODUCT_SECONDS = 0.05
CUSTOMERS = 50
BEST_SECONDS, FLOOD_SECONDS = 3, 6
ROUNDS = 3
"""Other load on this machine can make a measurement slower, never faster."""

GOODPUT = 0.75
"""Promise P9: the share of its best goodput that a server keeps under three times the load."""

ANSWER_SECONDS = 5.5
"""Promise P9: a checkout's budget and half a second."""


KEPT_SECONDS = 2
"""The time that an idle connection is kept; uvicorn closes it after 5 s."""


@dataclass
class Score:
    """Results: the seconds that each status took, and the times at which orders were placed."""

    seconds: dict[int, list[float]] = field(default_factory=dict)
    placed_at: list[float] = field(default_factory=list)

    def count(self, status: int, since: float) -> None:
        now = time.monotonic()
        self.seconds.setdefault(status, []).append(now - since)
        if status == 201:
            self.placed_at.append(now)

    def goodput(self, begin: float, end: float) -> float:
        """Return the orders placed a second between these times."""
        return sum(begin <= at < end for at in self.placed_at) / (end - begin)

    def p99(self, status: int) -> float:
        return sorted(self.seconds[status])[int(len(self.seconds[status]) * 0.99)]


class Crowd:
    """Customers of one server on kept-alive connections, each checkout under a key of its own."""

    def __init__(self, url: str, tokens: list[str]) -> None:
        self._address = urlsplit(url)
        self._tokens = tokens
        self._idle: list[tuple[asyncio.StreamReader, asyncio.StreamWriter, float]] = []
        self._opened: list[asyncio.StreamWriter] = []
        self.score = Score()

    async def ask(self, first_line: str, more: str = "") -> int:
        """Send a request and return the status of the response, which is read to its end."""
        host = self._address.hostname
        reader, writer = await self._connection()
        writer.write(f"{first_line} HTTP/1.1\r\nHost: {host}\r\n{more}\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        await reader.readexactly(int(head.partition("content-length:")[2].split("\r\n", 1)[0]))
        self._idle.append((reader, writer, time.monotonic()))
        return int(head.split(" ", 2)[1])

    async def _connection(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Return a recently used connection, or else a new one: the server may be about to close the others."""
        while self._idle:
            reader, writer, since = self._idle.pop()
            if time.monotonic() - since < KEPT_SECONDS:
                return reader, writer
            writer.transport.abort()
        reader, writer = await asyncio.open_connection(self._address.hostname, self._address.port)
        self._opened.append(writer)
        return reader, writer

    async def check_out(self, number: int) -> None:
        since = time.monotonic()
        token = self._tokens[number % len(self._tokens)]
        headers = f"Authorization: Bearer {token}\r\nIdempotency-Key: {uuid.uuid4()}\r\nContent-Length: 0\r\n"
        self.score.count(await self.ask("POST /api/v1/orders", headers), since)

    async def one_after_the_other(self, end: float) -> None:
        while time.monotonic() < end:
            await self.check_out(0)

    async def flood(self, rate: float, seconds: float) -> None:
        """Send this number of checkouts a second, whatever becomes of the earlier ones."""
        begin = time.monotonic()
        async with asyncio.TaskGroup() as asking:
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, begin + number / rate - time.monotonic()))
                asking.create_task(self.check_out(number))

    async def watch_health(self, seconds: float) -> list[float]:
        """Measure how long each request for /healthz takes."""
        took = []
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            since = time.monotonic()
            assert await self.ask("GET /healthz") == 200
            took.append(time.monotonic() - since)
            await asyncio.sleep(0.1)
        return took

    def close(self) -> None:
        for writer in self._opened:
            writer.transport.abort()


@pytest.fixture
def crowded(fleet: Fleet, world: World) -> Iterator[World]:
    """Yield a server with a low capacity; carts stay full, so that few customers can order repeatedly."""
    slow = {"kind": "delay", "value": PRODUCT_SECONDS, "call": "ReserveStock"}
    with (
        server(fleet.stack, "crowded", **SETTINGS) as url,
        closing(World(fleet.stack, url, world.sandbox)) as crowded,
        world.sandbox.fault("product", **slow),
        world.sandbox.fault("cart", kind="status", value=500, call="clear"),
    ):
        yield crowded


def test_at_three_times_its_capacity_a_server_keeps_three_quarters_of_its_throughput(crowded: World) -> None:
    product = crowded.product(stock=1_000_000)
    people = [crowded.customer() for _ in range(CUSTOMERS)]
    for person in people:
        crowded.sandbox.put_cart(person.id, [{"product_id": product, "quantity": 1}], refilled=True)
    tokens = [person.http.headers["Authorization"].removeprefix("Bearer ") for person in people]

    async def best() -> float:
        begin = time.monotonic()
        end = begin + BEST_SECONDS
        with closing(Crowd(crowded.url, tokens)) as crowd:
            await asyncio.gather(*(crowd.one_after_the_other(end) for _ in range(8)))
        assert crowd.score.seconds.keys() == {201}
        return crowd.score.goodput(begin, end)

    async def flooded(rate: float) -> tuple[Score, float, list[float]]:
        begin = time.monotonic()
        with closing(Crowd(crowded.url, tokens)) as crowd:
            _, health = await _both(crowd.flood(rate, FLOOD_SECONDS), crowd.watch_health(FLOOD_SECONDS))
        return crowd.score, crowd.score.goodput(begin + 1, begin + FLOOD_SECONDS), health

    for last in (*[False] * (ROUNDS - 1), True):
        carried = asyncio.run(best())
        score, goodput, health = asyncio.run(flooded(3 * carried))
        if goodput >= GOODPUT * carried or last:
            break
    assert score.seconds.keys() == {201, 503}
    assert goodput >= GOODPUT * carried, f"{goodput:.0f} of {carried:.0f} orders a second"
    assert score.p99(201) < ANSWER_SECONDS
    assert score.p99(503) < 1, "refusals are early"
    assert max(health) < 1
    eventually(
        lambda: not crowded.sql("SELECT 1 FROM outbox WHERE kind = 'publish' LIMIT 1"), "the messages to be published"
    )
    check_invariants(crowded)


async def _both(first: Coroutine[Any, Any, Any], second: Coroutine[Any, Any, Any]) -> tuple[Any, Any]:
    return tuple(await asyncio.gather(first, second))
