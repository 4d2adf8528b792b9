"""Checkout: the customer's cart becomes a placed order, or nothing happens. The way through this file is forward.

Neighbours answer first, the database is written once, last. Safe to repeat: the order's id comes from the customer and
the Idempotency-Key, so a copy of the request finds the first one's order, in this process and in any other.
"""

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from django.conf import settings

from clients.carts import Cart
from clients.deadline import Deadline
from clients.errors import HoldCommitted, NotAsked
from clients.neighbours import Neighbours
from clients.products import Held
from orders import database
from orders.callers import Actor, Caller
from orders.errors import (
    AddressRequired,
    CartChanged,
    CouponUnavailable,
    CustomerInactive,
    DependencyUnavailable,
    EmptyCart,
    IdempotencyKeyReused,
    OrderError,
    OutOfStock,
    Overloaded,
    TotalChanged,
)
from orders.lifecycle import DEAD
from orders.metrics import CHECKOUTS_IN_FLIGHT
from orders.models import order_id_of
from orders.money import same_amount, to_decimal_string
from orders.pricing import Pricing, check_size, price
from orders.queueing import Pace
from orders.rows import OrderRecord
from orders.services.new_order import new_order
from orders.services.read import as_placed, find
from orders.writer import Writer

AGAIN_SECONDS = 1
"""Between two tries to ask who can't be asked."""

SETTLE_SECONDS = 3
"""How long a hold whose checkout failed without a clear end is watched before it is given back: longer than any other
process needs between reserving under the same key and writing."""

SETTLE_TRIES = 30


@dataclass(frozen=True, slots=True)
class Wish:
    """What the body of a checkout or a quote says; None where it says nothing."""

    shipping_address: dict[str, str] | None
    cart_version: int | None
    expected_total: str | None
    coupon_code: str | None
    note: str


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


class CheckoutDesk:
    """The checkouts of one process. Copies of one request share one task, which no disconnect can cancel."""

    def __init__(self, neighbours: Neighbours) -> None:
        self._neighbours = neighbours
        self._writer = Writer()
        self._under_way: dict[UUID, asyncio.Task[Placed]] = {}
        self._settling: set[asyncio.Task[None]] = set()
        self._room = asyncio.Semaphore(settings.CHECKOUTS_IN_FLIGHT)
        self._pace = Pace()
        self._is_flooded = False

    def has_room_behind(self, others: int) -> bool:
        """Whether a checkout would surely get its turn in time, with so many others in this process that have not ended.

        Surely: within a quarter of the longest wait, for who waits in vain has cost a third of who is served. In a flood
        nobody waits at all: there is always somebody at the door when room is free.
        """
        room = int(settings.CHECKOUTS_IN_FLIGHT)
        waiting = others + 1 - room
        if others < room // 2:
            self._is_flooded = False
        if waiting <= 0:
            return True
        if self._is_flooded:
            return False
        wait = self._pace.wait(waiting)
        has_room = waiting <= room if wait is None else wait <= float(settings.CHECKOUT_QUEUE_MS) / 4000
        self._is_flooded = not has_room
        return has_room

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
        """Wait for the checkouts under way; holds still being settled are left to their expiry."""
        if self._under_way:
            await asyncio.wait(self._under_way.values())
        for task in self._settling:
            task.cancel()

    async def _admit(self, checkout: Checkout) -> Placed:
        try:
            async with asyncio.timeout(settings.CHECKOUT_QUEUE_MS / 1000):
                await self._room.acquire()
        except TimeoutError:
            raise Overloaded("Too many checkouts at once: send the same request again in a second.") from None
        try:
            with CHECKOUTS_IN_FLIGHT.track_inprogress():
                return await self._in_time(checkout)
        finally:
            self._pace.departs(from_full=self._room.locked())
            self._room.release()

    async def _in_time(self, checkout: Checkout) -> Placed:
        """Neighbours are given what is left of the budget; what takes more all the same is the database."""
        try:
            async with asyncio.timeout(settings.CHECKOUT_BUDGET_SECONDS):
                return await self._place(checkout, Deadline.after(settings.CHECKOUT_BUDGET_SECONDS))
        except TimeoutError:
            self._settle_later(checkout.order_id)
            raise DependencyUnavailable("database", "the time for a checkout is over") from None

    async def _place(self, checkout: Checkout, deadline: Deadline) -> Placed:
        if placed := await database.run(find, checkout.order_id):
            return _replay(placed, checkout)
        address, cart = await self._customer_and_cart(checkout, deadline)
        try:
            held = await self._reserve(checkout.order_id, cart.lines, deadline)
        except HoldCommitted as error:
            return await self._found_or(
                checkout, DependencyUnavailable("product", "the order's hold is sold already"), error
            )
        try:
            pricing = price(cart.lines, held.products, cart.currency)
            check_total(checkout.wish, pricing)
        except OrderError as refusal:
            return await self._refuse(checkout, held, refusal)
        return await self._write(checkout, cart, pricing, address)

    async def _customer_and_cart(self, checkout: Checkout, deadline: Deadline) -> tuple[dict[str, str], Cart]:
        customer, cart = await both(
            self._neighbours.users.active_customer(checkout.caller.id, deadline),
            self._neighbours.carts.filled_cart(checkout.caller.id, deadline),
        )
        if customer is None:
            raise CustomerInactive("This account is unknown or closed: orders can't be placed with it.")
        address = checkout.wish.shipping_address or customer.address
        if address is None:
            raise AddressRequired("Say where to deliver: your profile has no default address.")
        return address, check_cart(cart, checkout.wish)

    async def _reserve(self, order_id: UUID, lines: Mapping[str, int], deadline: Deadline) -> Held:
        try:
            return await self._neighbours.products.reserve(order_id, lines, settings.STOCK_HOLD_SECONDS, deadline)
        except NotAsked:
            raise
        except DependencyUnavailable:
            self._settle_later(order_id)
            raise

    async def _write(self, checkout: Checkout, cart: Cart, pricing: Pricing, address: dict[str, str]) -> Placed:
        actor = Actor.of(checkout.caller, checkout.request_id)
        order = new_order(checkout.order_id, actor, pricing, address, checkout.wish.note, cart.version, checkout.hash)
        try:
            if await self._writer.write(order):
                return Placed(order.record, replayed=False)
        except Exception:  # whatever it was, nobody else would give the hold back
            self._settle_later(checkout.order_id)
            raise
        return await self._lose(checkout, cart.lines)

    async def _lose(self, checkout: Checkout, lines: Mapping[str, int]) -> Placed:
        """A copy in another process was quicker: answer with its order, and make the hold fit that one again."""
        placed = await database.run(find, checkout.order_id)
        if placed is None:
            raise DependencyUnavailable("database", "the order was there and is not")
        if lines != {item.product_id: item.quantity for item in placed.items}:
            self._settle_later(checkout.order_id)
        return _replay(placed, checkout)

    async def _hold_again(self, order: OrderRecord) -> None:
        """Make the hold that of the order as it was placed, whatever a copy with another cart has made of it."""
        if order.row.status in DEAD:
            return
        lines = {item.product_id: item.quantity for item in order.items}
        with suppress(HoldCommitted, OutOfStock):  # sold already; or short, which the commit will find out
            await self._neighbours.products.reserve(
                order.row.id, lines, settings.STOCK_HOLD_SECONDS, Deadline.after(settings.PRODUCT_RESERVE_SECONDS)
            )

    async def _refuse(self, checkout: Checkout, held: Held, refusal: OrderError) -> Placed:
        """Give the hold back and raise `refusal`, unless a copy in another process has placed the order meanwhile.

        A hold that isn't the first under its key may be what such a copy is about to write: that one is watched first.
        """
        if placed := await database.run(find, checkout.order_id):
            self._settle_later(checkout.order_id)
            return _replay(placed, checkout)
        if held.revision > 1:
            self._settle_later(checkout.order_id)
            raise refusal
        try:
            await self._neighbours.products.release(checkout.order_id, held.revision, Deadline.after(1))
        except DependencyUnavailable:
            self._settle_later(checkout.order_id)
        raise refusal

    async def _found_or(self, checkout: Checkout, otherwise: OrderError, cause: Exception) -> Placed:
        if placed := await database.run(find, checkout.order_id):
            return _replay(placed, checkout)
        raise otherwise from cause

    def _settle_later(self, order_id: UUID) -> None:
        task = asyncio.create_task(self._settle(order_id))
        self._settling.add(task)
        task.add_done_callback(self._settling.discard)

    async def _settle(self, order_id: UUID) -> None:
        """Give back what a checkout without a clear end may hold; if its order exists after all, hold that one's lines."""
        watched = -1
        for _ in range(SETTLE_TRIES):
            try:
                if placed := await database.run(find, order_id):
                    await self._hold_again(placed)
                    return
                revision = await self._neighbours.products.held_revision(order_id, Deadline.after(1))
                if revision == 0:
                    return
                if revision == watched and order_id not in self._under_way:
                    await self._neighbours.products.release(order_id, revision, Deadline.after(1))
                    return
                watched = revision
                await asyncio.sleep(SETTLE_SECONDS)
            except DependencyUnavailable:
                await asyncio.sleep(AGAIN_SECONDS)


def check_cart(cart: Cart | None, wish: Wish) -> Cart:
    """The cart, when it can be ordered as wished. Raises the OrderError that says why not."""
    if cart is None:
        raise EmptyCart("The cart is empty: put something into it first.")
    check_size(cart.lines)
    if wish.cart_version not in (None, cart.version):
        raise CartChanged(
            f"The cart is at version {cart.version}, not {wish.cart_version}: look at it again, then order.",
            current_version=cart.version,
        )
    if wish.coupon_code is not None:
        raise CouponUnavailable(f"The coupon {wish.coupon_code} can't be used: order without it.")
    return cart


async def both(first: Any, second: Any) -> tuple[Any, Any]:
    """Await two calls at the same time; when one fails, the other is cancelled and its failure not waited for."""
    tasks = [asyncio.ensure_future(first), asyncio.ensure_future(second)]
    try:
        return tuple(await asyncio.gather(*tasks))
    finally:
        for task in tasks:
            task.cancel()


def check_total(wish: Wish, pricing: Pricing) -> None:
    """Raise TotalChanged when the order comes to something else than the customer agreed to."""
    if wish.expected_total is None or same_amount(wish.expected_total, pricing.total, pricing.currency):
        return
    total = to_decimal_string(pricing.total, pricing.currency)
    raise TotalChanged(
        f"The order comes to {total} {pricing.currency} now: look at it again, then order.", current_total=total
    )


def _replay(order: OrderRecord, checkout: Checkout) -> Placed:
    if order.row.request_hash != checkout.hash:
        raise IdempotencyKeyReused(
            "This Idempotency-Key has placed an order from another body: send the same body, or a new key."
        )
    return Placed(as_placed(order), replayed=True)
