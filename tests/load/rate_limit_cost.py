"""The cost of the rate limits: checkouts at a server without them and at one with them, whose quotas refuse nothing.

`make limits-cost` starts a stack of its own with durable servers. Rounds at the two servers take turns, for machines slow down
and speed up; the figures are the medians of the differences between the two rounds of a pair.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from contextlib import ExitStack
from pathlib import Path
from typing import NamedTuple

import aiohttp
import httpx

from compose.progress import Progress
from compose.stack import Stack
from tests.load.coupon_rush import prepare
from tests.support.server import server

CONNECTIONS = 32
LIMITS = {"off": "off", "on": "checkout=1000000/1"}


class Round(NamedTuple):
    """CPU of the server for a checkout and the median duration of one, in ms, and the checkouts a second."""

    cpu: float
    p50: float
    rate: float


async def checkouts(url: str, tokens: list[str]) -> list[float]:
    """Place an order for each customer over CONNECTIONS connections; return the durations in ms."""
    waiting, durations = iter(tokens), []
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def shop() -> None:
            for token in waiting:
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
                start = time.perf_counter()
                async with session.post(f"{url}/api/v1/orders", json={}, headers=headers) as answer:
                    if answer.status != 201:
                        raise SystemExit(f"{answer.status}: {await answer.text()}")
                durations.append(1000 * (time.perf_counter() - start))

        await asyncio.gather(*(shop() for _ in range(CONNECTIONS)))
    return durations


def cpu_seconds(url: str) -> float:
    """Return the CPU time that the server process has used."""
    lines = httpx.get(f"{url}/metrics", trust_env=False).text.splitlines()
    return float(next(line for line in lines if line.startswith("process_cpu_seconds_total")).split()[1])


def measure(stack: Stack, url: str, count: int) -> Round:
    """Place `count` orders at the server."""
    tokens = asyncio.run(prepare(stack, count))
    cpu, start = cpu_seconds(url), time.perf_counter()
    durations = asyncio.run(checkouts(url, tokens))
    seconds = time.perf_counter() - start
    return Round(1000 * (cpu_seconds(url) - cpu) / count, statistics.median(durations), count / seconds)


def main() -> None:
    parser = argparse.ArgumentParser(prog="make limits-cost ARGS=…")
    parser.add_argument("--orders", type=int, default=1500, help="orders in a round")
    parser.add_argument("--rounds", type=int, default=8)
    given = parser.parse_args()
    progress = Progress(visible=True)
    pairs: list[tuple[Round, Round]] = []
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        stack = running.enter_context(Stack(folder, settings={"RATE_LIMITS": "off"}, progress=progress))
        urls = [running.enter_context(server(stack, f"limits {name}", RATE_LIMITS=LIMITS[name])) for name in LIMITS]
        for url in urls:
            measure(stack, url, given.orders // 2)  # a warm-up
        for number in range(given.rounds):
            with progress.step(f"Round {number + 1}") as step:
                order = (0, 1) if number % 2 else (1, 0)
                found = {place: measure(stack, urls[place], given.orders) for place in order}
                pairs.append((found[0], found[1]))
                off, on = pairs[-1]
                step.note = f"{off.cpu:.3f} and {on.cpu:.3f} ms of CPU, p50 {off.p50:.1f} and {on.p50:.1f} ms"
        away = (stack.logs / "limits on.log").read_text().count("rate_limit_store_away")
    off_cpu = statistics.median(off.cpu for off, _ in pairs)
    more_cpu = statistics.median(on.cpu - off.cpu for off, on in pairs)
    print(f"CPU of a checkout: {off_cpu:.3f} ms, {more_cpu:+.3f} ms with limits ({100 * more_cpu / off_cpu:+.1f} %)")
    print(
        f"p50 at {CONNECTIONS} at once: {statistics.median(on.p50 - off.p50 for off, on in pairs):+.2f} ms with limits"
    )
    print(f"Redis was away {away} times, in which it costs nothing")
    print(f"Checkouts a second: {statistics.median(off.rate for off, _ in pairs):.0f} without limits")


if __name__ == "__main__":
    main()
