"""The memory of one server process: after many requests, and with many idle streams.

`make memory` starts a stack of its own. The requests are a mix of checkouts, their repetitions, quotes, reads and refusals over
keep-alive connections; the streams are those of customers who wait. Memory is the server's resident size.
"""

import argparse
import asyncio
import itertools
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from compose.progress import Progress
from compose.stack import Stack
from tests.support.scrape import scrape
from tests.support.world import Person, Sandbox, World

CONNECTIONS = 16
CYCLE = 50
"""Requests of one connection from one checkout to the next."""

STEPS = 20
"""Measurements during the requests."""

LIMIT = 1.05
"""The size after all requests by that after the first step."""

STREAMS_OF_A_CALLER = 20
HEARTBEAT_SECONDS = 16
"""A little longer than the pause between two heartbeats of a stream."""


class Connection:
    """A keep-alive connection."""

    def __init__(self, url: str) -> None:
        address = urlsplit(url)
        self._host, self._port = str(address.hostname), address.port or 80

    async def open(self) -> "Connection":
        self._reader, self._writer = await asyncio.open_connection(self._host, self._port)
        return self

    async def send(self, method: str, path: str, token: str, body: bytes = b"", **headers: str) -> int:
        """Send a request and read the head of its response; return the status."""
        fields = {"Host": "localhost", "Authorization": token, "Content-Length": str(len(body))}
        fields |= {"Content-Type": "application/json"} if body else {}
        fields |= {name.replace("_", "-"): value for name, value in headers.items()}
        lines = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
        self._writer.write(f"{method} /api/v1{path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        self.head = (await self._reader.readuntil(b"\r\n\r\n")).lower()
        return int(self.head.split()[1])

    async def ask(self, method: str, path: str, token: str, body: bytes = b"", **headers: str) -> int:
        """Send a request and read its response; return the status."""
        status = await self.send(method, path, token, body, **headers)
        _, found, rest = self.head.partition(b"content-length:")
        if found:
            await self._reader.readexactly(int(rest.split(b"\r\n")[0]))
        return status

    def close(self) -> None:
        self._writer.close()


@contextmanager
def running(streams: int) -> Iterator[World]:
    """Yield a service with its neighbours, without rate limits, that takes so many streams."""
    settings = {"RATE_LIMITS": "off", "STREAMS_IN_FLIGHT": str(streams + 1)}
    with (
        tempfile.TemporaryDirectory(prefix="memory-") as folder,
        Stack(Path(folder), settings=settings, durable=False, progress=Progress()) as stack,
        closing(Sandbox(stack.control_url)) as sandbox,
        closing(World(stack, stack.url, sandbox)) as world,
    ):
        sandbox.payments(behaviour="capture", capture_after=0.3)
        yield world


def megabytes(world: World) -> float:
    return scrape(world.url).total("process_resident_memory_bytes") / 2**20


def cpu_seconds(world: World) -> float:
    return scrape(world.url).total("process_cpu_seconds_total")


def token_of(person: Person) -> str:
    return str(person.http.headers["Authorization"])


async def send_cycle(connection: Connection, token: str) -> None:
    """Send CYCLE requests of a customer with a filled cart: a checkout and its repetition, then reads, quotes and refusals."""
    key = str(uuid.uuid4())
    for _ in range(2):
        status = await connection.ask("POST", "/orders", token, b"{}", Idempotency_Key=key)
        assert status == 201, status
    others = itertools.cycle(
        [
            ("GET", "/orders?limit=20", token, b""),
            ("GET", "/orders?status=pending&limit=5", token, b""),
            ("POST", "/orders/quote", token, b"{}"),
            ("GET", f"/orders/{uuid.uuid4()}", token, b""),
            ("GET", "/orders", "Bearer x", b""),
            ("POST", "/orders", token, b'{"unknown": 1}'),
        ]
    )
    for request in itertools.islice(others, CYCLE - 2):
        status = await connection.ask(*request)
        assert status < 500, status


async def requests(world: World, count: int) -> list[float]:
    """Send `count` requests; return the server's megabytes after each of STEPS parts."""
    sent, sizes = 0, []
    began = time.monotonic()
    items = [{"product_id": world.product(stock=10**9), "quantity": 1} for _ in range(5)]

    async def send_requests() -> None:
        nonlocal sent
        connection, customer = await Connection(world.url).open(), world.customer()
        while sent < count:
            await asyncio.to_thread(world.sandbox.put_cart, customer.id, items)
            await send_cycle(connection, token_of(customer))
            sent += CYCLE
        connection.close()

    async def watch() -> None:
        for step in range(1, STEPS + 1):
            while sent < count * step / STEPS:
                await asyncio.sleep(0.05)
            sizes.append(await asyncio.to_thread(megabytes, world))
            rate = sent / (time.monotonic() - began)
            print(
                f"{sent:>9,} requests  {sizes[-1]:6.1f} MB  {rate:5.0f} a second  {'▇' * round(sizes[-1] / 4)}",
                flush=True,
            )

    async with asyncio.TaskGroup() as group:
        group.create_task(watch())
        for _ in range(CONNECTIONS):
            group.create_task(send_requests())
    return sizes


async def streams(world: World, count: int) -> None:
    """Open `count` streams, wait for a heartbeat, and print the cost of the idle streams."""
    before = megabytes(world)
    connections: list[Connection] = []
    began = time.monotonic()
    while len(connections) < count:
        ada = await asyncio.to_thread(world.shopper)
        order = await asyncio.to_thread(ada.place)
        for _ in range(min(STREAMS_OF_A_CALLER, count - len(connections))):
            connection = await Connection(world.url).open()
            status = await connection.send("GET", f"/orders/{order['id']}/stream", token_of(ada))
            assert status == 200, f"{status} after {len(connections)} streams"
            connections.append(connection)
    print(f"{count:,} streams opened in {time.monotonic() - began:.0f} s", flush=True)
    cpu, began = cpu_seconds(world), time.monotonic()
    reader, token, seconds = await Connection(world.url).open(), token_of(world.customer()), []
    while time.monotonic() - began < HEARTBEAT_SECONDS:
        sent = time.perf_counter()
        assert await reader.ask("GET", "/orders?limit=20", token) == 200
        seconds.append(time.perf_counter() - sent)
        await asyncio.sleep(0.05)
    share = (cpu_seconds(world) - cpu) / (time.monotonic() - began)
    size = megabytes(world)
    print(
        f"{size:.1f} MB, {(size - before) * 1024 / count:.1f} KB for each stream; {share:.0%} of a processor while idle"
    )
    print(
        f"a page of orders meanwhile: {statistics.median(seconds) * 1000:.1f} ms, at most {max(seconds) * 1000:.1f} ms"
    )
    for connection in [*connections, reader]:
        connection.close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--streams", type=int, default=5000)
    chosen = parser.parse_args()
    with running(chosen.streams) as world:
        sizes = asyncio.run(requests(world, chosen.requests))
        ratio = sizes[-1] / sizes[0]
        print(f"After all requests by after the first twentieth: {ratio:.3f} (limit {LIMIT})")
        if chosen.streams:
            asyncio.run(streams(world, chosen.streams))
    return 1 if ratio > LIMIT else 0


if __name__ == "__main__":
    sys.exit(main())
