"""The first products and coupons, and products bought together: responses."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Sequence

from rest_framework import serializers

from orders.analytics.api.serializers.parts import (
    Body,
    RangeOutput,
    Record,
    count_field,
    currency_field,
    range_body,
    rate_field,
)
from orders.analytics.figures import rate
from orders.analytics.reports.bought_together import BoughtTogether
from orders.analytics.time_ranges import TimeRange
from orders.domain.money import to_decimal_string
from orders.http.serializers import Output, money

FUNDERS = ["vendor", "platform"]
"""As coupons have them (`orders.coupons.rules.FundedBy`): one capability imports nothing of another."""


class TopProductSerializer(Output):
    """The figures of a product in one currency."""

    currency = currency_field()
    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField(help_text="In its latest sale up to `to`.")
    sku = serializers.CharField(help_text="In its latest sale up to `to`.")
    orders = count_field("Sales with it.")
    quantity = count_field("Units sold.")
    gross = money("What they cost.")
    discount = money("What coupons took off them.")
    cancelled_quantity = count_field("Units that were cancelled in the range, whenever they were sold.")
    cancelled = money("What they had cost, without discount.")
    returned_quantity = count_field("Units that were given back in the range.")
    returned = money("What was given back for them.")
    revenue = money("`gross` − `discount` − `cancelled` − `returned`.", signed=True)

    @staticmethod
    def to_representation(row: Record) -> Body:
        currency = row["currency"]
        return {
            "currency": currency,
            "product_id": row["product_id"],
            "vendor_id": row["vendor_id"],
            "name": row["name"],
            "sku": row["sku"],
            "orders": row["orders"],
            "quantity": row["quantity"],
            "gross": to_decimal_string(row["gross"], currency),
            "discount": to_decimal_string(row["discount"], currency),
            "cancelled_quantity": row["cancelled_quantity"],
            "cancelled": to_decimal_string(row["cancelled"], currency),
            "returned_quantity": 0,
            "returned": to_decimal_string(0, currency),
            "revenue": to_decimal_string(row["gross"] - row["discount"] - row["cancelled"], currency),
        }


class TopProductsReportSerializer(RangeOutput):
    """The first products of each currency."""

    results = TopProductSerializer(many=True)

    @staticmethod
    def to_representation(range_: TimeRange, found: Sequence[Record]) -> Body:
        return {**range_body(range_), "results": [TopProductSerializer.to_representation(row) for row in found]}


class CompanionSerializer(Output):
    """A product that is in the same sales as the requested one."""

    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField(help_text="In the latest sale with both.")
    orders = count_field("Sales with both.")
    share = rate_field("Their share of all sales with the requested product.")

    @staticmethod
    def to_representation(row: Record, orders: int) -> Body:
        return {
            "product_id": row["product_id"],
            "vendor_id": row["vendor_id"],
            "name": row["name"],
            "orders": row["orders"],
            "share": rate(row["orders"], orders),
        }


class BoughtTogetherReportSerializer(RangeOutput):
    """The products that are most often in the same sales as the requested one."""

    orders = count_field("Sales with the requested product.")
    results = CompanionSerializer(many=True)

    @staticmethod
    def to_representation(range_: TimeRange, found: BoughtTogether) -> Body:
        return {
            **range_body(range_),
            "orders": found.orders,
            "results": [CompanionSerializer.to_representation(row, found.orders) for row in found.products],
        }


class TopCouponSerializer(Output):
    """The figures of a coupon in one currency."""

    coupon_id = serializers.UUIDField()
    code = serializers.CharField()
    funded_by = serializers.ChoiceField(FUNDERS, help_text="Who bears the discount.")
    vendor_id = serializers.CharField(allow_null=True, help_text="Only this vendor's items are eligible.")
    currency = currency_field()
    redemptions = count_field("Sales that used it.")
    discount = money("What it took off them.")
    gross = money("What the items of these sales cost.")
    net = money("`gross` without all discounts of these sales.")

    @staticmethod
    def to_representation(row: Record) -> Body:
        currency = row["currency"]
        return {
            "coupon_id": row["coupon_id"],
            "code": row["code"],
            "funded_by": row["funded_by"],
            "vendor_id": row["vendor_id"],
            "currency": currency,
            "redemptions": row["redemptions"],
            "discount": to_decimal_string(row["discount"], currency),
            "gross": to_decimal_string(row["gross"], currency),
            "net": to_decimal_string(row["net"], currency),
        }


class TopCouponsReportSerializer(RangeOutput):
    """The coupons of each currency that took off most."""

    results = TopCouponSerializer(many=True)

    @staticmethod
    def to_representation(range_: TimeRange, found: Sequence[Record]) -> Body:
        return {**range_body(range_), "results": [TopCouponSerializer.to_representation(row) for row in found]}
