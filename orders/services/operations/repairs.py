"""The kinds of problems that reconciliation finds, and the repair of each.

Every repair is a regular operation of the service: a row of the outbox, a request to Payment, a transition by the ledger.
Each checks under the order's lock that it is still needed, and is repeatable.
"""

import uuid
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from django.db import transaction
from django.db.models import Q, QuerySet
from django.db.models.functions import Now

from orders.domain.callers import Actor
from orders.domain.lifecycle import TERMINATED, OrderStatus
from orders.outbox import queue
from orders.outbox.dead_letters import orders_given_up
from orders.outbox.effects import Effect, commit_stock, hold_stock, release_stock
from orders.services.payments.events import follow_ledger
from orders.services.payments.ledger import ledger_of
from orders.services.payments.status_requests import repeat_refund_requests, request_payment_statuses
from orders.services.transition import OrderTransition
from orders.store.models import Order, OutboxMessage

STUCK = timedelta(minutes=5)
"""The delay after which an effect is reported: retries recover from a short outage."""


class Problem(StrEnum):
    """The kinds of problems, in the order of their checks."""

    STUCK_EFFECT = "stuck_effect"
    SILENT_PAYMENT = "silent_payment"
    SILENT_REFUND = "silent_refund"
    PAYMENT_DIFFERS = "payment_differs"
    REFUND_MISSING = "refund_missing"
    REFUND_FAILED = "refund_failed"
    MONEY_SHORT = "money_short"
    HOLD_LAPSED = "hold_lapsed"
    WRONG_HOLD = "wrong_hold"
    NOT_SOLD = "not_sold"
    WRONG_UNITS_SOLD = "wrong_units_sold"
    STILL_HELD = "still_held"


@dataclass(frozen=True, slots=True)
class Finding:
    """A problem of an order: `what` describes it, `repair` describes its repair and is empty where an admin must decide."""

    problem: Problem
    order_id: uuid.UUID
    what: str
    repair: str = ""


def repair(*, finding: Finding, request_id: str) -> None:
    """Execute the repair of the finding, unless it is no longer needed. Repeatable."""
    REPAIRS[finding.problem](finding.order_id, request_id)


def stuck(*, rows: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
    """Return the outbox rows that are older than STUCK, or whose next attempt is further away than STUCK."""
    now = datetime.now(UTC)
    return rows.filter(Q(created_at__lt=now - STUCK) | Q(available_at__gt=now + STUCK))


def is_retried_soon(*, row: OutboxMessage) -> bool:
    """Return whether the row is leased or pauses after a failure, and so is retried within seconds."""
    return row.available_at <= datetime.now(UTC) + timedelta(seconds=queue.LEASE_SECONDS)


def _make_due(order_id: uuid.UUID, _request_id: str) -> None:
    rows = stuck(rows=OutboxMessage.objects.filter(order_id=order_id))
    ids = [row.id for row in rows if not is_retried_soon(row=row)]
    OutboxMessage.objects.filter(id__in=ids).update(available_at=Now())


def _ask_about_payment(_order_id: uuid.UUID, request_id: str) -> None:
    request_payment_statuses(request_id=request_id)


def _ask_about_refund(_order_id: uuid.UUID, request_id: str) -> None:
    repeat_refund_requests(request_id=request_id)


@transaction.atomic
def _follow_ledger(order_id: uuid.UUID, request_id: str) -> None:
    transition = OrderTransition(Order.objects.select_for_update().get(id=order_id), Actor("system", None, request_id))
    follow_ledger(transition=transition, ledger=ledger_of(order=transition.order))
    transition.save()


def _enqueue(effect: Effect, statuses: Collection[OrderStatus]) -> Callable[[uuid.UUID, str], None]:
    """Return the repair that enqueues `effect` for an order in one of `statuses` without a row in that lane.

    An effect in that lane that was given up waits for an admin: retrying it every minute would fail again.
    """

    @transaction.atomic
    def enqueue(order_id: uuid.UUID, request_id: str) -> None:
        order = Order.objects.select_for_update().filter(id=order_id, status__in=statuses).first()
        if order is None or orders_given_up([order_id], effect.lane):
            return
        if not OutboxMessage.objects.filter(order=order, lane=effect.lane).exists():
            queue.add(order, request_id, [effect])

    return enqueue


REPAIRS: Mapping[Problem, Callable[[uuid.UUID, str], None]] = {
    Problem.STUCK_EFFECT: _make_due,
    Problem.SILENT_PAYMENT: _ask_about_payment,
    Problem.SILENT_REFUND: _ask_about_refund,
    Problem.PAYMENT_DIFFERS: _follow_ledger,
    Problem.REFUND_MISSING: _follow_ledger,
    Problem.HOLD_LAPSED: _enqueue(hold_stock(), [OrderStatus.PENDING]),
    Problem.WRONG_HOLD: _enqueue(hold_stock(), [OrderStatus.PENDING]),
    Problem.NOT_SOLD: _enqueue(commit_stock(), set(OrderStatus) - TERMINATED - {OrderStatus.PENDING}),
    Problem.STILL_HELD: _enqueue(release_stock(), TERMINATED),
}
