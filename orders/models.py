"""The models of `orders.store.models`, re-exported where Django discovers them."""

from orders.store.models import (
    DeadLetter,
    Order,
    OrderEvent,
    OrderItem,
    OutboxMessage,
    PaymentEvent,
    Refund,
    VendorOrder,
)

__all__ = [
    "DeadLetter",
    "Order",
    "OrderEvent",
    "OrderItem",
    "OutboxMessage",
    "PaymentEvent",
    "Refund",
    "VendorOrder",
]
