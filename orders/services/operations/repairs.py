"""What reconciliation finds wrong with an order, and how each of these is mended.

Every mend is one that the service makes by itself when all goes well: a row of the outbox, a question to Payment, an order
that follows its ledger. Each looks again, under the order's lock, whether it is still needed, and may be repeated.
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
from orders.services.lifecycle.transition import OrderTransition
from orders.services.payments.events import follow
from orders.services.payments.ledger import ledger_of
from orders.services.payments.status_requests import ask_about_silent_payments, ask_about_silent_refunds
from orders.store.models import Order, OutboxMessage

STUCK = timedelta(minutes=5)
"""How long an effect or a question is late before it is found: a neighbour's short absence mends itself."""


class Problem(StrEnum):
    """What can be wrong, in the order in which it is looked for."""

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
    """Something wrong with an order: `what` it is, and `repair`, what is done about it; empty where people must decide."""

    problem: Problem
    order_id: uuid.UUID
    what: str
    repair: str = ""


def repair(finding: Finding, request_id: str) -> None:
    """Do what `finding.repair` says, unless that is needed no more. Repeatable."""
    REPAIRS[finding.problem](finding.order_id, request_id)


def stuck(rows: QuerySet[OutboxMessage]) -> QuerySet[OutboxMessage]:
    """Those of the outbox's rows that have not taken effect for long, or would not be tried for long."""
    now = datetime.now(UTC)
    return rows.filter(Q(created_at__lt=now - STUCK) | Q(available_at__gt=now + STUCK))


def comes_again(row: OutboxMessage) -> bool:
    """Whether the row is leased, or pauses after a failure, and so is tried again in seconds by itself."""
    return row.available_at <= datetime.now(UTC) + timedelta(seconds=queue.LEASE_SECONDS)


def _make_due(order_id: uuid.UUID, _request_id: str) -> None:
    rows = [row.id for row in stuck(OutboxMessage.objects.filter(order_id=order_id)) if not comes_again(row)]
    OutboxMessage.objects.filter(id__in=rows).update(available_at=Now())


def _ask_about_payment(_order_id: uuid.UUID, request_id: str) -> None:
    ask_about_silent_payments(request_id)


def _ask_about_refund(_order_id: uuid.UUID, request_id: str) -> None:
    ask_about_silent_refunds(request_id)


@transaction.atomic
def _follow(order_id: uuid.UUID, request_id: str) -> None:
    transition = OrderTransition(Order.objects.select_for_update().get(id=order_id), Actor("system", None, request_id))
    follow(transition, ledger_of(transition.order))
    transition.save()


def _then(effect: Effect, statuses: Collection[OrderStatus]) -> Callable[[uuid.UUID, str], None]:
    """Let `effect` happen to an order that is still in one of `statuses` and has nothing on its way in that lane.

    What was given up in that lane waits for an admin: to try it every minute would be in vain.
    """

    @transaction.atomic
    def then(order_id: uuid.UUID, request_id: str) -> None:
        order = Order.objects.select_for_update().filter(id=order_id, status__in=statuses).first()
        if order is None or orders_given_up([order_id], effect.lane):
            return
        if not OutboxMessage.objects.filter(order=order, lane=effect.lane).exists():
            queue.add(order, request_id, [effect])

    return then


REPAIRS: Mapping[Problem, Callable[[uuid.UUID, str], None]] = {
    Problem.STUCK_EFFECT: _make_due,
    Problem.SILENT_PAYMENT: _ask_about_payment,
    Problem.SILENT_REFUND: _ask_about_refund,
    Problem.PAYMENT_DIFFERS: _follow,
    Problem.REFUND_MISSING: _follow,
    Problem.HOLD_LAPSED: _then(hold_stock(), [OrderStatus.PENDING]),
    Problem.WRONG_HOLD: _then(hold_stock(), [OrderStatus.PENDING]),
    Problem.NOT_SOLD: _then(commit_stock(), set(OrderStatus) - TERMINATED - {OrderStatus.PENDING}),
    Problem.STILL_HELD: _then(release_stock(), TERMINATED),
}
