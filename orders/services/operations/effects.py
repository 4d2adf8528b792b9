"""The effects that Celery executes after a commit: carts cleared, stock held, committed or released. Every effect is repeatable.

A row of the outbox is deleted when the other service has confirmed its effect; until then it is retried. A permanently
refused effect becomes a dead letter.
"""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import structlog

from clients.deadline import Deadline
from clients.errors import HoldGone
from clients.service_clients import ServiceClients
from clients.tracing import request_id
from orders.domain.errors import DependencyUnavailable, NotCancellable, PreconditionFailed
from orders.outbox import queue
from orders.outbox.dead_letters import give_up, give_up_if_old
from orders.outbox.effects import STOCK_KINDS, Kind
from orders.runtime.tracing import Span, parent_of, span
from orders.services.operations.stock import OrderStock, StockDiffers, stock_of_orders, sync_stock
from orders.store import database
from orders.store.models import OutboxMessage

MAX_CONCURRENT_EFFECTS = 20
"""Concurrent effects in one worker process."""

SECONDS = 5
"""The time for one effect, retries included; shorter than a row's lease."""

_CELERY = {"messaging.system": "celery", "messaging.operation.type": "process"}

log = structlog.get_logger()


async def run_effects(*, ids: Sequence[int], services: ServiceClients) -> None:
    """Execute the effects of the outbox rows of these ids. Rows that are already done are skipped."""
    rows, stock = await database.run(_read, ids)
    slots = asyncio.Semaphore(MAX_CONCURRENT_EFFECTS)
    outcomes = await asyncio.gather(*(_run_effect(row, stock, services, slots) for row in rows))
    done = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if in_effect]
    failed = [row.id for row, in_effect in zip(rows, outcomes, strict=True) if not in_effect]
    if done:
        await database.run(queue.done, done)
    if failed:
        await database.run(queue.put_back, failed)


def _read(ids: Sequence[int]) -> tuple[list[OutboxMessage], dict[UUID, OrderStock]]:
    """Return the rows of these ids, and the orders that they synchronize with Product.

    A later change of an order has a later row in the same lane.
    """
    rows = list(OutboxMessage.objects.filter(id__in=ids))
    return rows, stock_of_orders(order_ids=[row.order_id for row in rows if row.kind in STOCK_KINDS])


async def _run_effect(
    row: OutboxMessage, stock: Mapping[UUID, OrderStock], services: ServiceClients, slots: asyncio.Semaphore
) -> bool:
    """Execute the row's effect; return whether the row is done: confirmed, or a dead letter."""
    request_id.set(row.request_id)
    async with slots:
        with span(f"process {row.kind}", "consumer", _CELERY, parent_of(row.traceparent)) as current:
            current.set("order.id", str(row.order_id))
            return await _execute(row, stock, services, current)


async def _execute(
    row: OutboxMessage, stock: Mapping[UUID, OrderStock], services: ServiceClients, current: Span
) -> bool:
    try:
        await _call_service(row, stock, services)
    except (NotCancellable, StockDiffers) as error:
        current.fail(type(error).__name__)
        await database.run(give_up, row, str(error) or type(error).__name__)
    except Exception as error:  # a failed effect must not affect the others
        current.fail(type(error).__name__)
        expected = isinstance(error, DependencyUnavailable | HoldGone | PreconditionFailed)
        log.warning(
            "effect_failed", kind=row.kind, order_id=str(row.order_id), attempts=row.attempts, exc_info=not expected
        )
        return await database.run(give_up_if_old, row, str(error) or type(error).__name__)
    return True


async def _call_service(row: OutboxMessage, stock: Mapping[UUID, OrderStock], services: ServiceClients) -> None:
    deadline = Deadline.after(SECONDS)
    if row.kind == Kind.CLEAR_CART:
        await services.carts.clear(row.payload["customer_id"], row.order_id, row.payload["version"], deadline)
    else:
        wanted = stock[row.order_id]
        await sync_stock(wanted=wanted, products=services.products, request_id=row.request_id, deadline=deadline)
