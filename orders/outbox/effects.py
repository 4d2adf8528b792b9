"""The effects of a commit, as values: messages published, a cart cleared, Product's stock synchronized."""

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orders.outbox.messages import ORDER_EVENTS
from orders.runtime.tracing import traceparent


class Kind(StrEnum):
    """The kind of an effect: `publish` is executed by the relay, the others by the Celery task `orders.carry_out`.

    The stock kinds state the reason for calling Product; the call itself depends on the order's state at that time
    (`orders.services.operations.stock`), so that no row has an outdated effect.
    """

    PUBLISH = "publish"
    CLEAR_CART = "clear_cart"
    HOLD_STOCK = "hold_stock"
    COMMIT_STOCK = "commit_stock"
    RELEASE_STOCK = "release_stock"
    RESTOCK_ITEMS = "restock_items"


STOCK_KINDS = (Kind.HOLD_STOCK, Kind.COMMIT_STOCK, Kind.RELEASE_STOCK, Kind.RESTOCK_ITEMS)

STOCK, PAYMENTS, EVENTS = "stock", "payments", "events"
"""Lanes: an order's stock, the commands for Payment, the events on `orders.events`."""


@dataclass(frozen=True, slots=True)
class Effect:
    """An effect to execute after the commit. `payload` has the arguments of the relay or the task, as JSON values."""

    kind: Kind
    payload: dict[str, Any]
    lane: str

    def as_row(self, order_id: uuid.UUID, request_id: str) -> dict[str, Any]:
        """Return the columns of the outbox row; the database sets the others."""
        return {
            "order_id": order_id,
            "kind": self.kind,
            "lane": self.lane,
            "payload": self.payload,
            "request_id": request_id,
            "traceparent": traceparent(),
        }


def publish(first: dict[str, Any], *more: dict[str, Any]) -> Effect:
    """Publish messages to one stream in one batch, in this order, in the lane of that stream."""
    lane = EVENTS if first["name"] == ORDER_EVENTS else PAYMENTS
    return Effect(Kind.PUBLISH, {"messages": [first, *more]}, lane)


def clear_cart(customer_id: str, cart_version: int) -> Effect:
    """Clear the ordered cart."""
    return Effect(Kind.CLEAR_CART, {"customer_id": customer_id, "version": cart_version}, "cart")


def hold_stock() -> Effect:
    """Reserve the stock of a pending order again."""
    return Effect(Kind.HOLD_STOCK, {}, STOCK)


def commit_stock() -> Effect:
    """Commit the order's hold as a sale."""
    return Effect(Kind.COMMIT_STOCK, {}, STOCK)


def restock_items() -> Effect:
    """Restock the sold units of cancelled vendor orders."""
    return Effect(Kind.RESTOCK_ITEMS, {}, STOCK)


def release_stock() -> Effect:
    """Release the order's hold."""
    return Effect(Kind.RELEASE_STOCK, {}, STOCK)
