"""What must happen because of a commit: rows written with the change, taken up by the relay (`messaging.relay`).

A row says one thing that must come true: messages published, a cart cleared, a hold committed. It is claimed for a
while, and deleted when its effect is confirmed; until then it comes again, with growing pauses.
"""

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar, Protocol

from django.db import connection, transaction
from django.db.models.functions import Now

from orders.models import Order, OutboxMessage


class Kind(StrEnum):
    """How a row takes effect: `publish` by the relay itself, the others by the Celery task `orders.carry_out`.

    The stock kinds say why Product is called; what it is asked for depends on the order's state by then alone
    (`orders.services.stock`), so that no row can do what the order does not want any more.
    """

    PUBLISH = "publish"
    CLEAR_CART = "clear_cart"
    HOLD_STOCK = "hold_stock"
    COMMIT_STOCK = "commit_stock"
    RELEASE_STOCK = "release_stock"
    RESTOCK_ITEMS = "restock_items"


STOCK_KINDS = (Kind.HOLD_STOCK, Kind.COMMIT_STOCK, Kind.RELEASE_STOCK, Kind.RESTOCK_ITEMS)

PAYMENT_COMMANDS = "payments.commands"
ORDER_EVENTS = "orders.events"

STOCK, PAYMENTS, EVENTS = "stock", "payments", "events"
"""Lanes: all that happens to an order's hold, what Payment is asked for, what is told on `orders.events`."""

LONGEST_PAUSE_SECONDS = 15
"""So that what failed is in effect within half a minute of its neighbour's return (promise P10)."""

LEASE_SECONDS = 20
"""How long a claimed row is left to whoever claimed it: longer than any publish or task takes when all is well.

It never grows, for what had claimed a row may be gone (promise P10); a job's message expires with it.
"""


class Queue(StrEnum):
    """Rows that the relay takes up apart from the others, so that one destination that is away holds up none of the others."""

    PAYMENT_COMMANDS = "payment_commands"
    ORDER_EVENTS = "order_events"
    JOBS = "jobs"


class Payable(Protocol):
    """What messages say of an order; its model and its row both have it."""

    id: uuid.UUID
    total: int
    currency: str


@dataclass(frozen=True, slots=True)
class Effect:
    """Something to happen after the commit. `payload` is what the relay or the task needs, in plain JSON values."""

    kind: Kind
    payload: dict[str, Any]
    lane: str

    def as_row(self, order_id: uuid.UUID, request_id: str) -> dict[str, Any]:
        """The row's columns; the database adds the rest."""
        return {
            "order_id": order_id,
            "kind": self.kind,
            "lane": self.lane,
            "payload": self.payload,
            "request_id": request_id,
        }


def message(name: str, type_: str, at: datetime, order_id: uuid.UUID, **more: Any) -> dict[str, Any]:
    """A message for the channel and stream `name` (contract: neighbours). Its `event_id` stays the same over every retry."""
    return {
        "name": name,
        "message": {
            "event_id": str(uuid.uuid4()),
            "type": type_,
            "occurred_at": at.isoformat().replace("+00:00", "Z"),
            "order_id": str(order_id),
            "payment_id": None,
            "amount_minor": None,
            "currency": None,
            "refund_id": None,
            "reason": None,
            **more,
        },
    }


def publish(first: dict[str, Any], *more: dict[str, Any]) -> Effect:
    """Messages for one stream that go out together, in this order, in the lane of that stream."""
    lane = EVENTS if first["name"] == ORDER_EVENTS else PAYMENTS
    return Effect(Kind.PUBLISH, {"messages": [first, *more]}, lane)


def clear_cart(customer_id: str, cart_version: int) -> Effect:
    """Empty the cart that has been ordered."""
    return Effect(Kind.CLEAR_CART, {"customer_id": customer_id, "version": cart_version}, "cart")


def hold_stock() -> Effect:
    """Hold again what a pending order holds no more."""
    return Effect(Kind.HOLD_STOCK, {}, STOCK)


def commit_stock() -> Effect:
    """Turn the order's hold into a sale."""
    return Effect(Kind.COMMIT_STOCK, {}, STOCK)


def restock_items() -> Effect:
    """Put the sold units of cancelled vendor orders back on the shelf."""
    return Effect(Kind.RESTOCK_ITEMS, {}, STOCK)


def release_stock() -> Effect:
    """Give back whatever the order holds."""
    return Effect(Kind.RELEASE_STOCK, {}, STOCK)


def order_event(type_: str, order: Payable, at: datetime, **more: Any) -> dict[str, Any]:
    """The message that tells anyone who listens what became of `order`."""
    return message(ORDER_EVENTS, type_, at, order.id, amount_minor=order.total, currency=order.currency, **more)


def payment_command(type_: str, order: Payable, at: datetime, **more: Any) -> dict[str, Any]:
    """The message that asks Payment for something; it carries the order's total unless `more` says otherwise."""
    return message(
        PAYMENT_COMMANDS, type_, at, order.id, **{"amount_minor": order.total, "currency": order.currency, **more}
    )


def add(order: Order, request_id: str, effects: Iterable[Effect], delay_seconds: float = 0) -> None:
    """Write `effects` of a change to `order`, inside the change's own transaction, to be tried after `delay_seconds`."""
    available_at = Now() + timedelta(seconds=delay_seconds)
    OutboxMessage.objects.bulk_create(
        [OutboxMessage(**effect.as_row(order.id, request_id), available_at=available_at) for effect in effects]
    )
    transaction.on_commit(wake)


class _Alarm:
    """Wakes who waits in this process, from whatever thread the commit happened in."""

    loop: ClassVar[asyncio.AbstractEventLoop | None] = None
    events: ClassVar[list[asyncio.Event]] = []


def alarm() -> asyncio.Event:
    """An event that is set after each commit of this process; made for the running loop, the server's."""
    event = asyncio.Event()
    _Alarm.loop = asyncio.get_running_loop()
    _Alarm.events.append(event)
    return event


def wake() -> None:
    """Say that something has been committed. Harmless in a process where nobody waits for it: the others poll."""
    if _Alarm.loop is not None and not _Alarm.loop.is_closed():
        _Alarm.loop.call_soon_threadsafe(_ring)


def _ring() -> None:
    for event in _Alarm.events:
        event.set()


_CLAIM = """
    UPDATE outbox SET attempts = attempts + 1, available_at = now() + make_interval(secs => %s)
    WHERE id IN (
        SELECT id FROM outbox AS due
        WHERE available_at <= now() AND (kind = 'publish') = %s AND (lane = 'events') = %s AND NOT EXISTS (
            SELECT 1 FROM outbox AS earlier
            WHERE earlier.order_id = due.order_id AND earlier.lane = due.lane AND earlier.id < due.id)
        ORDER BY available_at LIMIT %s FOR UPDATE SKIP LOCKED)
    RETURNING id, payload::text"""

_PUT_BACK = """
    UPDATE outbox SET available_at = now() + make_interval(secs => least(2 ^ least(attempts, 10), %s)) WHERE id = ANY(%s)"""

_DONE = """
    WITH gone AS (DELETE FROM outbox WHERE id = ANY(%s) RETURNING dead_letter_id)
    DELETE FROM dead_letters WHERE id IN (SELECT dead_letter_id FROM gone WHERE dead_letter_id IS NOT NULL)"""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A row that is ours for the length of its lease. `payload` is JSON that nobody has looked at yet."""

    id: int
    payload: str


def claim(limit: int, queue: Queue) -> list[Claimed]:
    """Take up to `limit` rows of `queue` that are due, none of them behind an earlier row of its order and lane."""
    with connection.cursor() as cursor:
        cursor.execute(_CLAIM, [LEASE_SECONDS, queue is not Queue.JOBS, queue is Queue.ORDER_EVENTS, limit])
        return sorted((Claimed(*row) for row in cursor.fetchall()), key=lambda row: row.id)


def done(ids: Sequence[int]) -> None:
    """The effects of these rows are confirmed: they go, with the dead letters that they tried anew."""
    with connection.cursor() as cursor:
        cursor.execute(_DONE, [list(ids)])


def put_back(ids: Sequence[int]) -> None:
    """The effects of these rows did not happen: try again after a pause that grows with the attempts."""
    with connection.cursor() as cursor:
        cursor.execute(_PUT_BACK, [LONGEST_PAUSE_SECONDS, list(ids)])
