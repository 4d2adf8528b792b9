"""The messages that this service publishes: events of orders and commands for Payment (contract: neighbours)."""

import uuid
from datetime import datetime
from typing import Any, Protocol

PAYMENT_COMMANDS = "payments.commands"
ORDER_EVENTS = "orders.events"


class Payable(Protocol):
    """The fields of an order in messages, common to its model and its row."""

    id: uuid.UUID
    total: int
    currency: str


def message(name: str, type_: str, at: datetime, order_id: uuid.UUID, **more: Any) -> dict[str, Any]:
    """Return a message for the channel and stream `name` (contract: neighbours). Retries reuse its `event_id`."""
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
    """Return a message for the subscribers of `orders.events`."""
    return message(ORDER_EVENTS, type_, at, order.id, amount_minor=order.total, currency=order.currency, **more)


def payment_command(type_: str, order: Payable, at: datetime, **more: Any) -> dict[str, Any]:
    """Return a command for Payment; its amount is the order's total unless `more` has another one."""
    return message(
        PAYMENT_COMMANDS, type_, at, order.id, **{"amount_minor": order.total, "currency": order.currency, **more}
    )
