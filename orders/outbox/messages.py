"""The messages that this service publishes: events of orders and commands for Payment (contract: neighbours)."""

import uuid
from datetime import datetime
from typing import Any, Protocol

import msgspec

PAYMENT_COMMANDS = "payments.commands"
ORDER_EVENTS = "orders.events"


WITH_COUPONS = ("order.placed", "order.confirmed", "order.cancelled", "order.expired")
"""The events by which the uses of an order's coupons can be followed (contract: coupons, "Who sees what")."""


class Payable(Protocol):
    """The fields of an order in messages, common to its model and its row."""

    id: uuid.UUID
    total: int
    currency: str
    coupons: Any
    """A sequence of AppliedCoupon, or their JSON values."""


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
    """Return a message for the subscribers of `orders.events`. Some types carry the order's `coupons`, if it has any."""
    if type_ in WITH_COUPONS and order.coupons:
        more["coupons"] = [_coupon(applied) for applied in msgspec.to_builtins(order.coupons)]
    return message(ORDER_EVENTS, type_, at, order.id, amount_minor=order.total, currency=order.currency, **more)


def payment_command(type_: str, order: Payable, at: datetime, **more: Any) -> dict[str, Any]:
    """Return a command for Payment; its amount is the order's total unless `more` has another one."""
    return message(
        PAYMENT_COMMANDS, type_, at, order.id, **{"amount_minor": order.total, "currency": order.currency, **more}
    )


def _coupon(applied: dict[str, Any]) -> dict[str, Any]:
    names = ("coupon_id", "code", "funded_by", "vendor_id")
    return {**{name: applied[name] for name in names}, "amount_minor": applied["discount"]}
