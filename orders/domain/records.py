"""Rows as values: an order and its parts between the database and the API.

The fields are the models' columns, name for name (a test compares them): a new order is written from these rows, and
reads return them, so one representation serves both.
"""

import uuid
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct


class AppliedCoupon(Struct, kw_only=True):
    """A coupon of an order, as it was at checkout. `discount` in minor units of the order's currency."""

    coupon_id: uuid.UUID
    code: str
    kind: str
    funded_by: str
    vendor_id: str | None
    discount: int


class OrderRow(Struct, kw_only=True):
    """A row of `orders`. `request_hash` is bytea's text form, `\\x` and hexadecimal digits."""

    id: uuid.UUID
    number: str
    customer_id: str
    status: str
    payment_status: str
    currency: str
    subtotal: int
    discount: int
    total: int
    coupon_code: str | None
    coupons: Sequence[AppliedCoupon]
    note: str
    shipping_address: dict[str, str]
    cart_version: int
    request_hash: str
    stock_revision: int
    version: int
    event_count: int
    created_at: datetime
    updated_at: datetime
    expires_at: datetime
    payment_check_at: datetime
    payment_checks: int


class VendorOrderRow(Struct, kw_only=True):
    """A row of `vendor_orders`."""

    id: uuid.UUID
    order_id: uuid.UUID
    vendor_id: str
    status: str
    currency: str
    subtotal: int
    discount: int
    total: int
    carrier: str | None = None
    tracking_number: str | None = None
    tracking_url: str | None = None
    shipped_at: datetime | None = None
    delivered_at: datetime | None = None
    version: int
    created_at: datetime
    updated_at: datetime


class OrderItemRow(Struct, kw_only=True):
    """A row of `order_items`."""

    id: uuid.UUID
    order_id: uuid.UUID
    vendor_order_id: uuid.UUID
    position: int
    product_id: str
    vendor_id: str
    name: str
    sku: str
    quantity: int
    unit_price: int
    total: int
    discount: int


class OrderEventRow(Struct, kw_only=True):
    """A row of `order_events`; the database generates its id."""

    order_id: uuid.UUID
    vendor_order_id: uuid.UUID | None = None
    sequence: int
    type: str
    from_status: str | None
    to_status: str
    actor_role: str
    actor_id: str | None
    request_id: str
    data: dict[str, Any]
    at: datetime


class OrderRecord(Struct):
    """An order with its parts: items by position, vendor orders by vendor."""

    row: OrderRow
    items: Sequence[OrderItemRow]
    vendor_orders: Sequence[VendorOrderRow]

    @property
    def vendor_statuses(self) -> list[str]:
        return [part.status for part in self.vendor_orders]


class VendorOrderRecord(Struct):
    """A vendor order with its items and its order."""

    row: VendorOrderRow
    items: Sequence[OrderItemRow]
    order: OrderRow

    @property
    def coupons(self) -> list[AppliedCoupon]:
        """Return the coupons that its vendor funds: they take nothing off the items of others."""
        return [
            each for each in self.order.coupons if each.funded_by == "vendor" and each.vendor_id == self.row.vendor_id
        ]

    @property
    def platform_discount(self) -> int:
        """Return the part of the discount that the platform bears."""
        return self.row.discount - sum(each.discount for each in self.coupons)
