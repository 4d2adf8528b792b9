"""What Celery carries out after a commit: carts cleared, holds committed or released. Every effect is repeatable.

A row of the outbox is done when its neighbour has confirmed the effect; until then it comes again. What a neighbour
refuses for good becomes a dead letter.
"""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from clients.deadline import Deadline
from clients.errors import HoldGone
from clients.service_clients import ServiceClients
from clients.tracing import request_id
from orders.domain.errors import DependencyUnavailable, NotCancellable
from orders.outbox import queue
from orders.outbox.dead_letters import give_up, give_up_if_old
from orders.outbox.effects import STOCK_KINDS, Kind
from orders.services.operations.stock import OrderStock, StockDiffers, stock_of_orders, sync_stock
from orders.store import database
from orders.store.models import OutboxMessage

BATCH_SIZE = 20
"""Effects under way in one worker process."""

SECONDS = 5
"""What one effect may take, retries included; shorter than a row's lease."""

log = structlog.get_logger()


async def carry_out(ids: Sequence[int], services: ServiceClients) -> None:
    """Bring the outbox rows of these ids into effect, as many at once as is polite. Rows already done are passed over."""
    rows, stock = await database.run(_read, ids)
    room = asyncio.Semaphore(BATCH_SIZE)
    outcomes = await asyncio.gather(*(_carry_out(row, stock, services, room) for row in rows))
    done = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if in_effect]
    failed = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if not in_effect]
    if done:
        await database.run(queue.done, done)
    if failed:
        await database.run(queue.put_back, failed)


def _read(ids: Sequence[int]) -> tuple[list[OutboxMessage], dict[UUID, OrderStock]]:
    """The rows of these ids, and the orders that some of them bring Product in step with.

    An order that changes meanwhile has a row for that behind this one in its lane.
    """
    rows = list(OutboxMessage.objects.filter(id__in=ids))
    return rows, stock_of_orders([row.order_id for row in rows if row.kind in STOCK_KINDS])


async def _carry_out(
    row: OutboxMessage, stock: Mapping[UUID, OrderStock], services: ServiceClients, room: asyncio.Semaphore
) -> bool:
    request_id.set(row.request_id)
    async with room:
        try:
            if row.kind == Kind.CLEAR_CART:
                await _clear_cart(row, services, Deadline.after(SECONDS))
            else:
                await sync_stock(stock[row.order_id], services.products, row.request_id, Deadline.after(SECONDS))
        except (NotCancellable, StockDiffers) as error:
            await database.run(give_up, row, str(error) or type(error).__name__)
        except Exception as error:  # one effect that fails, however it fails, must not take the others with it
            expected = isinstance(error, DependencyUnavailable | HoldGone)
            log.warning(
                "effect_failed", kind=row.kind, order_id=str(row.order_id), attempts=row.attempts, exc_info=not expected
            )
            return await database.run(give_up_if_old, row, str(error) or type(error).__name__)
    return True


async def _clear_cart(row: OutboxMessage, services: ServiceClients, deadline: Deadline) -> None:
    await services.carts.clear(row.payload["customer_id"], row.order_id, row.payload["version"], deadline)
