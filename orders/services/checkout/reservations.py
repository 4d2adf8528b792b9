"""Stock reservations whose checkout has ended without knowing whether there is one, or whether an order needs it.

Each is looked up until that is known, then released, or the order that came to be is synchronized with Product. What can't
be looked up in time, the reservation's own expiry gives back.
"""

import asyncio
import time
from collections.abc import Callable
from uuid import UUID, uuid4

from django.conf import settings

from clients.deadline import Deadline
from clients.products import Products, Stock
from orders.domain.errors import DependencyUnavailable
from orders.domain.lifecycle import TERMINATED
from orders.domain.records import OrderRecord
from orders.services.operations.stock import request_sync
from orders.store import database
from orders.store.order_queries import find

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


class UnresolvedReservations:
    """Those of one process. `is_under_way` says of an order's id whether this process is placing it right now."""

    def __init__(self, products: Products, is_under_way: Callable[[UUID], bool]) -> None:
        self._products, self._is_under_way = products.apart(LEFT_ALONE_SECONDS), is_under_way
        self._settling: set[asyncio.Task[None]] = set()

    def resolve_later(self, order_id: UUID) -> None:
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
                stock = await self._products.stock_of(order_id, Deadline.after(1))
                placed = await database.run(find, order_id)
                if placed and _is_foreign(stock, placed):
                    await database.run(request_sync, order_id, str(uuid4()))
                    return
                if (placed or stock.state != "held") and time.monotonic() > began + LATE_SECONDS:
                    return
                if not placed and _is_unchanged(stock, watched) and not self._is_under_way(order_id):
                    await self._products.release(order_id, stock.revision, Deadline.after(1))
                    return
                watched = stock.revision if stock.state == "held" else 0
                await asyncio.sleep(WATCH_SECONDS)
            except DependencyUnavailable:
                await asyncio.sleep(AGAIN_SECONDS)


def _is_foreign(stock: Stock, order: OrderRecord) -> bool:
    """Whether something is held that is not this order's reservation, or that the order needs no more."""
    return stock.state == "held" and (stock.revision != order.row.stock_revision or order.row.status in TERMINATED)


def _is_unchanged(stock: Stock, watched: int) -> bool:
    return stock.state == "held" and stock.revision == watched
