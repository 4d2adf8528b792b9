"""What Celery carries out after a commit: carts cleared, holds committed or released. Every effect is repeatable.

A row of the outbox is done when its neighbour has confirmed the effect; until then it comes again. What a neighbour
refuses for good becomes a dead letter.
"""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings

from clients.deadline import Deadline
from clients.errors import HoldCommitted, HoldGone, RestockRefused
from clients.neighbours import Neighbours
from clients.tracing import request_id
from orders import database, outbox
from orders.errors import DependencyUnavailable, NotCancellable, OutOfStock
from orders.lifecycle import DEAD, OrderStatus
from orders.models import Order, OrderItem, OutboxMessage
from orders.services.cancel import cancel_for_lack_of_stock
from orders.services.dead_letters import give_up, give_up_if_old

AT_ONCE = 20
"""Effects under way in one worker process."""

SECONDS = 5
"""What one effect may take, retries included; shorter than a row's lease."""

log = structlog.get_logger()


async def carry_out(ids: Sequence[int], neighbours: Neighbours) -> None:
    """Bring the outbox rows of these ids into effect, as many at once as is polite. Rows already done are passed over."""
    rows = await database.run(lambda: list(OutboxMessage.objects.filter(id__in=ids)))
    room = asyncio.Semaphore(AT_ONCE)
    outcomes = await asyncio.gather(*(_carry_out(row, neighbours, room) for row in rows))
    done = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if in_effect]
    failed = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if not in_effect]
    if done:
        await database.run(outbox.done, done)
    if failed:
        await database.run(outbox.put_back, failed)


async def _carry_out(row: OutboxMessage, neighbours: Neighbours, room: asyncio.Semaphore) -> bool:
    request_id.set(row.request_id)
    async with room:
        try:
            await EFFECTS[row.kind](row, neighbours, Deadline.after(SECONDS))
        except (NotCancellable, RestockRefused) as error:
            await database.run(give_up, row, str(error) or type(error).__name__)
        except Exception as error:  # one effect that fails, however it fails, must not take the others with it
            expected = isinstance(error, DependencyUnavailable | HoldGone)
            log.warning(
                "effect_failed", kind=row.kind, order_id=str(row.order_id), attempts=row.attempts, exc_info=not expected
            )
            return await database.run(give_up_if_old, row, str(error) or type(error).__name__)
    return True


async def _clear_cart(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    await neighbours.carts.clear(row.payload["customer_id"], row.order_id, row.payload["version"], deadline)


async def _release_stock(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    await neighbours.products.release(row.order_id, 0, deadline)


async def _restock_items(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    """Put sold units back; an order that never came to be sold has nothing to put back."""
    restock_id, lines = uuid.UUID(row.payload["restock_id"]), row.payload["lines"]
    try:
        await neighbours.products.restock(restock_id, row.order_id, lines, deadline)
    except RestockRefused:
        if await neighbours.products.is_sold(row.order_id, deadline):
            raise


async def _hold_stock(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    """Hold again what a pending order holds no more, for as long as its hold would last; when it is short, cancel the order."""
    order = await database.run(Order.objects.filter(id=row.order_id, status=OrderStatus.PENDING).first)
    if order is None:
        return
    lines = await database.run(_lines_if_alive, order.id)
    ends_at = order.expires_at + timedelta(seconds=settings.STOCK_HOLD_SECONDS - settings.ORDER_EXPIRY_SECONDS)
    seconds = max(1, int((ends_at - datetime.now(UTC)).total_seconds()))
    with suppress(HoldCommitted):  # it has been paid for and sold
        try:
            await neighbours.products.reserve(order.id, lines, seconds, deadline)
        except OutOfStock:
            await database.run(cancel_for_lack_of_stock, order.id, row.request_id)


async def _commit_stock(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    """Sell what the order holds; when the hold is gone, hold it again first, and when that is short, cancel the order."""
    try:
        await neighbours.products.commit(row.order_id, deadline)
        return
    except HoldGone:
        lines = await database.run(_lines_if_alive, row.order_id)
    if not lines:
        return
    with suppress(HoldCommitted):  # a repetition of this very effect was quicker
        try:
            await neighbours.products.reserve(row.order_id, lines, settings.STOCK_HOLD_SECONDS, deadline)
        except OutOfStock:
            await database.run(cancel_for_lack_of_stock, row.order_id, row.request_id)
            return
    await neighbours.products.commit(row.order_id, deadline)


EFFECTS: Mapping[str, Callable[[OutboxMessage, Neighbours, Deadline], Awaitable[None]]] = {
    outbox.Kind.CLEAR_CART: _clear_cart,
    outbox.Kind.HOLD_STOCK: _hold_stock,
    outbox.Kind.COMMIT_STOCK: _commit_stock,
    outbox.Kind.RELEASE_STOCK: _release_stock,
    outbox.Kind.RESTOCK_ITEMS: _restock_items,
}


def _lines_if_alive(order_id: uuid.UUID) -> dict[str, int]:
    """What the order has to hold; nothing when it has been cancelled meanwhile."""
    items = OrderItem.objects.filter(order_id=order_id).exclude(order__status__in=DEAD)
    return dict(items.values_list("product_id", "quantity"))
