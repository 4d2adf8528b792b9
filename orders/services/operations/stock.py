"""Product's stock is brought to what an order says: held while it is pending, sold once it is confirmed, else given back.

One function for every step of an order's life, for it looks at the order's state alone: whatever is called late, twice or
after something else has failed ends in the same place. Only the lines of active vendor orders are ever reserved, and only
the reservation that the order has written down (`stock_revision`) is ever sold.
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
    """Product has sold other units than the order has, or refuses to take back what it sold: people must decide."""


@dataclass(frozen=True, slots=True)
class OrderStock:
    """An order as far as its stock goes: the lines of its active vendor orders, and of the cancelled ones by their ids."""

    order: Order
    active: Lines
    cancelled: Mapping[UUID, Lines]

    def is_sold_in(self, sold: Lines) -> bool:
        """Whether `sold` are this order's units: all active lines, and besides none but those of cancelled vendor orders."""
        cancelled = {product_id: units for lines in self.cancelled.values() for product_id, units in lines.items()}
        return self.active.items() <= sold.items() <= {**cancelled, **self.active}.items()


def stock_of_orders(order_ids: list[UUID]) -> dict[UUID, OrderStock]:
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


def request_sync(order_id: UUID, request_id: str) -> None:
    """Have the order synchronized with Product by the worker."""
    with transaction.atomic():
        order = Order.objects.get(id=order_id)
        effects = {OrderStatus.PENDING: hold_stock, **dict.fromkeys(TERMINATED, release_stock)}
        effect = effects.get(OrderStatus(order.status), commit_stock)
        queue.add(order, request_id, [effect()])


async def sync_stock(wanted: OrderStock, products: Products, request_id: str, deadline: Deadline) -> None:
    """Make Product hold, sell or take back what the order's state asks for. Repeatable.

    Raise StockDiffers or NotCancellable when that can't be done, DependencyUnavailable when it isn't known to be done.
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
    """Reserve a pending order's lines for as long as its first reservation would last."""
    order = wanted.order
    ends_at = order.expires_at + timedelta(seconds=settings.STOCK_HOLD_SECONDS - settings.ORDER_EXPIRY_SECONDS)
    seconds = max(1, int((ends_at - datetime.now(UTC)).total_seconds()))
    try:
        await _reserve(wanted, seconds, products, request_id, deadline)
    except HoldCommitted as error:
        now = await database.run(stock_of_orders, [order.id])
        if now[order.id].order.status == OrderStatus.PENDING:  # else a later step was quicker
            raise StockDiffers("Product has sold the stock of an order that nobody has paid for") from error


async def _sell(wanted: OrderStock, products: Products, request_id: str, deadline: Deadline) -> bool:
    """Turn the order's own reservation into a sale; when it is gone, reserve again first. Return whether it is sold."""
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
    except HoldCommitted:  # an earlier try was quicker than its answer
        return await products.stock_of(wanted.order.id, deadline)
    return None if revision is None else await products.commit(wanted.order.id, revision, deadline)


async def _reserve(
    wanted: OrderStock, seconds: int, products: Products, request_id: str, deadline: Deadline
) -> int | None:
    """Make the reservation exactly the active lines; return its revision, None when the order had to be cancelled.

    Whatever else is held under the order's id goes with it, also when the stock is short.
    """
    order_id = wanted.order.id
    try:
        held = await products.reserve(order_id, wanted.active, seconds, deadline)
    except OutOfStock:
        await products.release(order_id, 0, deadline)
        await database.run(cancel_for_lack_of_stock, order_id, request_id)
        return None
    await database.run(_remember, order_id, held.revision)
    return held.revision


def _remember(order_id: UUID, revision: int) -> None:
    Order.objects.filter(id=order_id).update(stock_revision=revision)


async def _restock(wanted: OrderStock, products: Products, deadline: Deadline) -> None:
    """Put back what cancelled vendor orders sold, once for each; one that was never sold has nothing to put back."""
    for vendor_order_id, lines in wanted.cancelled.items():
        try:
            await products.restock(vendor_order_id, wanted.order.id, lines, deadline)
        except RestockRefused as error:
            stock = await products.stock_of(wanted.order.id, deadline)
            if not stock.lines or lines.keys() & stock.lines.keys():
                raise StockDiffers("Product does not take back the units of a cancelled vendor order") from error
