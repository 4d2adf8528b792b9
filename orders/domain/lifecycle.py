"""The state machines of an order, a vendor order and a payment: the legal transitions, and the statuses derived from others.

Contract: REST API, "States". Pure: no database, no clock.
"""

from collections.abc import Collection
from enum import StrEnum

from orders.domain.errors import IllegalTransition


class OrderStatus(StrEnum):
    PENDING = "pending"
    CONFIRMED = "confirmed"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


class VendorOrderStatus(StrEnum):
    PENDING = "pending"
    PROCESSING = "processing"
    SHIPPED = "shipped"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class PaymentStatus(StrEnum):
    UNPAID = "unpaid"
    FAILED = "failed"
    AUTHORIZED = "authorized"
    VOIDED = "voided"
    PARTIALLY_PAID = "partially_paid"
    PAID = "paid"
    PARTIALLY_REFUNDED = "partially_refunded"
    REFUNDED = "refunded"


ORDER_STATUSES = [str(status) for status in OrderStatus]
VENDOR_ORDER_STATUSES = [str(status) for status in VendorOrderStatus]
PAYMENT_STATUSES = [str(status) for status in PaymentStatus]

ORDER_STEPS: dict[str, frozenset[str]] = {
    OrderStatus.PENDING: frozenset({OrderStatus.CONFIRMED, OrderStatus.CANCELLED, OrderStatus.EXPIRED}),
    OrderStatus.CONFIRMED: frozenset({OrderStatus.PROCESSING, OrderStatus.CANCELLED}),
    OrderStatus.PROCESSING: frozenset({OrderStatus.SHIPPED, OrderStatus.CANCELLED}),
    OrderStatus.SHIPPED: frozenset({OrderStatus.DELIVERED}),
    OrderStatus.DELIVERED: frozenset(),
    OrderStatus.CANCELLED: frozenset(),
    OrderStatus.EXPIRED: frozenset(),
}

VENDOR_ORDER_STEPS: dict[str, frozenset[str]] = {
    VendorOrderStatus.PENDING: frozenset({VendorOrderStatus.PROCESSING, VendorOrderStatus.CANCELLED}),
    VendorOrderStatus.PROCESSING: frozenset({VendorOrderStatus.SHIPPED, VendorOrderStatus.CANCELLED}),
    VendorOrderStatus.SHIPPED: frozenset({VendorOrderStatus.DELIVERED}),
    VendorOrderStatus.DELIVERED: frozenset(),
    VendorOrderStatus.CANCELLED: frozenset(),
}

TERMINATED = frozenset({OrderStatus.CANCELLED, OrderStatus.EXPIRED})
"""The statuses of terminated orders, which keep no money and hold no stock."""

_FULFILMENT = [OrderStatus.CONFIRMED, OrderStatus.PROCESSING, OrderStatus.SHIPPED, OrderStatus.DELIVERED]
_PAYMENT_WORDS = (PaymentStatus.VOIDED, PaymentStatus.AUTHORIZED, PaymentStatus.FAILED)


def check_order_step(current: str, wanted: str) -> None:
    """Raise IllegalTransition unless an order may go from `current` to `wanted`."""
    if wanted not in ORDER_STEPS[current]:
        raise IllegalTransition(current, wanted)


def check_vendor_order_step(current: str, wanted: str) -> None:
    """Raise IllegalTransition unless a vendor order may go from `current` to `wanted`."""
    if wanted not in VENDOR_ORDER_STEPS[current]:
        raise IllegalTransition(current, wanted)


def payment_status(total: int, captured: int, refunded: int, words: Collection[str]) -> PaymentStatus:
    """Return the payment status by the ledger's sums (minor units) and its event types (`words`: "voided" …).

    The sums take precedence; a refund of an excess leaves the order paid. A zero total is paid from the start.
    """
    if captured == 0:
        if total == 0:
            return PaymentStatus.PAID
        return next((word for word in _PAYMENT_WORDS if word in words), PaymentStatus.UNPAID)
    kept = captured - refunded
    if kept >= total:
        return PaymentStatus.PAID
    if kept <= 0:
        return PaymentStatus.REFUNDED
    return PaymentStatus.PARTIALLY_REFUNDED if refunded else PaymentStatus.PARTIALLY_PAID


def roll_up(current: str, vendor_statuses: Collection[str]) -> list[OrderStatus]:
    """Return the transitions of a `current` order that follow from the statuses of its vendor orders, in order.

    Cancelled vendor orders are ignored; when all are cancelled, so is the order.
    """
    active = set(vendor_statuses) - {VendorOrderStatus.CANCELLED}
    if not active:
        return [OrderStatus.CANCELLED]
    if active == {VendorOrderStatus.DELIVERED}:
        reached = OrderStatus.DELIVERED
    elif active <= {VendorOrderStatus.SHIPPED, VendorOrderStatus.DELIVERED}:
        reached = OrderStatus.SHIPPED
    elif active == {VendorOrderStatus.PENDING}:
        return []
    else:
        reached = OrderStatus.PROCESSING
    return _FULFILMENT[_FULFILMENT.index(OrderStatus(current)) + 1 : _FULFILMENT.index(reached) + 1]


def cancellation_obstacle(role: str, status: str, vendor_statuses: Collection[str]) -> str | None:
    """Return the reason why a caller of this role cannot cancel the order now, as a sentence, or None.

    A customer can cancel while every vendor order is pending; an admin, and the service itself, until one has shipped.
    """
    parts = set(vendor_statuses)
    if status in TERMINATED:
        return f"The order has {'expired' if status == OrderStatus.EXPIRED else 'been cancelled'}."
    if OrderStatus.CANCELLED not in ORDER_STEPS[status]:
        return f"The order has already been {status}."
    if parts & {VendorOrderStatus.SHIPPED, VendorOrderStatus.DELIVERED}:
        return "Part of the order has already been shipped."
    if role != "customer":
        return None
    if VendorOrderStatus.PROCESSING in parts:
        return "A vendor has already started to fulfil the order."
    if VendorOrderStatus.CANCELLED in parts:
        return "A vendor has already cancelled its part of the order; only an admin can cancel the rest."
    return "A vendor has already started to fulfil the order." if status == OrderStatus.PROCESSING else None


def customer_may_cancel(status: str, vendor_statuses: Collection[str]) -> bool:
    """Return whether the order's customer can cancel it now."""
    return cancellation_obstacle("customer", status, vendor_statuses) is None


def admin_may_cancel(status: str, vendor_statuses: Collection[str]) -> bool:
    """Return whether an admin, or the service itself, can cancel the order now."""
    return cancellation_obstacle("admin", status, vendor_statuses) is None


def order_actions(role: str, status: str, vendor_statuses: Collection[str]) -> list[str]:
    """Return the actions on the order that are allowed to this role now."""
    rules = {"customer": customer_may_cancel, "admin": admin_may_cancel}
    may_cancel = rules.get(role)
    return ["cancel"] if may_cancel and may_cancel(status, vendor_statuses) else []


VENDOR_ORDER_ACTIONS = {
    "accept": VendorOrderStatus.PROCESSING,
    "ship": VendorOrderStatus.SHIPPED,
    "deliver": VendorOrderStatus.DELIVERED,
    "cancel": VendorOrderStatus.CANCELLED,
}


def vendor_order_actions(order_status: str, status: str) -> list[str]:
    """Return the actions on a vendor order that are allowed now: none before the order is paid or once it is terminated."""
    if order_status == OrderStatus.PENDING or order_status in TERMINATED:
        return []
    return [action for action, wanted in VENDOR_ORDER_ACTIONS.items() if wanted in VENDOR_ORDER_STEPS[status]]


def order_status_for_vendor(order_status: str, status: str) -> OrderStatus:
    """Return the order's status as shown to one vendor, which discloses nothing about the other vendors."""
    if order_status in (OrderStatus.PENDING, OrderStatus.EXPIRED):
        return OrderStatus(order_status)
    return OrderStatus.CANCELLED if status == VendorOrderStatus.CANCELLED else OrderStatus.CONFIRMED


ORDER_STATUSES_FOR_VENDORS = [
    str(status) for status in (OrderStatus.PENDING, OrderStatus.CONFIRMED, OrderStatus.CANCELLED, OrderStatus.EXPIRED)
]
"""The possible results of `order_status_for_vendor`."""

_PARTS: dict[OrderStatus, Collection[VendorOrderStatus]] = {
    OrderStatus.PENDING: [VendorOrderStatus.PENDING],
    OrderStatus.CONFIRMED: [VendorOrderStatus.PENDING, VendorOrderStatus.CANCELLED],
    OrderStatus.PROCESSING: list(VendorOrderStatus),
    OrderStatus.SHIPPED: [VendorOrderStatus.SHIPPED, VendorOrderStatus.DELIVERED, VendorOrderStatus.CANCELLED],
    OrderStatus.DELIVERED: [VendorOrderStatus.DELIVERED, VendorOrderStatus.CANCELLED],
    OrderStatus.CANCELLED: [VendorOrderStatus.CANCELLED],
    OrderStatus.EXPIRED: [VendorOrderStatus.CANCELLED],
}
"""The possible statuses of vendor orders for each status of their order."""


def states_shown_as(words: Collection[str]) -> dict[VendorOrderStatus, list[OrderStatus] | None]:
    """Return the statuses for which `order_status_for_vendor` returns one of `words`: a vendor order's, with its order's.

    None stands for every possible status of the order.
    """
    states: dict[VendorOrderStatus, list[OrderStatus] | None] = {}
    for status in VendorOrderStatus:
        possible = [order for order, parts in _PARTS.items() if status in parts]
        if shown := [order for order in possible if order_status_for_vendor(order, status) in words]:
            states[status] = None if shown == possible else shown
    return states
