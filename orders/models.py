"""All models of the service, for Django, which looks for them here; they live in `orders.store.models`."""

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
