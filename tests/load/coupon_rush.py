"""A rush for one code: how many of its uses two server processes take in a minute, beside the same checkouts without a code.

`make coupon-rush` starts a stack of its own with durable servers. Customers and carts are prepared before the clock runs;
Payment ignores the requests, so that orders stay reserved. Rounds with and without the code take turns, for machines
slow down and speed up.
"""

import argparse
import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import aiohttp

from compose.progress import Progress
from compose.stack import Stack
from tests.support.server import server

CONNECTIONS = 48
PREPARING = 16
STOCK = 10**9


async def prepare(stack: Stack, count: int) -> list[str]:
    """Create customers with one mug in the cart; return their tokens."""
    names = [f"rush-{uuid.uuid4()}" for _ in range(count)]
    mug = {"vendor_id": "v-1", "name": "Mug", "sku": "MUG", "unit_price_minor": 1000, "currency": "EUR", "stock": STOCK}
    waiting = iter(names)
    async with aiohttp.ClientSession(stack.control_url) as control:

        async def put() -> None:
            for name in waiting:
                await control.put(f"/users/{name}", json={})
                cart = {"currency": "EUR", "items": [{"product_id": "mug", "quantity": 1}]}
                await control.put(f"/carts/{name}", json=cart)

        await control.put("/products/mug", json=mug)
        await control.put("/payments", json={"behaviour": "ignore"})
        await asyncio.gather(*(put() for _ in range(PREPARING)))
    return [stack.token("customer", name) for name in names]


async def rush(urls: list[str], tokens: list[str], body: dict[str, str]) -> float:
    """Return the orders a minute that these customers place over CONNECTIONS connections. Raises for a response but 201."""
    waiting: Iterator[str] = iter(tokens)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def shop(url: str) -> None:
            for token in waiting:
                headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": str(uuid.uuid4())}
                async with session.post(f"{url}/api/v1/orders", json=body, headers=headers) as answer:
                    if answer.status != 201:
                        raise SystemExit(f"{answer.status}: {await answer.text()}")

        start = time.perf_counter()
        await asyncio.gather(*(shop(urls[place % len(urls)]) for place in range(CONNECTIONS)))
        return 60 * len(tokens) / (time.perf_counter() - start)


def create_coupon(stack: Stack, limit: int) -> str:
    """Create the code, with each limit that a use has to respect."""

    async def create() -> str:
        headers = {"Authorization": f"Bearer {stack.token('admin', 'a-rush')}"}
        terms = {"kind": "percentage", "percent": "10.00", "currency": "EUR", "budget": f"{limit}.00"}
        async with (
            aiohttp.ClientSession(stack.url, headers=headers, raise_for_status=True) as admin,
            admin.post("/api/v1/coupons", json={**terms, "usage_limit": limit, "per_customer_limit": 1}) as answer,
        ):
            return str((await answer.json())["code"])

    return asyncio.run(create())


def main() -> None:
    parser = argparse.ArgumentParser(prog="make coupon-rush ARGS=…")
    parser.add_argument("--orders", type=int, default=3000, help="orders in a round")
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    progress = Progress(visible=True)
    rates: dict[str, list[float]] = {"without a code": [], "with the code": []}
    with ExitStack() as running:
        folder = Path(running.enter_context(tempfile.TemporaryDirectory()))
        stack = running.enter_context(Stack(folder, settings={"RATE_LIMITS": "off"}, progress=progress))
        urls = [stack.url, running.enter_context(server(stack, "second"))]
        code = create_coupon(stack, given.orders * given.rounds)
        for number in range(given.rounds):
            for name, body in (("without a code", {}), ("with the code", {"coupon_code": code})):
                with progress.step(f"Round {number + 1}") as step:
                    tokens = asyncio.run(prepare(stack, given.orders))
                    rates[name].append(asyncio.run(rush(urls, tokens, body)))
                    step.note = f"{rates[name][-1]:,.0f} orders a minute {name}"
    for name, found in rates.items():
        print(f"{statistics.median(found):>8,.0f} orders a minute {name} (median of {len(found)} rounds)")


if __name__ == "__main__":
    main()
