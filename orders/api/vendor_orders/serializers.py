"""Vendor orders: request bodies and responses."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from typing import Any

from rest_framework import serializers

from orders.api.serializers import (
    AmountsSerializer,
    OrderItemSerializer,
    ParcelSerializer,
    ShippingAddressSerializer,
    actions,
    currency,
    order_number,
    version,
)
from orders.domain.lifecycle import (
    ORDER_STATUSES_FOR_VENDORS,
    OrderStatus,
    VendorOrderStatus,
    order_status_for_vendor,
    vendor_order_actions,
)
from orders.domain.money import to_decimal_string
from orders.domain.records import AppliedCoupon, VendorOrderRecord
from orders.http.serializers import Input, Output, PageOutput, StrictCharField, https_uri, money
from orders.services.reading.summary import Summary

VENDOR_ORDER_ACTIONS = ["accept", "ship", "deliver", "cancel"]


class ShipInput(Input):
    """The shipment of a vendor order."""

    carrier = StrictCharField(max_length=100)
    tracking_number = StrictCharField(max_length=100)
    tracking_url = StrictCharField(
        required=False,
        default=None,
        max_length=500,
        validators=[https_uri],
        pattern="^[Hh][Tt][Tt][Pp][Ss]://[^/?#@]+([/?#].*)?$",
    )


class FundedCouponSerializer(Output):
    """A coupon that the vendor funds."""

    code = serializers.CharField()
    discount = money("What it takes off.")

    @staticmethod
    def to_representation(coupon: AppliedCoupon, currency: str) -> dict[str, Any]:
        return {"code": coupon.code, "discount": to_decimal_string(coupon.discount, currency)}


class VendorOrderSerializer(AmountsSerializer, ParcelSerializer):
    """The part of an order that one vendor fulfils; other vendors' parts are not disclosed."""

    id = serializers.UUIDField()
    order_id = serializers.UUIDField()
    order_number = order_number()
    order_status = serializers.ChoiceField(
        ORDER_STATUSES_FOR_VENDORS, help_text="The status of the order as shown to this vendor."
    )
    vendor_id = serializers.CharField()
    status = serializers.ChoiceField(list(VendorOrderStatus))
    currency = currency()
    platform_discount = money("The part of `discount` that the platform bears: the payout is `total` plus it.")
    coupons = FundedCouponSerializer(many=True, help_text="Those that this vendor funds.")
    items = OrderItemSerializer(many=True)
    shipping_address = ShippingAddressSerializer(
        allow_null=True, help_text="Null until the order is confirmed, and once the vendor order is cancelled."
    )
    available_actions = actions(VENDOR_ORDER_ACTIONS)
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()
    version = version("vendor order")

    @staticmethod
    def to_representation(record: VendorOrderRecord) -> dict[str, Any]:
        """Return the vendor order as shown to its vendor and to admins.

        The address is disclosed while the vendor needs it: not before the order is paid, nor once it is cancelled.
        """
        row, order = record.row, record.order
        order_status = order_status_for_vendor(order.status, row.status)
        confirmed = order_status == OrderStatus.CONFIRMED
        return {
            "id": row.id,
            "order_id": row.order_id,
            "order_number": order.number,
            "order_status": order_status,
            "vendor_id": row.vendor_id,
            "status": row.status,
            "currency": row.currency,
            **AmountsSerializer.to_representation(row),
            "platform_discount": to_decimal_string(record.platform_discount, row.currency),
            "coupons": [FundedCouponSerializer.to_representation(each, row.currency) for each in record.coupons],
            "items": [OrderItemSerializer.to_representation(item, row.currency) for item in record.items],
            "shipping_address": (
                ShippingAddressSerializer.to_representation(order.shipping_address) if confirmed else None
            ),
            **ParcelSerializer.to_representation(row),
            "available_actions": vendor_order_actions(order.status, row.status),
            "created_at": row.created_at,
            "updated_at": row.updated_at,
            "version": row.version,
        }


class VendorOrderPageSerializer(PageOutput):
    """A page of vendor orders."""

    results = VendorOrderSerializer(many=True)


class VendorOrderSummarySerializer(Output):
    """Counts and revenue of vendor orders."""

    counts = serializers.DictField(child=serializers.IntegerField(min_value=0), help_text="Vendor orders by status.")
    to_accept = serializers.IntegerField(
        min_value=0, help_text="The number of `pending` vendor orders whose order is `confirmed`."
    )
    revenue = serializers.DictField(child=money(), help_text="By currency, without unpaid and cancelled vendor orders.")
    oldest_waiting_at = serializers.DateTimeField(
        allow_null=True, help_text="When the oldest order was placed that is paid and not yet accepted."
    )

    @staticmethod
    def to_representation(summary: Summary) -> dict[str, Any]:
        return {
            "counts": summary.counts,
            "to_accept": summary.to_accept,
            "revenue": {currency: to_decimal_string(sum_, currency) for currency, sum_ in summary.revenue.items()},
            "oldest_waiting_at": summary.oldest_waiting_at,
        }
