"""Checkout: the customer's cart becomes a placed order, or nothing happens. The way through this file is forward.

Neighbours answer first, the database is written once, last. Safe to repeat: the order's id comes from the customer and
the Idempotency-Key, so a copy of the request finds the first one's order, in this process and in any other.
"""

import asyncio
import hashlib
from dataclasses import dataclass
from uuid import UUID

import msgspec
from django.conf import settings

from clients.carts import Cart
from clients.deadline import Deadline
from clients.errors import HoldCommitted, NotAsked
from clients.products import Held
from clients.service_clients import ServiceClients
from orders.domain.callers import Actor, Caller
from orders.domain.errors import (
    CartAlreadyOrdered,
    DependencyUnavailable,
    IdempotencyKeyReused,
    OrderError,
    OutOfStock,
)
from orders.domain.pricing import Pricing, price
from orders.domain.records import OrderRecord
from orders.runtime.concurrency import ConcurrencyLimiter
from orders.runtime.metrics import CHECKOUTS_IN_FLIGHT
from orders.services.checkout.checkout_request import Wish, check_cart, check_total, customer_and_cart, delivery_address
from orders.services.checkout.new_order import new_order
from orders.services.checkout.reservations import UnresolvedReservations
from orders.store import database
from orders.store.models import order_id_of
from orders.store.order_queries import as_placed, find, find_order_of_cart
from orders.store.order_writer import OrderWriter


@dataclass(frozen=True, slots=True)
class Checkout:
    """One request to check out."""

    caller: Caller
    idempotency_key: str
    request_id: str
    wish: Wish

    @property
    def order_id(self) -> UUID:
        return order_id_of(self.caller.id, self.idempotency_key)

    @property
    def hash(self) -> str:
        """SHA-256 of the body with its defaults filled in: tells a copy from another request under the same key."""
        return "\\x" + hashlib.sha256(msgspec.json.encode(self.wish, order="deterministic")).hexdigest()


@dataclass(frozen=True, slots=True)
class Placed:
    """The order as it was placed, and whether an earlier request placed it."""

    order: OrderRecord
    replayed: bool


class CheckoutService:
    """The checkouts of one process. Copies of one request share one task, which no disconnect can cancel."""

    def __init__(self, services: ServiceClients) -> None:
        self._services = services
        self._writer = OrderWriter()
        self._under_way: dict[UUID, asyncio.Task[Placed]] = {}
        self._unresolved = UnresolvedReservations(services.products, self._under_way.__contains__)
        self.limiter = ConcurrencyLimiter(settings.CHECKOUTS_IN_FLIGHT, settings.CHECKOUT_QUEUE_MS / 1000)

    async def place(self, checkout: Checkout) -> Placed:
        """Turn the customer's cart into a placed order, or raise the OrderError that stops it."""
        order_id = checkout.order_id
        while first := self._under_way.get(order_id):
            await asyncio.wait([first])
            if first.exception() is None:
                return _replay(first.result().order, checkout)
            if first.get_name() == checkout.hash:
                raise first.exception() or AssertionError("unreachable: it has failed")
        task = asyncio.create_task(self._admit(checkout), name=checkout.hash)
        self._under_way[order_id] = task
        task.add_done_callback(lambda task: self._ended(order_id, task))
        return await asyncio.shield(task)

    def _ended(self, order_id: UUID, task: asyncio.Task[Placed]) -> None:
        """Forget a checkout that has ended; its failure counts as seen even when the customer has gone."""
        del self._under_way[order_id]
        if not task.cancelled():
            task.exception()

    async def finish(self) -> None:
        """Wait for the checkouts under way, and some seconds for what the last of them may have left held."""
        if self._under_way:
            await asyncio.wait(self._under_way.values())
        await self._unresolved.finish()

    async def _admit(self, checkout: Checkout) -> Placed:
        async with self.limiter.slot():
            with CHECKOUTS_IN_FLIGHT.track_inprogress():
                return await self._in_time(checkout)

    async def _in_time(self, checkout: Checkout) -> Placed:
        """Neighbours are given what is left of the budget; what takes more all the same is the database."""
        try:
            async with asyncio.timeout(settings.CHECKOUT_BUDGET_SECONDS):
                return await self._place(checkout, Deadline.after(settings.CHECKOUT_BUDGET_SECONDS))
        except TimeoutError:
            self._unresolved.resolve_later(checkout.order_id)
            raise DependencyUnavailable("database", "the time for a checkout is over") from None

    async def _place(self, checkout: Checkout, deadline: Deadline) -> Placed:
        if placed := await database.run(find, checkout.order_id):
            return _replay(placed, checkout)
        address, cart = await self._customer_and_cart(checkout, deadline)
        try:
            held = await self._reserve(checkout.order_id, cart, deadline)
        except HoldCommitted as error:
            sold = DependencyUnavailable("product", "the order's hold is sold already")
            return await self._found_or(checkout, cart, sold, error)
        except OutOfStock as error:  # an order of this very cart may have the stock
            return await self._found_or(checkout, cart, error, None)
        try:
            pricing = price(cart.lines, held.products, cart.currency)
            check_total(checkout.wish, pricing)
        except OrderError as refusal:
            return await self._refuse(checkout, held, refusal)
        return await self._write(checkout, cart, held, pricing, address)

    async def _customer_and_cart(self, checkout: Checkout, deadline: Deadline) -> tuple[dict[str, str], Cart]:
        customer, cart = await customer_and_cart(checkout.caller.id, self._services, deadline)
        return delivery_address(checkout.wish, customer), check_cart(cart, checkout.wish)

    async def _reserve(self, order_id: UUID, cart: Cart, deadline: Deadline) -> Held:
        try:
            return await self._services.products.reserve(order_id, cart.lines, settings.STOCK_HOLD_SECONDS, deadline)
        except NotAsked:
            raise
        except DependencyUnavailable:
            self._unresolved.resolve_later(order_id)
            raise

    async def _write(
        self, checkout: Checkout, cart: Cart, held: Held, pricing: Pricing, address: dict[str, str]
    ) -> Placed:
        actor = Actor.of(checkout.caller, checkout.request_id)
        order = new_order(
            checkout.order_id, actor, pricing, address, checkout.wish.note, cart.version, checkout.hash, held.revision
        )
        try:
            if await self._writer.write(order):
                return Placed(order.record, replayed=False)
        except Exception:  # whatever it was, nobody else would give the hold back
            self._unresolved.resolve_later(checkout.order_id)
            raise
        return await self._lose(checkout, cart, held)

    async def _lose(self, checkout: Checkout, cart: Cart, held: Held) -> Placed:
        """Another order was written first: by a copy of this request, whose order is the answer, or from the same cart."""
        other = await database.run(find_order_of_cart, checkout.caller.id, cart.version)
        gone = DependencyUnavailable("database", "another order of this cart has just ended")
        return await self._refuse(checkout, held, _already_ordered(other) if other else gone)

    async def _refuse(self, checkout: Checkout, held: Held, refusal: OrderError) -> Placed:
        """Give the hold back and raise `refusal`, unless a copy in another process has placed the order meanwhile.

        A hold that isn't the first under its key may be what such a copy is about to write: that one is watched first.
        """
        if placed := await database.run(find, checkout.order_id):
            if held.revision > placed.row.stock_revision:  # this request has replaced that order's reservation
                self._unresolved.resolve_later(checkout.order_id)
            return _replay(placed, checkout)
        if held.revision > 1:
            self._unresolved.resolve_later(checkout.order_id)
            raise refusal
        try:
            await self._services.products.release(checkout.order_id, held.revision, Deadline.after(1))
        except DependencyUnavailable:
            self._unresolved.resolve_later(checkout.order_id)
        raise refusal

    async def _found_or(self, checkout: Checkout, cart: Cart, otherwise: OrderError, cause: Exception | None) -> Placed:
        """Answer with the order that a copy has written meanwhile; else refuse, with the reason that helps most."""
        if placed := await database.run(find, checkout.order_id):
            return _replay(placed, checkout)
        if other := await database.run(find_order_of_cart, checkout.caller.id, cart.version):
            raise _already_ordered(other)
        raise otherwise from cause


def _already_ordered(order_id: UUID) -> CartAlreadyOrdered:
    return CartAlreadyOrdered(
        "This version of the cart has been ordered already: see order_id. Change the cart to order again.",
        order_id=str(order_id),
    )


def _replay(order: OrderRecord, checkout: Checkout) -> Placed:
    if order.row.request_hash != checkout.hash:
        raise IdempotencyKeyReused(
            "This Idempotency-Key has placed an order from another body: send the same body, or a new key."
        )
    return Placed(as_placed(order), replayed=True)
