"""Checkout: turn the customer's cart into a placed order, or change nothing.

The other services are called first, the database is written once, last. Idempotent: the order's id is derived from the
customer and the Idempotency-Key, so a repeated request finds the existing order, in any process.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from django.conf import settings

from clients.carts import Cart
from clients.deadline import Deadline
from clients.errors import HoldCommitted
from clients.service_clients import ServiceClients
from orders.coupons.redemptions import insert_with_coupons
from orders.coupons.rules import RedeemableCoupon
from orders.domain.callers import Actor
from orders.domain.errors import (
    CartAlreadyOrdered,
    CouponUnavailable,
    DependencyUnavailable,
    IdempotencyKeyReused,
    OrderError,
    OutOfStock,
)
from orders.domain.pricing import price
from orders.domain.records import OrderRecord
from orders.outbox.queue import end_lease
from orders.runtime.concurrency import ConcurrencyLimiter
from orders.runtime.metrics import CHECKOUTS_IN_FLIGHT
from orders.services.checkout.checkout_request import (
    CheckoutRequest,
    applied_coupons,
    check_cart,
    check_total,
    customer_and_cart,
    delivery_address,
    redeemable_coupons,
)
from orders.services.checkout.new_order import new_order
from orders.services.checkout.reservations import Reservation, StockReservations
from orders.store import database
from orders.store.batches import Batches
from orders.store.order_queries import as_placed, confirmed, existing, find_by_ids, find_order_of_cart
from orders.store.order_writer import NewOrder, OnWritten, OrderWriter, insert_orders


@dataclass(frozen=True, slots=True)
class PlacedOrder:
    """The order as placed; `replayed` is true for the order of an earlier request."""

    order: OrderRecord
    replayed: bool


LOOK_UPS = 64
"""Checkouts whose earlier orders are looked up in one statement."""


@dataclass(frozen=True, slots=True)
class _InFlight:
    """A checkout in progress, and the hash of its body: repeated requests await the same task."""

    task: asyncio.Task[PlacedOrder]
    request_hash: str


class CheckoutService:
    """The checkouts of one process. Repeated requests share one task, which no disconnect can cancel.

    `on_written` is called for each order whose transaction has committed.
    """

    def __init__(self, services: ServiceClients, on_written: OnWritten) -> None:
        self._services = services
        self._writer = OrderWriter(insert_orders, on_written)
        # Batches of one coupon wait for each other anyway: a second one would only occupy a database thread.
        self._coupon_writer = OrderWriter(insert_with_coupons, on_written, max_concurrent=1)
        self._look_ups = Batches(_have_orders, LOOK_UPS, max_concurrent=2)
        self._in_flight: dict[UUID, _InFlight] = {}
        self._reservations = StockReservations(services.products, self._in_flight.__contains__)
        self.limiter = ConcurrencyLimiter(settings.CHECKOUTS_IN_FLIGHT, settings.CHECKOUT_QUEUE_MS / 1000)

    async def place(self, *, request: CheckoutRequest) -> PlacedOrder:
        """Place an order from the customer's cart.

        Idempotent: a retry returns the existing order. The checkout continues when its awaiting task is cancelled.

        Raises:
            OrderError: the checkout is refused; nothing is reserved or stored.
            DependencyUnavailable: the outcome is unknown; retry with the same key.
        """
        order_id = request.order_id
        while first := self._in_flight.get(order_id):
            await asyncio.wait([first.task])
            error = first.task.exception()
            if error is None:
                return _replay(first.task.result().order, request)
            if first.request_hash == request.hash:
                raise error
        task = asyncio.create_task(self._place_in_time(request))
        self._in_flight[order_id] = _InFlight(task, request.hash)
        task.add_done_callback(lambda task: self._forget(order_id, task))
        return await asyncio.shield(task)

    async def finish(self) -> None:
        """Wait for the checkouts in flight, then some seconds for their unresolved reservations."""
        if self._in_flight:
            await asyncio.wait([each.task for each in self._in_flight.values()])
        await self._reservations.finish()

    def _forget(self, order_id: UUID, task: asyncio.Task[PlacedOrder]) -> None:
        """Remove an ended checkout; mark its error as retrieved even when the client has disconnected."""
        del self._in_flight[order_id]
        if not task.cancelled():
            task.exception()

    async def _place_in_time(self, request: CheckoutRequest) -> PlacedOrder:
        """Place the order within the time budget, which bounds the calls to other services; only the database can exceed it."""
        budget = settings.CHECKOUT_BUDGET_SECONDS
        async with self.limiter.slot():
            with CHECKOUTS_IN_FLIGHT.track_inprogress():
                try:
                    async with asyncio.timeout(budget):
                        return await self._place(request, Deadline.after(budget))
                except TimeoutError:
                    raise DependencyUnavailable("database", "the checkout timed out") from None

    async def _place(self, request: CheckoutRequest, deadline: Deadline) -> PlacedOrder:
        if await self._look_ups.run(request) and (placed := await _find(request)):
            return _replay(placed, request)
        customer, cart = await customer_and_cart(
            customer_id=request.caller.id, services=self._services, deadline=deadline
        )
        address = delivery_address(body=request.body, customer=customer)
        cart = check_cart(cart=cart, body=request.body)
        try:
            coupons = await redeemable_coupons(customer_id=request.caller.id, cart=cart, body=request.body)
        except CouponUnavailable as refusal:
            return await _replay_or_refuse(request, refusal, cart)
        try:
            async with self._reservations.reserve(
                order_id=request.order_id, lines=cart.lines, deadline=deadline
            ) as reservation:
                return await self._write(request, cart, address, coupons, reservation)
        except HoldCommitted:
            sold = DependencyUnavailable("product", "the order's stock has already been sold")
            return await _replay_or_refuse(request, sold, cart)
        except OutOfStock as error:
            return await _replay_or_refuse(request, error, cart)

    async def _write(
        self,
        request: CheckoutRequest,
        cart: Cart,
        address: dict[str, str],
        coupons: Sequence[RedeemableCoupon],
        reservation: Reservation,
    ) -> PlacedOrder:
        try:
            adjusters = [coupon.adjust for coupon in coupons]
            pricing = price(cart.lines, reservation.products, cart.currency, adjusters)
            check_total(body=request.body, pricing=pricing)
        except OrderError as refusal:
            return await _replay_or_refuse(request, refusal)
        order = new_order(
            order_id=request.order_id,
            actor=Actor.of(request.caller, request.request_id),
            pricing=pricing,
            address=address,
            note=request.body.note,
            cart_version=cart.version,
            request_hash=request.hash,
            stock_revision=reservation.revision,
            coupon_code=next(iter(request.body.coupon_codes), None),
            coupons=applied_coupons(coupons=coupons, pricing=pricing),
        )
        return await self._store(request, cart, order, reservation)

    async def _store(
        self, request: CheckoutRequest, cart: Cart, order: NewOrder, reservation: Reservation
    ) -> PlacedOrder:
        """Write the order and keep its reservation, or return the order that a repeated request has placed meanwhile."""
        writer = self._coupon_writer if order.order.coupons else self._writer
        refusal: OrderError = DependencyUnavailable("database", "another order of this cart was just terminated")
        try:
            if await writer.write(order):
                reservation.keep()
                return PlacedOrder(order.record, replayed=False)
        except CouponUnavailable as error:
            refusal = error
        placed = await _replay_or_refuse(request, refusal, cart)
        row = placed.order.row
        if (row.id, row.stock_revision) == (request.order_id, reservation.revision):
            # The order is this one: it was written twice because the first response was lost, and its rows were not relayed.
            reservation.keep()
            await database.run(end_lease, row.id)
        return placed


def _have_orders(batch: Sequence[CheckoutRequest]) -> list[bool]:
    """Return for each request whether an order of its key exists."""
    ids = existing({order_id for each in batch for order_id in (each.order_id, each.earlier_order_id)})
    return [each.order_id in ids or each.earlier_order_id in ids for each in batch]


async def _find(request: CheckoutRequest) -> OrderRecord | None:
    return await database.run(confirmed, find_by_ids, request.order_id, request.earlier_order_id)


async def _replay_or_refuse(request: CheckoutRequest, refusal: OrderError, cart: Cart | None = None) -> PlacedOrder:
    """Return the order that a repeated request has placed meanwhile, else raise the most specific refusal.

    With `cart`, an order of the same cart version may have caused `refusal`: it has the stock, or was written first.
    """
    if placed := await _find(request):
        return _replay(placed, request)
    if cart and (other := await database.run(confirmed, find_order_of_cart, request.caller.id, cart.version)):
        raise CartAlreadyOrdered(
            "This version of the cart has already been ordered: see order_id. Change the cart to order again.",
            order_id=str(other),
        )
    raise refusal


def _replay(order: OrderRecord, request: CheckoutRequest) -> PlacedOrder:
    if order.row.request_hash != request.hash:
        raise IdempotencyKeyReused(
            "This Idempotency-Key was used with a different body. Send the same body or a new key."
        )
    return PlacedOrder(as_placed(order), replayed=True)
