"""Sales, customers and payments: responses."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Sequence

from rest_framework import serializers

from orders.analytics.api.serializers.parts import (
    Body,
    CurrencyOutput,
    Figures,
    RangeOutput,
    RowOutput,
    count_field,
    range_body,
    rate_field,
)
from orders.analytics.bookings import MAX_ORDER_COUNT
from orders.analytics.figures import average, rate
from orders.analytics.reports.series import CustomerReport, Series
from orders.analytics.time_ranges import TimeRange
from orders.domain.money import to_decimal_string
from orders.http.serializers import Output, money


class SalesFiguresSerializer(Output):
    """The figures of sales."""

    orders = count_field("Sales: orders, or a vendor's vendor orders, by the time of their confirmation.")
    items = count_field("Units in them.")
    gross = money("What the items cost.")
    discount = money("What coupons took off.")
    platform_discount = money("The part of `discount` that the platform bears.")
    cancelled = money("What was cancelled in this time, whenever it was sold.")
    returned = money("What was given back in this time.")
    revenue = money("`gross` − `discount` − `cancelled` − `returned`.", signed=True)
    average_order = money("(`gross` − `discount`) ÷ `orders`; null without orders.", allow_null=True)

    @staticmethod
    def to_representation(figures: Figures, currency: str) -> Body:
        paid = figures["gross"] - figures["discount"]
        mean = average(paid, figures["orders"])
        return {
            "orders": figures["orders"],
            "items": figures["items"],
            "gross": to_decimal_string(figures["gross"], currency),
            "discount": to_decimal_string(figures["discount"], currency),
            "platform_discount": to_decimal_string(figures["platform_discount"], currency),
            "cancelled": to_decimal_string(figures["cancelled"], currency),
            "returned": to_decimal_string(0, currency),
            "revenue": to_decimal_string(paid - figures["cancelled"], currency),
            "average_order": None if mean is None else to_decimal_string(mean, currency),
        }


class SalesRowSerializer(CurrencyOutput, RowOutput, SalesFiguresSerializer):
    """The sales of one currency in one interval."""

    @staticmethod
    def to_representation(figures: Figures, currency: str, row: Body) -> Body:
        return {"currency": currency, **row, **SalesFiguresSerializer.to_representation(figures, currency)}


class SalesTotalsSerializer(CurrencyOutput, SalesFiguresSerializer):
    """The sales of one currency in the whole range."""

    @staticmethod
    def to_representation(figures: Figures, currency: str) -> Body:
        return {"currency": currency, **SalesFiguresSerializer.to_representation(figures, currency)}


class SalesReportSerializer(RangeOutput):
    """Sales by currency, then by time, and the totals of each currency."""

    results = SalesRowSerializer(many=True)
    totals = SalesTotalsSerializer(many=True)

    @staticmethod
    def to_representation(range_: TimeRange, found: Sequence[Series], rows: Sequence[Body]) -> Body:
        return {
            **range_body(range_),
            "results": [
                SalesRowSerializer.to_representation(figures, series.currency, row)
                for series in found
                for figures, row in zip(series.figures, rows, strict=True)
            ],
            "totals": [SalesTotalsSerializer.to_representation(series.totals, series.currency) for series in found],
        }


class PaymentFiguresSerializer(Output):
    """The figures of payments. A refund that fails after it was done is taken off when that is heard."""

    captures = count_field("Captures that the service heard of, late and excess ones too.")
    captured = money("Their amount.")
    refunds = serializers.IntegerField(help_text="Refunds that the service heard of.")
    refunded = money("Their amount.", signed=True)
    kept = money("`captured` − `refunded`.", signed=True)

    @staticmethod
    def to_representation(figures: Figures, currency: str) -> Body:
        return {
            "captures": figures["captures"],
            "captured": to_decimal_string(figures["captured"], currency),
            "refunds": figures["refunds"],
            "refunded": to_decimal_string(figures["refunded"], currency),
            "kept": to_decimal_string(figures["captured"] - figures["refunded"], currency),
        }


class PaymentRowSerializer(CurrencyOutput, RowOutput, PaymentFiguresSerializer):
    """The payments of one currency in one interval."""

    @staticmethod
    def to_representation(figures: Figures, currency: str, row: Body) -> Body:
        return {"currency": currency, **row, **PaymentFiguresSerializer.to_representation(figures, currency)}


class PaymentTotalsSerializer(CurrencyOutput, PaymentFiguresSerializer):
    """The payments of one currency in the whole range."""

    @staticmethod
    def to_representation(figures: Figures, currency: str) -> Body:
        return {"currency": currency, **PaymentFiguresSerializer.to_representation(figures, currency)}


class PaymentReportSerializer(RangeOutput):
    """Payments by currency, then by time, and the totals of each currency."""

    results = PaymentRowSerializer(many=True)
    totals = PaymentTotalsSerializer(many=True)

    @staticmethod
    def to_representation(range_: TimeRange, found: Sequence[Series], rows: Sequence[Body]) -> Body:
        return {
            **range_body(range_),
            "results": [
                PaymentRowSerializer.to_representation(figures, series.currency, row)
                for series in found
                for figures, row in zip(series.figures, rows, strict=True)
            ],
            "totals": [PaymentTotalsSerializer.to_representation(series.totals, series.currency) for series in found],
        }


class CustomerFiguresSerializer(Output):
    """The figures of customers, of all currencies."""

    orders = count_field("Sales.")
    new_customers = count_field("Sales that are their customer's first ever.")
    repeat_orders = count_field("The other sales.")
    repeat_rate = rate_field("`repeat_orders` ÷ `orders`; null without orders.")

    @staticmethod
    def to_representation(figures: Figures) -> Body:
        repeated = figures["orders"] - figures["new_customers"]
        return {
            "orders": figures["orders"],
            "new_customers": figures["new_customers"],
            "repeat_orders": repeated,
            "repeat_rate": rate(repeated, figures["orders"]),
        }


class CustomerRowSerializer(RowOutput, CustomerFiguresSerializer):
    """The customers of one interval."""

    @staticmethod
    def to_representation(figures: Figures, row: Body) -> Body:
        return {**row, **CustomerFiguresSerializer.to_representation(figures)}


class OrderCountSerializer(Output):
    """The number of customers with a number of sales."""

    orders = serializers.IntegerField(
        min_value=1, max_value=MAX_ORDER_COUNT, help_text=f"Sales; {MAX_ORDER_COUNT} stands for more, too."
    )
    customers = count_field()

    @staticmethod
    def to_representation(orders: int, customers: int) -> Body:
        return {"orders": orders, "customers": customers}


class CustomerReportSerializer(RangeOutput):
    """New and returning customers by time, and how many sales customers have."""

    results = CustomerRowSerializer(many=True)
    totals = CustomerFiguresSerializer()
    order_counts = OrderCountSerializer(many=True, help_text="Of all time, whatever the range.")

    @staticmethod
    def to_representation(range_: TimeRange, found: CustomerReport, rows: Sequence[Body]) -> Body:
        return {
            **range_body(range_),
            "results": [
                CustomerRowSerializer.to_representation(figures, row)
                for figures, row in zip(found.series.figures, rows, strict=True)
            ],
            "totals": CustomerFiguresSerializer.to_representation(found.series.totals),
            "order_counts": [
                OrderCountSerializer.to_representation(orders, found.order_counts.get(orders, 0))
                for orders in range(1, MAX_ORDER_COUNT + 1)
            ],
        }
