"""Reconciliation: what our books, Product's and the outbox say of an order is compared, and what differs is found.

Looking writes nothing and asks Product only what it has for an order. What is found is repaired
(`orders.services.operations.repairs`) or, where only people can decide, shown. No lock is held while a neighbour is asked.

What can't be known: Payment has no books to look into, so money that it took and never told of is found by asking about
unpaid orders alone; Product tells what is held or was sold, not how many of the sold units were restocked.
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
from orders.domain.lifecycle import TERMINATED, OrderStatus, VendorOrderStatus, payment_status
from orders.domain.money import to_decimal_string
from orders.outbox.dead_letters import orders_given_up
from orders.outbox.effects import STOCK
from orders.services.operations.repairs import Finding, Problem, comes_again, repair, stuck
from orders.services.operations.stock import OrderStock, stock_of_orders
from orders.services.payments.ledger import Ledger, kept, ledgers_of
from orders.services.payments.refunds import Balance
from orders.store import database
from orders.store.models import Order, OutboxMessage, Refund, VendorOrder

SETTLED = timedelta(minutes=1)
"""An order that has just changed may still be on its way: it is looked at a minute later."""

RECENT = timedelta(days=2)
"""How far back the regular job looks; `manage.py reconcile --days` goes further."""

IN_ONE_RUN = 500
"""Orders that the regular job looks at, beside so many of those whose customers have not paid yet: a hold that lapsed
under one of these is one that another customer gets."""

RUN_SECONDS = 5
"""The jobs behind it in the queue belong to customers who are waiting."""

BATCH = 100
MAX_CONCURRENT_REQUESTS = 10
"""Questions to Product under way: customers come first."""

SECONDS = 5

log = structlog.get_logger()

Batch = tuple[int, list[Finding]]
"""How many more orders have been looked at, and what was found."""


async def compare_all(
    services: ServiceClients, since: datetime, until: datetime, limit: int | None = None
) -> AsyncIterator[Batch]:
    """What is late, and what is wrong with up to `limit` orders that were changed last between these moments, oldest first.

    Raises DependencyUnavailable when Product or the database can't be asked.
    """
    yield 0, await database.run(late)
    place: tuple[datetime, uuid.UUID] = (since, uuid.UUID(int=0))
    while limit is None or limit > 0:
        orders = await database.run(_stretch, place, until, min(BATCH, limit or BATCH))
        if not orders:
            return
        yield len(orders), await compare(orders, services)
        place = (orders[-1].updated_at, orders[-1].id)
        limit = limit and limit - len(orders)


async def compare_some(services: ServiceClients, order_ids: Collection[uuid.UUID]) -> AsyncIterator[Batch]:
    """What is wrong with these orders, however young they are. Raises DependencyUnavailable."""
    yield 0, await database.run(late, order_ids)
    orders = await database.run(lambda: list(Order.objects.filter(id__in=order_ids)))
    yield len(orders), await compare(orders, services)


async def compare(orders: Sequence[Order], services: ServiceClients) -> list[Finding]:
    """What is wrong with the money and the stock of these orders."""
    return [*await database.run(_money, orders), *await _stock(orders, services)]


def late(order_ids: Collection[uuid.UUID] | None = None) -> list[Finding]:
    """Effects and questions that should have happened long ago, of these orders or of all; a hundred of each."""
    now = datetime.now(UTC)
    of_these = Q() if order_ids is None else Q(order_id__in=order_ids)
    rows = stuck(OutboxMessage.objects.filter(of_these))
    orders = Order.objects.filter(Q() if order_ids is None else Q(id__in=order_ids), status=OrderStatus.PENDING)
    unasked = orders.filter(payment_check_at__lt=now - SETTLED).order_by("payment_check_at")
    refunds = Refund.objects.filter(of_these, status=Refund.Status.REQUESTED, ask_again_at__lt=now - SETTLED)
    ask = "ask Payment"
    return [
        *(_stuck(row, now) for row in rows.order_by("id")[:BATCH]),
        *(
            Finding(Problem.SILENT_PAYMENT, o.id, f"due to be asked about {span(now - o.payment_check_at)} ago", ask)
            for o in unasked[:BATCH]
        ),
        *(
            Finding(Problem.SILENT_REFUND, r.order_id, f"due to be asked for {span(now - r.ask_again_at)} ago", ask)
            for r in refunds.order_by("ask_again_at")[:BATCH]
        ),
    ]


def _stuck(row: OutboxMessage, now: datetime) -> Finding:
    what = f"{row.kind} has waited for {span(now - row.created_at)}, {row.attempts} attempts"
    return Finding(Problem.STUCK_EFFECT, row.order_id, what, "" if comes_again(row) else "make it due now")


def _stretch(place: tuple[datetime, uuid.UUID], until: datetime, limit: int) -> list[Order]:
    behind = Order.objects.filter(TupleGreaterThan(("updated_at", "id"), place), updated_at__lt=until)
    return list(behind.order_by("updated_at", "id")[:limit])


def _some_unpaid(until: datetime) -> list[Order]:
    return list(Order.objects.filter(status=OrderStatus.PENDING, updated_at__lt=until).order_by("?")[:IN_ONE_RUN])


def _money(orders: Sequence[Order]) -> list[Finding]:
    """Where an order is not what its ledger says, or money is not where it belongs."""
    ids = [order.id for order in orders]
    ledgers = ledgers_of(ids)
    cancelled = VendorOrder.objects.filter(order_id__in=ids, status=VendorOrderStatus.CANCELLED)
    with_less = set(cancelled.values_list("order_id", flat=True))
    found = [finding for order in orders for finding in _money_of(order, ledgers[order.id], order.id in with_less)]
    for refund in Refund.objects.filter(order_id__in=ids, status=Refund.Status.FAILED):
        what = f"Payment does not make refund {refund.id}: retry its dead letter when it can"
        found.append(Finding(Problem.REFUND_FAILED, refund.order_id, what))
    return found


def _money_of(order: Order, ledger: Ledger, has_cancelled_parts: bool) -> Iterator[Finding]:
    derived = payment_status(order.total, ledger.captured, ledger.refunded, ledger.words)
    left = ledger.captured - ledger.refunded
    if derived != order.payment_status or (
        order.status == OrderStatus.PENDING and ledger.captured and left >= order.total
    ):
        what = f"it is {order.status} and {order.payment_status}, its ledger says {derived}"
        yield Finding(Problem.PAYMENT_DIFFERS, order.id, what, "follow the ledger")
    keeps = kept(order) if has_cancelled_parts else order.total
    if ledger.captured > keeps and (due := Balance.of(order, ledger).unknown_to_admins) > 0:
        what = f"{to_decimal_string(due, order.currency)} {order.currency} must go back and were not asked for"
        yield Finding(Problem.REFUND_MISSING, order.id, what, "ask Payment for the refund")
    if order.status not in (OrderStatus.PENDING, *TERMINATED) and left < keeps:
        amounts = (to_decimal_string(amount, order.currency) for amount in (left, keeps))
        what = "it has {} of {} {}: too much went back".format(*amounts, order.currency)
        yield Finding(Problem.MONEY_SHORT, order.id, what)


async def _stock(orders: Sequence[Order], services: ServiceClients) -> list[Finding]:
    """Where Product's books are not what an order says, though nothing is on its way that would mend it."""
    on_the_way, given_up, wanted = await database.run(_stock_here, [order.id for order in orders])
    room = asyncio.Semaphore(MAX_CONCURRENT_REQUESTS)

    async def ask(order: OrderStock) -> Finding | None:
        async with room:
            found = _stock_of(order, await services.products.stock_of(order.order.id, Deadline.after(SECONDS)))
        if found and order.order.id in given_up:
            return Finding(found.problem, found.order_id, f"{found.what}; retry its dead letter when that can work")
        return found

    asked = await asyncio.gather(*(ask(order) for id_, order in wanted.items() if id_ not in on_the_way))
    return [finding for finding in asked if finding]


def _stock_here(order_ids: list[uuid.UUID]) -> tuple[set[uuid.UUID], set[uuid.UUID], dict[uuid.UUID, OrderStock]]:
    """The orders with something on its way to Product, those with something given up, and what each has to have there."""
    rows = OutboxMessage.objects.filter(order_id__in=order_ids, lane=STOCK)
    on_the_way = set(rows.values_list("order_id", flat=True))
    return on_the_way, orders_given_up(order_ids, STOCK), stock_of_orders(order_ids)


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
        what = f"it is {order.status}, Product has sold other units than it has: put right at Product what can be"
        return Finding(Problem.WRONG_UNITS_SOLD, order.id, what)
    return None


def _hold_of(wanted: OrderStock, stock: Stock) -> Finding | None:
    order = wanted.order
    if stock.state == "sold":
        return Finding(Problem.WRONG_UNITS_SOLD, order.id, "nobody has paid for it, and Product has sold its stock")
    if order.expires_at <= datetime.now(UTC):
        return None
    if stock.state == "nothing":
        return Finding(Problem.HOLD_LAPSED, order.id, "Product holds nothing for it", "hold it again, else cancel")
    if stock.lines and stock.lines != wanted.active:
        what = "Product holds other units for it than it has"
        return Finding(Problem.WRONG_HOLD, order.id, what, "hold its own, else cancel")
    return None


# --- the regular job --------------------------------------------------------------------------------------------------
async def reconcile_some(services: ServiceClients) -> None:
    """Mend what is wrong with up to IN_ONE_RUN recent orders, from a random moment on: run after run, all come up.

    What was found is logged, for the worker has no metrics of its own. Raises DependencyUnavailable.
    """
    until = datetime.now(UTC) - SETTLED
    middle = until - random() * RECENT
    looked_at = 0
    with suppress(TimeoutError):  # the rest has its turn another time
        async with asyncio.timeout(RUN_SECONDS):
            unpaid = await database.run(_some_unpaid, until)
            await _mend_all(await compare(unpaid, services))
            for begin, end in ((middle, until), (until - RECENT, middle)):
                async for number, found in compare_all(services, begin, end, IN_ONE_RUN - looked_at):
                    looked_at += number
                    await _mend_all(found)
    log.info("reconciled", orders=looked_at)


async def _mend_all(found: Sequence[Finding]) -> None:
    for finding in found:
        log.warning("reconcile_found", problem=finding.problem, order_id=str(finding.order_id), what=finding.what)
        if finding.repair:
            await database.run(repair, finding, str(uuid.uuid4()))


def span(length: timedelta) -> str:
    """A length of time for people, in its largest unit."""
    seconds = int(length.total_seconds())
    units = (("d", 86400), ("h", 3600), ("min", 60))
    return next((f"{seconds // size} {unit}" for unit, size in units if seconds >= size), f"{seconds} s")
