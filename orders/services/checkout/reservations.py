"""The stock reservation of a checkout at Product: made on entry, kept, released or resolved later on exit.

A reservation is unresolved when the checkout ended without knowing whether it exists, or whether an order needs it. It is
queried until both are known, then released, or the placed order is synchronized with Product. A reservation that cannot be
resolved in time expires at Product.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import ExitStack, asynccontextmanager
from dataclasses import dataclass
from uuid import UUID, uuid4

from django.conf import settings

from clients.deadline import Deadline
from clients.errors import HoldCommitted, NotAsked
from clients.products import Products, Stock
from orders.domain.errors import DependencyUnavailable, OrderError, OutOfStock
from orders.domain.lifecycle import TERMINATED
from orders.domain.pricing import Product
from orders.domain.records import OrderRecord
from orders.services.operations.stock import request_sync
from orders.store import database
from orders.store.order_queries import find, on_primary

CIRCUIT_OPEN_SECONDS = 1
"""The open time of the circuit of these calls. With the two below it is less than the 5 s of promise P3, which count from
Product's recovery."""

RETRY_SECONDS = 0.5
"""The pause between attempts while Product is unavailable."""

WATCH_SECONDS = 2
"""The time for which a reservation must be unchanged before it is released: longer than another process normally needs
between reserving under the same key and writing. If that process loses its reservation all the same, the commit reserves
again."""

LATE_SECONDS = 10
"""The time for which a missing reservation is queried: an abandoned call may still be in transit."""

FINISH_SECONDS = 5
"""The maximum wait of a shutdown for unresolved reservations (promise P3)."""


@dataclass(slots=True)
class Reservation:
    """Stock reserved at Product for an order that is not written yet. `revision` identifies this reservation."""

    revision: int
    products: Mapping[str, Product]
    is_kept: bool = False

    def keep(self) -> None:
        """Keep the reservation for the order that was written with its revision."""
        self.is_kept = True


class StockReservations:
    """The reservations of one process. `is_in_flight` returns whether this process is placing the order of an id now."""

    def __init__(self, products: Products, is_in_flight: Callable[[UUID], bool]) -> None:
        self._products, self._products_apart = products, products.apart(CIRCUIT_OPEN_SECONDS)
        self._is_in_flight = is_in_flight
        self._resolving: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def reserve(
        self, *, order_id: UUID, lines: Mapping[str, int], deadline: Deadline
    ) -> AsyncIterator[Reservation]:
        """Reserve `lines` for the order of this id. On exit the reservation is:

        - kept, when `keep` was called;
        - released, when the block ended without it, or with a refusal: no order will be written with this reservation;
        - resolved later in every other case (the outcome of a call is unknown, the checkout timed out or was cancelled), and
          when the reservation replaced another one, for it may belong to the order of a repeated request.

        Raises OutOfStock or HoldCommitted (nothing is reserved), or DependencyUnavailable.
        """
        with ExitStack() as unless_resolved:
            unless_resolved.callback(self._resolve_later, order_id)
            try:
                held = await self._products.reserve(order_id, lines, settings.STOCK_HOLD_SECONDS, deadline)
            except (NotAsked, OutOfStock, HoldCommitted):  # nothing has been reserved
                unless_resolved.pop_all()
                raise
            reservation = Reservation(held.revision, held.products)
            try:
                yield reservation
            except OrderError as error:
                if not isinstance(error, DependencyUnavailable) and await self._is_released(order_id, reservation):
                    unless_resolved.pop_all()
                raise
            if reservation.is_kept or await self._is_released(order_id, reservation):
                unless_resolved.pop_all()

    async def finish(self) -> None:
        """Resolve reservations for up to FINISH_SECONDS before the process stops; the others expire at Product."""
        if self._resolving:
            await asyncio.wait(self._resolving, timeout=FINISH_SECONDS)
        for task in self._resolving:
            task.cancel()

    async def _is_released(self, order_id: UUID, reservation: Reservation) -> bool:
        """Release the reservation, unless a repeated request in another process may write an order with it. Return success."""
        if reservation.revision > 1:
            return False
        try:
            await self._products.release(order_id, reservation.revision, Deadline.after(1))
        except DependencyUnavailable:
            return False
        return True

    def _resolve_later(self, order_id: UUID) -> None:
        task = asyncio.create_task(self._resolve(order_id))
        self._resolving.add(task)
        task.add_done_callback(self._resolving.discard)

    async def _resolve(self, order_id: UUID) -> None:
        """Query the reservation until it is known which order needs it, if any; then synchronize that order, or release."""
        seen_revision = 0
        began = time.monotonic()
        while time.monotonic() < began + settings.STOCK_HOLD_SECONDS:
            try:
                stock = await self._products_apart.stock_of(order_id, Deadline.after(1))
                order = await database.run(on_primary, find, order_id)
                if order and _is_foreign(stock, order):
                    await database.run(request_sync, order_id=order_id, request_id=str(uuid4()))
                    return
                if (order or stock.state != "held") and time.monotonic() > began + LATE_SECONDS:
                    return
                if not order and _is_unchanged(stock, seen_revision) and not self._is_in_flight(order_id):
                    await self._products_apart.release(order_id, stock.revision, Deadline.after(1))
                    return
                seen_revision = stock.revision if stock.state == "held" else 0
                await asyncio.sleep(WATCH_SECONDS)
            except DependencyUnavailable:
                await asyncio.sleep(RETRY_SECONDS)


def _is_foreign(stock: Stock, order: OrderRecord) -> bool:
    """Return whether the held stock is not this order's reservation, or the order no longer needs it."""
    return stock.state == "held" and (stock.revision != order.row.stock_revision or order.row.status in TERMINATED)


def _is_unchanged(stock: Stock, seen_revision: int) -> bool:
    return stock.state == "held" and stock.revision == seen_revision
