"""Reconciliation: the comparison of orders with their ledgers, Product's stock and the outbox, and its findings.

The comparison writes nothing and queries only the stock of an order at Product. A finding is repaired
(`orders.services.operations.repairs`) or, where only an admin can decide, reported. No lock is held during a call.

Limits: Payment has no ledger that other services can read, so captured money without an event is found by status requests for
unpaid orders only; Product reports the held or sold units, not how many of the sold units were restocked.
"""

import asyncio
import uuid
from collections.abc import AsyncIterator, Collection, Iterator, Sequence
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from random import random

import structlog
from django.db.models import Q
from django.db.models.fields.tuple_lookups import TupleGreaterThan

from clients.deadline import Deadline
from clients.products import Stock
from clients.service_clients import ServiceClients
from orders.domain.lifecycle import TERMINATED, OrderStatus, VendorOrderStatus
from orders.domain.money import to_decimal_string
from orders.outbox.dead_letters import orders_given_up
from orders.outbox.effects import STOCK
from orders.runtime.metrics import FINDINGS
from orders.services.operations.repairs import Finding, Problem, is_retried_soon, repair, stuck
from orders.services.operations.stock import OrderStock, stock_of_orders
from orders.services.payments.ledger import Ledger, amount_to_keep, ledgers_of
from orders.services.payments.refunds import Balance
from orders.store import database
from orders.store.models import Order, OutboxMessage, Refund, VendorOrder

SETTLED = timedelta(minutes=1)
"""A recently changed order may still have pending effects: it is compared a minute later."""

RECENT = timedelta(days=2)
"""The range of the regular job; `manage.py reconcile --days` has a larger one."""

MAX_ORDERS_PER_RUN = 500
"""Orders that one run of the regular job compares, and as many unpaid ones: the stock of a lapsed hold may be sold to others."""

RUN_SECONDS = 5
"""The maximum duration of a run: the jobs behind it in the queue belong to waiting customers."""

BATCH_SIZE = 100
MAX_CONCURRENT_REQUESTS = 10
"""Concurrent requests to Product: customers have priority."""

SECONDS = 5

log = structlog.get_logger()

Batch = tuple[int, list[Finding]]
"""The number of orders compared since the last batch, and their findings."""


async def compare_all(
    *, services: ServiceClients, since: datetime, until: datetime, limit: int | None = None
) -> AsyncIterator[Batch]:
    """Yield the overdue effects and requests of all orders, then compare up to `limit` orders by the time of their last change.

    Raises DependencyUnavailable when Product or the database is unavailable.
    """
    yield 0, await database.run(late)
    position: tuple[datetime, uuid.UUID] = (since, uuid.UUID(int=0))
    while limit is None or limit > 0:
        orders = await database.run(_orders_after, position, until, min(BATCH_SIZE, limit or BATCH_SIZE))
        if not orders:
            return
        yield len(orders), await compare(services=services, orders=orders)
        position = (orders[-1].updated_at, orders[-1].id)
        limit = limit and limit - len(orders)


async def compare_some(*, services: ServiceClients, order_ids: Collection[uuid.UUID]) -> AsyncIterator[Batch]:
    """Compare these orders, including recently changed ones. Raises DependencyUnavailable."""
    yield 0, await database.run(late, order_ids=order_ids)
    orders = await database.run(lambda: list(Order.objects.filter(id__in=order_ids)))
    yield len(orders), await compare(services=services, orders=orders)


async def compare(*, services: ServiceClients, orders: Sequence[Order]) -> list[Finding]:
    """Return the problems with the money and the stock of these orders."""
    return [*await database.run(_money, orders), *await _stock(orders, services)]


def late(*, order_ids: Collection[uuid.UUID] | None = None) -> list[Finding]:
    """Return up to BATCH_SIZE overdue effects, and as many overdue requests of each kind, of these orders or of all."""
    now = datetime.now(UTC)
    of_these = Q() if order_ids is None else Q(order_id__in=order_ids)
    rows = stuck(rows=OutboxMessage.objects.filter(of_these))
    orders = Order.objects.filter(Q() if order_ids is None else Q(id__in=order_ids), status=OrderStatus.PENDING)
    unasked = orders.filter(payment_check_at__lt=now - SETTLED).order_by("payment_check_at")
    refunds = Refund.objects.filter(of_these, status=Refund.Status.REQUESTED, ask_again_at__lt=now - SETTLED)
    ask = "send the request to Payment"
    return [
        *(_stuck(row, now) for row in rows.order_by("id")[:BATCH_SIZE]),
        *(
            Finding(Problem.SILENT_PAYMENT, o.id, f"status request overdue by {_span(now - o.payment_check_at)}", ask)
            for o in unasked[:BATCH_SIZE]
        ),
        *(
            Finding(Problem.SILENT_REFUND, r.order_id, f"refund request overdue by {_span(now - r.ask_again_at)}", ask)
            for r in refunds.order_by("ask_again_at")[:BATCH_SIZE]
        ),
    ]


def _stuck(row: OutboxMessage, now: datetime) -> Finding:
    what = f"{row.kind} has waited for {_span(now - row.created_at)}, {row.attempts} attempts"
    return Finding(Problem.STUCK_EFFECT, row.order_id, what, "" if is_retried_soon(row=row) else "make it due now")


def _orders_after(position: tuple[datetime, uuid.UUID], until: datetime, limit: int) -> list[Order]:
    after = Order.objects.filter(TupleGreaterThan(("updated_at", "id"), position), updated_at__lt=until)
    return list(after.order_by("updated_at", "id")[:limit])


def _some_unpaid(until: datetime) -> list[Order]:
    unpaid = Order.objects.filter(status=OrderStatus.PENDING, updated_at__lt=until)
    return list(unpaid.order_by("?")[:MAX_ORDERS_PER_RUN])


def _money(orders: Sequence[Order]) -> list[Finding]:
    """Return the orders that differ from their ledger, or have too much or too little money."""
    ids = [order.id for order in orders]
    ledgers = ledgers_of(order_ids=ids)
    cancelled = VendorOrder.objects.filter(order_id__in=ids, status=VendorOrderStatus.CANCELLED)
    with_less = set(cancelled.values_list("order_id", flat=True))
    found = [finding for order in orders for finding in _money_of(order, ledgers[order.id], order.id in with_less)]
    for refund in Refund.objects.filter(order_id__in=ids, status=Refund.Status.FAILED):
        what = f"Payment refuses refund {refund.id}: retry its dead letter when Payment can execute it"
        found.append(Finding(Problem.REFUND_FAILED, refund.order_id, what))
    return found


def _money_of(order: Order, ledger: Ledger, has_cancelled_parts: bool) -> Iterator[Finding]:
    derived = ledger.payment_status(order.total)
    if derived != order.payment_status or (order.status == OrderStatus.PENDING and ledger.covers(order.total)):
        what = f"it is {order.status} and {order.payment_status}, by its ledger {derived}"
        yield Finding(Problem.PAYMENT_DIFFERS, order.id, what, "follow the ledger")
    to_keep = amount_to_keep(order=order) if has_cancelled_parts else order.total
    if ledger.captured > to_keep and (due := Balance.of(order, ledger).unknown_to_admins) > 0:
        what = f"{to_decimal_string(due, order.currency)} {order.currency} are to be refunded and were not requested"
        yield Finding(Problem.REFUND_MISSING, order.id, what, "request the refund from Payment")
    if order.status not in (OrderStatus.PENDING, *TERMINATED) and ledger.balance < to_keep:
        amounts = (to_decimal_string(amount, order.currency) for amount in (ledger.balance, to_keep))
        what = "it has {} of {} {}: too much was refunded".format(*amounts, order.currency)
        yield Finding(Problem.MONEY_SHORT, order.id, what)


async def _stock(orders: Sequence[Order], services: ServiceClients) -> list[Finding]:
    """Return the orders that differ from Product's stock, unless a row of the outbox is about to repair it."""
    enqueued, given_up, wanted = await database.run(_stock_here, [order.id for order in orders])
    slots = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def ask(order: OrderStock) -> Finding | None:
        async with slots:
            found = _stock_of(order, await services.products.stock_of(order.order.id, Deadline.after(SECONDS)))
        if found and order.order.id in given_up:
            return Finding(found.problem, found.order_id, f"{found.what}; retry its dead letter when it can succeed")
        return found

    asked = await asyncio.gather(*(ask(order) for id_, order in wanted.items() if id_ not in enqueued))
    return [finding for finding in asked if finding]


def _stock_here(order_ids: list[uuid.UUID]) -> tuple[set[uuid.UUID], set[uuid.UUID], dict[uuid.UUID, OrderStock]]:
    """Return the orders with a stock effect in the outbox, those with one among the dead letters, and each order's stock."""
    rows = OutboxMessage.objects.filter(order_id__in=order_ids, lane=STOCK)
    enqueued = set(rows.values_list("order_id", flat=True))
    return enqueued, orders_given_up(order_ids, STOCK), stock_of_orders(order_ids=order_ids)


def _stock_of(wanted: OrderStock, stock: Stock) -> Finding | None:
    order = wanted.order
    if order.status == OrderStatus.PENDING:
        return _hold_of(wanted, stock)
    if order.status in TERMINATED:
        if stock.state == "held":
            what = f"it is {order.status}, Product still holds its stock"
            return Finding(Problem.STILL_HELD, order.id, what, "release")
    elif stock.state != "sold":
        what = f"it is {order.status}, Product has {stock.state} for it and sold nothing"
        return Finding(Problem.NOT_SOLD, order.id, what, "sell it, else cancel and refund")
    elif stock.lines and not wanted.is_sold_in(stock.lines):
        what = f"it is {order.status}, Product has sold other units than it has: correct it at Product"
        return Finding(Problem.WRONG_UNITS_SOLD, order.id, what)
    return None


def _hold_of(wanted: OrderStock, stock: Stock) -> Finding | None:
    order = wanted.order
    if stock.state == "sold":
        return Finding(Problem.WRONG_UNITS_SOLD, order.id, "it is unpaid, and Product has sold its stock")
    if order.expires_at <= datetime.now(UTC):
        return None
    if stock.state == "nothing":
        return Finding(Problem.HOLD_LAPSED, order.id, "Product holds nothing for it", "hold it again, else cancel")
    if stock.lines and stock.lines != wanted.active:
        what = "Product holds other units for it than it has"
        return Finding(Problem.WRONG_HOLD, order.id, what, "hold its own, else cancel")
    return None


for _problem in Problem:  # present from the start, so that the first finding is an increase
    FINDINGS.labels(_problem)


# --- the regular job --------------------------------------------------------------------------------------------------
async def reconcile_some(*, services: ServiceClients) -> None:
    """Compare and repair up to MAX_ORDERS_PER_RUN recent orders, from a random time on, so that many runs cover all.

    Findings are logged and counted. Raises DependencyUnavailable.
    """
    until = datetime.now(UTC) - SETTLED
    middle = until - random() * RECENT
    compared = 0
    with suppress(TimeoutError):  # a later run has the rest
        async with asyncio.timeout(RUN_SECONDS):
            unpaid = await database.run(_some_unpaid, until)
            await _repair_all(await compare(services=services, orders=unpaid))
            for begin, end in ((middle, until), (until - RECENT, middle)):
                limit = MAX_ORDERS_PER_RUN - compared
                async for number, found in compare_all(services=services, since=begin, until=end, limit=limit):
                    compared += number
                    await _repair_all(found)
    log.info("reconciled", orders=compared)


async def _repair_all(found: Sequence[Finding]) -> None:
    for finding in found:
        FINDINGS.labels(finding.problem).inc()
        log.warning("reconcile_found", problem=finding.problem, order_id=str(finding.order_id), what=finding.what)
        if finding.repair:
            await database.run(repair, finding=finding, request_id=str(uuid.uuid4()))


def _span(length: timedelta) -> str:
    """Return a human-readable duration in its largest unit."""
    seconds = int(length.total_seconds())
    units = (("d", 86400), ("h", 3600), ("min", 60))
    return next((f"{seconds // size} {unit}" for unit, size in units if seconds >= size), f"{seconds} s")
