"""The messages that this service publishes: events of orders and commands for Payment (contract: neighbours)."""

import uuid
from datetime import datetime
from typing import Any, Protocol

PAYMENT_COMMANDS = "payments.commands"
ORDER_EVENTS = "orders.events"


class Payable(Protocol):
    """What messages say of an order; its model and its row both have it."""

    id: uuid.UUID
    total: int
    currency: str


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


def order_event(type_: str, order: Payable, at: datetime, **more: Any) -> dict[str, Any]:
    """The message that tells anyone who listens what became of `order`."""
    return message(ORDER_EVENTS, type_, at, order.id, amount_minor=order.total, currency=order.currency, **more)


def payment_command(type_: str, order: Payable, at: datetime, **more: Any) -> dict[str, Any]:
    """The message that asks Payment for something; it carries the order's total unless `more` says otherwise."""
    return message(
        PAYMENT_COMMANDS, type_, at, order.id, **{"amount_minor": order.total, "currency": order.currency, **more}
    )
