"""Holds whose checkout ended in the dark: nobody knows whether there is one, or whether an order needs it.

Each is looked at until that is known, then given back, or made to fit the order that came to be. What can't be asked about
in time, the hold's own expiry gives back.
"""

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from uuid import UUID

from django.conf import settings

from clients.deadline import Deadline
from clients.errors import HoldCommitted
from clients.products import Products
from orders import database
from orders.errors import DependencyUnavailable, OutOfStock
from orders.lifecycle import DEAD
from orders.rows import OrderRecord
from orders.services.read import find

LEFT_ALONE_SECONDS = 1
"""How long a Product that keeps failing is left alone. With the two below it is less than the 5 s of promise P3,
which count from the moment at which Product can be asked again."""

AGAIN_SECONDS = 0.5
"""Between two tries to ask who can't be asked."""

WATCH_SECONDS = 2
"""How long a hold is watched before it is given back: longer than another process needs, unless something is amiss, between
reserving under the same key and writing. Should it lose its hold all the same, the commit reserves again."""

LATE_SECONDS = 10
"""How long a hold that isn't there is watched for: a call that was given up may still be on its way."""

FINISH_SECONDS = 5
"""How long a process that is to end stays for them (promise P3)."""


class DoubtfulHolds:
    """Those of one process. `is_under_way` says of an order's id whether this process is placing it right now."""

    def __init__(self, products: Products, is_under_way: Callable[[UUID], bool]) -> None:
        self._products, self._is_under_way = products.apart(LEFT_ALONE_SECONDS), is_under_way
        self._settling: set[asyncio.Task[None]] = set()

    def settle_later(self, order_id: UUID) -> None:
        """Find out about this order's hold, in a task of its own."""
        task = asyncio.create_task(self._settle(order_id))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def finish(self) -> None:
        """Settle what can be settled before the process ends; the rest is left to its expiry."""
        if self._settling:
            await asyncio.wait(self._settling, timeout=FINISH_SECONDS)
        for task in self._settling:
            task.cancel()

    async def _settle(self, order_id: UUID) -> None:
        watched = 0
        began = time.monotonic()
        while time.monotonic() < began + settings.STOCK_HOLD_SECONDS:
            try:
                revision = await self._products.held_revision(order_id, Deadline.after(1))
                if placed := await database.run(find, order_id):
                    await self._hold_again(placed)
                    return
                if revision == 0 and time.monotonic() > began + LATE_SECONDS:
                    return
                if revision and revision == watched and not self._is_under_way(order_id):
                    await self._products.release(order_id, revision, Deadline.after(1))
                    return
                watched = revision
                await asyncio.sleep(WATCH_SECONDS)
            except DependencyUnavailable:
                await asyncio.sleep(AGAIN_SECONDS)

    async def _hold_again(self, order: OrderRecord) -> None:
        """Make the hold that of the order as it was placed, whatever a copy with another cart has made of it."""
        if order.row.status in DEAD:
            return
        lines = {item.product_id: item.quantity for item in order.items}
        with suppress(HoldCommitted, OutOfStock):  # sold already; or short, which the commit will find out
            await self._products.reserve(
                order.row.id, lines, settings.STOCK_HOLD_SECONDS, Deadline.after(settings.PRODUCT_RESERVE_SECONDS)
            )
