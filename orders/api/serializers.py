"""Serializers shared by the responses of orders and vendor orders."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from typing import Any

from rest_framework import serializers

from orders.coupons.rules import Kind
from orders.domain.addresses import MAX_LENGTHS
from orders.domain.lifecycle import VendorOrderStatus
from orders.domain.money import to_decimal_string
from orders.domain.pricing import Pricing
from orders.domain.records import AppliedCoupon, OrderItemRow, OrderRow, VendorOrderRow
from orders.http.serializers import Output, money


def currency() -> serializers.RegexField:
    return serializers.RegexField(
        r"^[A-Z]{3}$", help_text="ISO 4217; determines the number of decimals of the amounts."
    )


def order_number() -> serializers.RegexField:
    return serializers.RegexField(r"^[0-9A-Z]{4}-[0-9A-Z]{4}-[0-9A-Z]{4}$", help_text="A short, readable reference.")


def version(resource: str) -> serializers.IntegerField:
    return serializers.IntegerField(
        min_value=1, help_text=f"Increases with every change of the {resource}; also its `ETag`."
    )


def actions(names: list[str]) -> serializers.ListField:
    return serializers.ListField(
        child=serializers.ChoiceField(names),
        help_text="The actions that are allowed now, by the last segment of their path.",
    )


class ShippingAddressSerializer(Output):
    """A delivery address."""

    name = serializers.CharField()
    line1 = serializers.CharField()
    line2 = serializers.CharField(allow_blank=True)
    city = serializers.CharField()
    state = serializers.CharField(allow_blank=True)
    postal_code = serializers.CharField(allow_blank=True)
    country = serializers.RegexField(r"^[A-Z]{2}$", help_text="ISO 3166-1 alpha-2.")
    phone = serializers.CharField(allow_blank=True)

    @staticmethod
    def to_representation(address: dict[str, str]) -> dict[str, str]:
        return {name: address.get(name, "") for name in MAX_LENGTHS}  # orders placed earlier have no state


class ProductSerializer(Output):
    """A product with its price."""

    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField()
    sku = serializers.CharField()
    quantity = serializers.IntegerField(min_value=1)
    unit_price = money()
    total = money("`quantity` × `unit_price`.")


class OrderItemSerializer(ProductSerializer):
    """A product of an order, with its name and price at checkout."""

    id = serializers.UUIDField()
    discount = money("This item's share of all discounts.")

    @staticmethod
    def to_representation(item: OrderItemRow, currency: str) -> dict[str, Any]:
        return {
            "id": item.id,
            "product_id": item.product_id,
            "vendor_id": item.vendor_id,
            "name": item.name,
            "sku": item.sku,
            "quantity": item.quantity,
            "unit_price": to_decimal_string(item.unit_price, currency),
            "total": to_decimal_string(item.total, currency),
            "discount": to_decimal_string(item.discount, currency),
        }


class AppliedCouponSerializer(Output):
    """A coupon of an order or a quote."""

    code = serializers.CharField()
    kind = serializers.ChoiceField(list(Kind))
    discount = money("What it takes off.")

    @staticmethod
    def to_representation(coupon: AppliedCoupon, currency: str) -> dict[str, Any]:
        return {
            "code": coupon.code,
            "kind": coupon.kind,
            "discount": to_decimal_string(coupon.discount, currency),
        }


class AmountsSerializer(Output):
    """The amounts of an order, a vendor order or a quote."""

    subtotal = money("The sum of the items.")
    discount = money("The sum of all discounts.")
    total = money("`subtotal` − `discount`: the amount to pay.")

    @staticmethod
    def to_representation(row: OrderRow | VendorOrderRow | Pricing) -> dict[str, Any]:
        currency = row.currency
        return {
            "subtotal": to_decimal_string(row.subtotal, currency),
            "discount": to_decimal_string(row.discount, currency),
            "total": to_decimal_string(row.total, currency),
        }


class ParcelSerializer(Output):
    """The shipment of a vendor order; all fields are null until it is shipped."""

    carrier = serializers.CharField(allow_null=True)
    tracking_number = serializers.CharField(allow_null=True)
    tracking_url = serializers.URLField(allow_null=True)
    shipped_at = serializers.DateTimeField(allow_null=True)
    delivered_at = serializers.DateTimeField(allow_null=True)

    @staticmethod
    def to_representation(row: VendorOrderRow) -> dict[str, Any]:
        return {
            "carrier": row.carrier,
            "tracking_number": row.tracking_number,
            "tracking_url": row.tracking_url,
            "shipped_at": row.shipped_at,
            "delivered_at": row.delivered_at,
        }


class VendorOrderOverviewSerializer(AmountsSerializer, ParcelSerializer):
    """A vendor order as part of an order."""

    id = serializers.UUIDField()
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))

    @staticmethod
    def to_representation(row: VendorOrderRow) -> dict[str, Any]:
        return {
            "id": row.id,
            "vendor_id": row.vendor_id,
            "status": row.status,
            **AmountsSerializer.to_representation(row),
            **ParcelSerializer.to_representation(row),
        }
