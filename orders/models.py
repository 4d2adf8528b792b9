"""All models, re-exported where Django discovers them."""

from orders.coupons.models import Coupon, CouponBatch, CouponEvent, CouponRedemption, CouponUsage
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
    "Coupon",
    "CouponBatch",
    "CouponEvent",
    "CouponRedemption",
    "CouponUsage",
    "DeadLetter",
    "Order",
    "OrderEvent",
    "OrderItem",
    "OutboxMessage",
    "PaymentEvent",
    "Refund",
    "VendorOrder",
]
