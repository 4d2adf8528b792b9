"""The synchronization of Product's stock with an order's state: held while pending, sold once confirmed, else released.

One function serves every status, for it depends on the order's state only: a late or repeated call, or one after a
failure, has the same result. Only the lines of active vendor orders are ever reserved, and only the reservation that the
order has stored (`stock_revision`) is ever sold.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction

from clients.deadline import Deadline
from clients.errors import HoldCommitted, HoldGone, RestockRefused
from clients.products import Products, Stock
from orders.domain.errors import OutOfStock
from orders.domain.lifecycle import TERMINATED, OrderStatus, VendorOrderStatus
from orders.outbox import queue
from orders.outbox.effects import commit_stock, hold_stock, release_stock
from orders.services.lifecycle.cancel import cancel_for_lack_of_stock
from orders.store import database
from orders.store.models import Order, OrderItem

Lines = Mapping[str, int]
"""Units by product id."""


class StockDiffers(Exception):
    """Product has sold other units than the order has, or refuses a restock: an admin must decide."""


@dataclass(frozen=True, slots=True)
class OrderStock:
    """The stock of an order: the lines of its active vendor orders, and those of the cancelled ones by their ids."""

    order: Order
    active: Lines
    cancelled: Mapping[UUID, Lines]

    def is_sold_in(self, sold: Lines) -> bool:
        """Return whether `sold` are this order's units: all active lines, and at most those of cancelled vendor orders."""
        cancelled = {product_id: units for lines in self.cancelled.values() for product_id, units in lines.items()}
        return self.active.items() <= sold.items() <= {**cancelled, **self.active}.items()


def stock_of_orders(*, order_ids: list[UUID]) -> dict[UUID, OrderStock]:
    """Return these orders with their lines."""
    active: dict[UUID, dict[str, int]] = {order_id: {} for order_id in order_ids}
    cancelled: dict[UUID, dict[UUID, dict[str, int]]] = {order_id: {} for order_id in order_ids}
    items = OrderItem.objects.filter(order_id__in=order_ids).select_related("vendor_order")
    for item in items:
        lines = active[item.order_id]
        if item.vendor_order.status == VendorOrderStatus.CANCELLED:
            lines = cancelled[item.order_id].setdefault(item.vendor_order_id, {})
        lines[item.product_id] = item.quantity
    orders = Order.objects.filter(id__in=order_ids)
    return {order.id: OrderStock(order, active[order.id], cancelled[order.id]) for order in orders}


def request_sync(*, order_id: UUID, request_id: str) -> None:
    """Enqueue the synchronization of the order with Product."""
    with transaction.atomic():
        order = Order.objects.get(id=order_id)
        effects = {OrderStatus.PENDING: hold_stock, **dict.fromkeys(TERMINATED, release_stock)}
        effect = effects.get(OrderStatus(order.status), commit_stock)
        queue.add(order, request_id, [effect()])


async def sync_stock(*, wanted: OrderStock, products: Products, request_id: str, deadline: Deadline) -> None:
    """Hold, commit, release or restock the order's units at Product by the order's state. Repeatable.

    Raises StockDiffers or NotCancellable when that is impossible, DependencyUnavailable when the outcome is unknown,
    PreconditionFailed when the order has changed since it was read.
    """
    if wanted.order.status == OrderStatus.PENDING:
        await _hold(wanted, products, request_id, deadline)
    elif wanted.order.status in TERMINATED:
        stock = await products.release(wanted.order.id, 0, deadline)
        if stock.state == "sold":
            await _restock(wanted, products, deadline)
    elif await _sell(wanted, products, request_id, deadline):
        await _restock(wanted, products, deadline)


async def _hold(wanted: OrderStock, products: Products, request_id: str, deadline: Deadline) -> None:
    """Reserve a pending order's lines until its first reservation would expire."""
    order = wanted.order
    ends_at = order.expires_at + timedelta(seconds=settings.STOCK_HOLD_SECONDS - settings.ORDER_EXPIRY_SECONDS)
    seconds = max(1, int((ends_at - datetime.now(UTC)).total_seconds()))
    try:
        await _reserve(wanted, seconds, products, request_id, deadline)
    except HoldCommitted as error:
        now = await database.run(stock_of_orders, order_ids=[order.id])
        if now[order.id].order.status == OrderStatus.PENDING:  # else a later effect has already run
            raise StockDiffers("Product has sold the stock of an unpaid order") from error


async def _sell(wanted: OrderStock, products: Products, request_id: str, deadline: Deadline) -> bool:
    """Commit the order's own reservation; when it has lapsed, reserve again first. Return whether the stock is sold."""
    order = wanted.order
    try:
        if not order.stock_revision:
            raise HoldGone
        stock = await products.commit(order.id, order.stock_revision, deadline)
    except HoldGone:
        again = await _reserve_and_commit(wanted, products, request_id, deadline)
        if again is None:
            return False
        stock = again
    if stock.lines and not wanted.is_sold_in(stock.lines):
        raise StockDiffers("Product has sold other units than the order has")
    return True


async def _reserve_and_commit(
    wanted: OrderStock, products: Products, request_id: str, deadline: Deadline
) -> Stock | None:
    try:
        revision = await _reserve(wanted, settings.STOCK_HOLD_SECONDS, products, request_id, deadline)
    except HoldCommitted:  # an earlier attempt succeeded without a response
        return await products.stock_of(wanted.order.id, deadline)
    return None if revision is None else await products.commit(wanted.order.id, revision, deadline)


async def _reserve(
    wanted: OrderStock, seconds: int, products: Products, request_id: str, deadline: Deadline
) -> int | None:
    """Reserve exactly the active lines; return the revision, or None when the order had to be cancelled.

    Another hold under the order's id is replaced, or released when the stock is short.
    """
    order_id = wanted.order.id
    try:
        held = await products.reserve(order_id, wanted.active, seconds, deadline)
    except OutOfStock:
        await products.release(order_id, 0, deadline)
        version = wanted.order.version
        await database.run(cancel_for_lack_of_stock, order_id=order_id, version=version, request_id=request_id)
        return None
    await database.run(_store_revision, order_id, held.revision)
    return held.revision


def _store_revision(order_id: UUID, revision: int) -> None:
    Order.objects.filter(id=order_id).update(stock_revision=revision)


async def _restock(wanted: OrderStock, products: Products, deadline: Deadline) -> None:
    """Restock the sold units of cancelled vendor orders, once each; an unsold one has nothing to restock."""
    for vendor_order_id, lines in wanted.cancelled.items():
        try:
            await products.restock(vendor_order_id, wanted.order.id, lines, deadline)
        except RestockRefused as error:
            stock = await products.stock_of(wanted.order.id, deadline)
            if not stock.lines or lines.keys() & stock.lines.keys():
                raise StockDiffers("Product refuses to restock the units of a cancelled vendor order") from error
