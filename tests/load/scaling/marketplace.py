"""The customers of the scaling measurements, and whole orders: three lines of two vendors, from the cart to the delivery."""

import asyncio
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any

import aiohttp
import psycopg

from compose.connection_info import ConnectionInfo
from compose.errors import StackError
from compose.stack import Stack

VENDORS = ("v-scaling-1", "v-scaling-2")
PRODUCTS = {f"scaling-{number}": VENDORS[number % 2] for number in range(30)}
"""Product id → vendor."""

LINES = 3
CALLERS = 16
"""Concurrent callers of a preparation."""

STOCK = 10**9
PATIENCE_SECONDS = 120
PARCEL = {
    "carrier": "DHL",
    "tracking_number": "JD014600003828",
    "tracking_url": "https://tracking.example/JD014600003828",
}
STEPS: tuple[tuple[str, dict[str, str]], ...] = (("accept", {}), ("ship", PARCEL), ("deliver", {}))
"""The vendors' actions with their bodies, in order."""


@dataclass(frozen=True, slots=True)
class Customer:
    """A customer with a filled cart."""

    id: str
    token: str


@asynccontextmanager
async def control_of(info: ConnectionInfo) -> AsyncIterator[aiohttp.ClientSession]:
    """Yield a client of the sandbox's control API, which raises for an error."""
    async with aiohttp.ClientSession(info.control_url, raise_for_status=True) as control:
        yield control


async def concurrently(work: Iterable[Callable[[], Awaitable[None]]], callers: int = CALLERS) -> None:
    """Await all the work, so much of it at a time. Raises the first error."""
    waiting = iter(work)

    async def caller() -> None:
        for each in waiting:
            await each()

    async with asyncio.TaskGroup() as group:
        for _ in range(callers):
            group.create_task(caller())


async def customers(info: ConnectionInfo, count: int, payment: dict[str, Any]) -> list[Customer]:
    """Create customers, each with LINES products of both vendors in the cart; Payment treats orders as told from now on."""
    names = [f"c-{uuid.uuid4()}" for _ in range(count)]
    product_ids = list(PRODUCTS)

    async with control_of(info) as control:

        async def put(number: int, name: str) -> None:
            chosen = [product_ids[(number + place) % len(product_ids)] for place in range(LINES)]
            await control.put(f"/users/{name}", json={})
            items = [{"product_id": product_id, "quantity": 1 + place} for place, product_id in enumerate(chosen)]
            await control.put(f"/carts/{name}", json={"currency": "EUR", "items": items})

        await control.put("/payments", json=payment)
        for product_id, vendor_id in PRODUCTS.items():
            article = {"vendor_id": vendor_id, "name": "Mug in blue", "sku": product_id.upper()}
            terms = {"unit_price_minor": 1999, "currency": "EUR", "stock": STOCK}
            await control.put(f"/products/{product_id}", json={**article, **terms})
        await concurrently(partial(put, number, name) for number, name in enumerate(names))
    return [Customer(name, info.token("customer", name)) for name in names]


async def checkouts(urls: Sequence[str], by: Sequence[Customer], callers: int) -> tuple[list[str], list[float]]:
    """Place an order of each customer in a closed loop of callers, spread over the servers; return ids and milliseconds."""
    order_ids: list[str] = []
    durations: list[float] = []
    waiting = iter(by)
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:

        async def shop(url: str) -> None:
            for customer in waiting:
                headers = {"Authorization": f"Bearer {customer.token}", "Idempotency-Key": str(uuid.uuid4())}
                began = time.perf_counter()
                async with session.post(f"{url}/api/v1/orders", json={}, headers=headers) as answer:
                    if answer.status != 201:
                        raise StackError(f"{answer.status}: {await answer.text()}")
                    order_ids.append((await answer.json())["id"])
                durations.append(1000 * (time.perf_counter() - began))

        async with asyncio.TaskGroup() as group:
            for place in range(callers):
                group.create_task(shop(urls[place % len(urls)]))
    return order_ids, durations


async def fulfil(info: ConnectionInfo, vendor_orders: Sequence[tuple[str, str]], callers: int) -> None:
    """Accept, ship and deliver each vendor order (id, vendor), by its vendor."""
    tokens = {vendor_id: info.token("vendor", f"clerk-{vendor_id}", vendor_id) for vendor_id in VENDORS}
    async with aiohttp.ClientSession(info.url) as session:

        async def act(vendor_order_id: str, vendor_id: str) -> None:
            for action, body in STEPS:
                path = f"/api/v1/vendor-orders/{vendor_order_id}/{action}"
                headers = {"Authorization": f"Bearer {tokens[vendor_id]}"}
                async with session.post(path, json=body, headers=headers) as answer:
                    if answer.status != 200:
                        raise StackError(f"{answer.status}: {await answer.text()}")

        await concurrently((partial(act, *vendor_order) for vendor_order in vendor_orders), callers)


async def calls(info: ConnectionInfo) -> dict[str, int]:
    """Return how often each call of User, Cart and Product was received so far, like `cart: get`."""
    found: dict[str, int] = {}
    async with control_of(info) as control:
        for neighbour in ("user", "cart", "product"):
            async with control.get(f"/ledger/{neighbour}") as answer:
                ledger = await answer.json()
            found |= {f"{neighbour}: {call}": int(count) for call, count in ledger["calls"].items()}
    return found


def wait_for(stack: Stack, statement: str, count: int, what: str) -> None:
    """Wait until the statement returns this count. Raise StackError after PATIENCE_SECONDS."""
    end = time.monotonic() + PATIENCE_SECONDS
    with psycopg.connect(stack.postgres.url, autocommit=True) as session:
        while (found := count_of(session, statement)) != count:
            if time.monotonic() > end:
                raise StackError(f"{what}: {found} after {PATIENCE_SECONDS} s, not {count}.")
            time.sleep(0.1)


def count_of(session: psycopg.Connection[Any], statement: str) -> int:
    row = session.execute(statement.encode()).fetchone()
    return int(row[0]) if row else 0
