"""Orders, quotes, tracking and history: responses."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Sequence
from typing import Any

from rest_framework import serializers

from orders.api.serializers import (
    AmountsSerializer,
    AppliedCouponSerializer,
    OrderItemSerializer,
    ParcelSerializer,
    ProductSerializer,
    ShippingAddressSerializer,
    VendorOrderOverviewSerializer,
    actions,
    currency,
    order_number,
    version,
)
from orders.domain.callers import Role
from orders.domain.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus, order_actions
from orders.domain.money import to_decimal_string
from orders.domain.pricing import PricedLine
from orders.domain.records import OrderItemRow, OrderRecord, VendorOrderRow
from orders.http.serializers import (
    Output,
    PageOutput,
    ShortageSerializer,
    money,
)
from orders.services.checkout.quote import Quote
from orders.store.models import OrderEvent

EVENT_TYPE = r"^(order|vendor_order|payment)\.[a-z_]+$"
ORDER_ACTIONS = ["cancel"]

FIRST_CODE = "The first code that the request named."
APPLIED = "In the order in which they were applied."


class OrderSerializer(AmountsSerializer):
    """An order. Amounts are decimal strings with the currency's number of decimals."""

    id = serializers.UUIDField()
    number = order_number()
    customer_id = serializers.CharField()
    status = serializers.ChoiceField(list(OrderStatus))
    payment_status = serializers.ChoiceField(list(PaymentStatus))
    currency = currency()
    coupon_code = serializers.CharField(allow_null=True, help_text=FIRST_CODE)
    coupons = AppliedCouponSerializer(many=True, help_text=APPLIED)
    note = serializers.CharField(allow_blank=True)
    items = OrderItemSerializer(many=True)
    vendor_orders = VendorOrderOverviewSerializer(many=True)
    shipping_address = ShippingAddressSerializer()
    available_actions = actions(ORDER_ACTIONS)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField(help_text="When the order expires if it is still `pending`.")
    version = version("order")

    @staticmethod
    def to_representation(order: OrderRecord, role: Role) -> dict[str, Any]:
        """Return the order as shown to this role."""
        row, currency = order.row, order.row.currency
        return {
            "id": row.id,
            "number": row.number,
            "customer_id": row.customer_id,
            "status": row.status,
            "payment_status": row.payment_status,
            "currency": currency,
            **AmountsSerializer.to_representation(row),
            "coupon_code": row.coupon_code,
            "coupons": [AppliedCouponSerializer.to_representation(coupon, currency) for coupon in row.coupons],
            "note": row.note,
            "items": [OrderItemSerializer.to_representation(item, currency) for item in order.items],
            "vendor_orders": [VendorOrderOverviewSerializer.to_representation(part) for part in order.vendor_orders],
            "shipping_address": ShippingAddressSerializer.to_representation(row.shipping_address),
            "available_actions": order_actions(role, row.status, order.vendor_statuses),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "expires_at": row.expires_at,
            "version": row.version,
        }


class OrderPageSerializer(PageOutput):
    """A page of orders."""

    results = OrderSerializer(many=True)


class QuoteItemSerializer(ProductSerializer):
    """A product of the cart at its current price."""

    discount = money("This item's share of all discounts.")
    available = serializers.IntegerField(min_value=0, help_text="Units in stock.")

    @staticmethod
    def to_representation(line: PricedLine, currency: str) -> dict[str, Any]:
        product = line.product
        return {
            "product_id": product.product_id,
            "vendor_id": product.vendor_id,
            "name": product.name,
            "sku": product.sku,
            "quantity": line.quantity,
            "unit_price": to_decimal_string(product.unit_price, currency),
            "total": to_decimal_string(line.total, currency),
            "discount": to_decimal_string(line.discount, currency),
            "available": product.available,
        }


class QuoteSerializer(AmountsSerializer):
    """The cart at current prices."""

    currency = currency()
    items = QuoteItemSerializer(many=True)
    coupon_code = serializers.CharField(allow_null=True, help_text=FIRST_CODE)
    coupons = AppliedCouponSerializer(many=True, help_text=APPLIED)
    cart_version = serializers.IntegerField(
        help_text="Send it with the checkout, which fails when the cart has changed."
    )
    shortages = ShortageSerializer(
        many=True, help_text="The products for which checkout would fail with `out_of_stock`."
    )

    @staticmethod
    def to_representation(quote: Quote) -> dict[str, Any]:
        pricing = quote.pricing
        currency = pricing.currency
        return {
            "currency": currency,
            "items": [QuoteItemSerializer.to_representation(line, currency) for line in pricing.lines],
            **AmountsSerializer.to_representation(pricing),
            "coupon_code": quote.coupon_code,
            "coupons": [AppliedCouponSerializer.to_representation(coupon, currency) for coupon in quote.coupons],
            "cart_version": quote.cart_version,
            "shortages": [ShortageSerializer.to_representation(shortage) for shortage in quote.shortages],
        }


class ShipmentSerializer(ParcelSerializer):
    """The shipment of one vendor order."""

    vendor_order_id = serializers.UUIDField()
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    items = OrderItemSerializer(many=True)

    @staticmethod
    def to_representation(row: VendorOrderRow, items: list[OrderItemRow]) -> dict[str, Any]:
        return {
            "vendor_order_id": row.id,
            "vendor_id": row.vendor_id,
            "status": row.status,
            **ParcelSerializer.to_representation(row),
            "items": [OrderItemSerializer.to_representation(item, row.currency) for item in items],
        }


class TimelineEntrySerializer(Output):
    """A change of status."""

    at = serializers.DateTimeField()
    type = serializers.RegexField(
        EVENT_TYPE,
        help_text="`order.placed`, `vendor_order.tracking_changed`, or `order.`, `vendor_order.` or `payment.` with the"
        " new status.",
    )
    to = serializers.CharField(help_text="The new status.")

    def get_fields(self) -> Any:
        """Add `from`, a keyword of Python."""
        return {
            **super().get_fields(),
            "from": serializers.CharField(allow_null=True, help_text="The previous status."),
        }

    @staticmethod
    def to_representation(entry: OrderEvent) -> dict[str, Any]:
        return {"at": entry.at, "type": entry.type, "from": entry.from_status, "to": entry.to_status}


class OrderTrackingSerializer(Output):
    """The shipments and the timeline of an order."""

    order_id = serializers.UUIDField()
    number = order_number()
    status = serializers.ChoiceField(list(OrderStatus))
    shipments = ShipmentSerializer(many=True)
    timeline = TimelineEntrySerializer(many=True)

    @staticmethod
    def to_representation(order: OrderRecord, timeline: Sequence[OrderEvent]) -> dict[str, Any]:
        return {
            "order_id": order.row.id,
            "number": order.row.number,
            "status": order.row.status,
            "shipments": [
                ShipmentSerializer.to_representation(
                    part, [item for item in order.items if item.vendor_order_id == part.id]
                )
                for part in order.vendor_orders
            ],
            "timeline": [TimelineEntrySerializer.to_representation(entry) for entry in timeline],
        }


class HistoryEntrySerializer(TimelineEntrySerializer):
    """An entry of the audit trail."""

    sequence = serializers.IntegerField(min_value=1, help_text="1, 2, 3 … within the order.")
    actor_role = serializers.ChoiceField(["customer", "vendor", "admin", "system", "payment"])
    actor_id = serializers.CharField(required=False, allow_null=True, help_text="For admins only.")
    request_id = serializers.CharField(required=False, help_text="For admins only.")
    data = serializers.DictField(required=False, help_text="For admins only.")  # type: ignore[assignment]

    @staticmethod
    def to_representation(entry: OrderEvent, role: Role) -> dict[str, Any]:
        """Return the entry as shown to this role."""
        body = {
            "sequence": entry.sequence,
            "type": entry.type,
            "actor_role": entry.actor_role,
            "from": entry.from_status,
            "to": entry.to_status,
            "at": entry.at,
        }
        if role == "admin":
            body |= {"actor_id": entry.actor_id, "request_id": entry.request_id, "data": entry.data}
        return body


class OrderHistorySerializer(Output):
    """The audit trail of an order, oldest entry first."""

    results = HistoryEntrySerializer(many=True)

    @staticmethod
    def to_representation(entries: Sequence[OrderEvent], role: Role) -> dict[str, Any]:
        return {"results": [HistoryEntrySerializer.to_representation(entry, role) for entry in entries]}
