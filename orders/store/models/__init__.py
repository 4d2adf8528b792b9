"""The models of the service, one file for each aggregate. Amounts are minor units of the order's currency; times are UTC.

Users, products and vendors belong to other services and are indexed ids here; the service's own rows refer to each other by
foreign keys. Invariants are constraints of the database, and the audit trail (`OrderEvent`) is append-only by a trigger.
"""

from orders.store.models.dead_letter import DeadLetter
from orders.store.models.order import Order, OrderItem, OrderQuerySet, VendorOrder, VendorOrderQuerySet
from orders.store.models.order_event import OrderEvent
from orders.store.models.outbox import OutboxMessage
from orders.store.models.payment import PaymentEvent, Refund

__all__ = [
    "DeadLetter",
    "Order",
    "OrderEvent",
    "OrderItem",
    "OrderQuerySet",
    "OutboxMessage",
    "PaymentEvent",
    "Refund",
    "VendorOrder",
    "VendorOrderQuerySet",
]
