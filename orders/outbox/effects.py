"""What must happen after a commit, as values: messages published, a cart cleared, the stock at Product brought up to date."""

import uuid
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from orders.outbox.messages import ORDER_EVENTS


class Kind(StrEnum):
    """How a row takes effect: `publish` by the relay itself, the others by the Celery task `orders.carry_out`.

    The stock kinds say why Product is called; what it is asked for depends on the order's state by then alone
    (`orders.services.operations.stock`), so that no row can do what the order does not want any more.
    """

    PUBLISH = "publish"
    CLEAR_CART = "clear_cart"
    HOLD_STOCK = "hold_stock"
    COMMIT_STOCK = "commit_stock"
    RELEASE_STOCK = "release_stock"
    RESTOCK_ITEMS = "restock_items"


STOCK_KINDS = (Kind.HOLD_STOCK, Kind.COMMIT_STOCK, Kind.RELEASE_STOCK, Kind.RESTOCK_ITEMS)

STOCK, PAYMENTS, EVENTS = "stock", "payments", "events"
"""Lanes: all that happens to an order's hold, what Payment is asked for, what is told on `orders.events`."""


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
