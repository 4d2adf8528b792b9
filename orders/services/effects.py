"""What Celery carries out after a commit: carts cleared, holds committed or released. Every effect is repeatable.

A row of the outbox is done when its neighbour has confirmed the effect; until then it comes again. What a neighbour
refuses for good becomes a dead letter.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import structlog
from django.conf import settings
from django.db import transaction

from clients.deadline import Deadline
from clients.errors import HoldGone
from clients.neighbours import Neighbours
from clients.tracing import request_id
from orders import database, outbox
from orders.errors import DependencyUnavailable, NotCancellable
from orders.models import OutboxMessage
from orders.services.dead_letters import bury_effect
from orders.services.stock import StockDiffers, sync_stock

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
        except (NotCancellable, StockDiffers) as error:
            await database.run(_give_up, row, str(error) or type(error).__name__)
        except Exception as error:  # one effect that fails, however it fails, must not take the others with it
            expected = isinstance(error, DependencyUnavailable | HoldGone)
            log.warning(
                "effect_failed", kind=row.kind, order_id=str(row.order_id), attempts=row.attempts, exc_info=not expected
            )
            return await database.run(_give_up_if_old, row, str(error) or type(error).__name__)
    return True


async def _clear_cart(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    await neighbours.carts.clear(row.payload["customer_id"], row.order_id, row.payload["version"], deadline)


async def _sync_stock(row: OutboxMessage, neighbours: Neighbours, deadline: Deadline) -> None:
    await sync_stock(row.order_id, neighbours.products, row.request_id, deadline)


EFFECTS: Mapping[str, Callable[[OutboxMessage, Neighbours, Deadline], Awaitable[None]]] = {
    outbox.Kind.CLEAR_CART: _clear_cart,
    **dict.fromkeys(outbox.STOCK_KINDS, _sync_stock),
}


def _give_up_if_old(row: OutboxMessage, why: str) -> bool:
    patience = timedelta(seconds=settings.OUTBOX_GIVE_UP_SECONDS)
    if datetime.now(UTC) - row.created_at < patience:
        return False
    _give_up(row, why)
    return True


@transaction.atomic
def _give_up(row: OutboxMessage, why: str) -> None:
    bury_effect(row, why)
    OutboxMessage.objects.filter(id=row.id).delete()
