"""Reports: responses."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any

from rest_framework import serializers

from orders.analytics.bookings import MAX_ORDER_COUNT
from orders.analytics.figures import average, percentile, rate
from orders.analytics.reports.bought_together import BoughtTogether
from orders.analytics.reports.cohorts import Cohort
from orders.analytics.reports.funnel import Step
from orders.analytics.reports.series import CustomerReport, Series
from orders.analytics.time_ranges import MonthRange, Row, TimeRange
from orders.domain.money import to_decimal_string
from orders.http.serializers import Output, money

Body = dict[str, Any]
Figures = Mapping[str, int]
Record = Mapping[str, Any]

FUNDERS = ["vendor", "platform"]
"""As coupons have them (`orders.coupons.rules.FundedBy`): one capability imports nothing of another."""

STEPS = ("placed", "confirmed", "processing", "shipped", "delivered", "cancelled", "expired")
TIMED_STEPS = ("confirmed", "processing", "shipped", "delivered")
CANCELLERS = ("customer", "vendor", "admin", "system")


def _count(help_text: str = "") -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, help_text=help_text)


def _rate(help_text: str) -> serializers.RegexField:
    return serializers.RegexField(r"^[0-9]+\.[0-9]{4}$", allow_null=True, help_text=help_text)


def _currency() -> serializers.RegexField:
    return serializers.RegexField("^[A-Z]{3}$", help_text="ISO 4217.")


class RangeOutput(Output):
    """The range of a report, as it was understood."""

    to = serializers.DateTimeField(help_text="Exclusive.")
    timezone = serializers.CharField()

    def get_fields(self) -> Any:
        """Add `from`, a keyword of Python."""
        return {"from": serializers.DateTimeField(help_text="Inclusive."), **super().get_fields()}


def range_body(range_: TimeRange) -> Body:
    """Return the fields of RangeOutput."""
    return {"from": range_.write(range_.start), "to": range_.write(range_.end), "timezone": range_.zone.key}


class RowOutput(Output):
    """One interval of a range."""

    start = serializers.DateTimeField(help_text="Inclusive.")
    end = serializers.DateTimeField(help_text="Exclusive.")
    complete = serializers.BooleanField(help_text="False when the range cuts the interval off, or it is not over yet.")


def row_bodies(range_: TimeRange, rows: Sequence[Row], now: datetime) -> list[Body]:
    """Return the fields of RowOutput for each row."""
    return [
        {"start": range_.write(row.start), "end": range_.write(row.end), "complete": row.is_complete(now)}
        for row in rows
    ]


class CurrencyOutput(Output):
    """The currency of all amounts of a row."""

    currency = _currency()


class SalesFiguresSerializer(Output):
    """The figures of sales."""

    orders = _count("Sales: orders, or a vendor's vendor orders, by the time of their confirmation.")
    items = _count("Units in them.")
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

    captures = _count("Captures that the service heard of, late and excess ones too.")
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

    orders = _count("Sales.")
    new_customers = _count("Sales that are their customer's first ever.")
    repeat_orders = _count("The other sales.")
    repeat_rate = _rate("`repeat_orders` ÷ `orders`; null without orders.")

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
    customers = _count()

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


class TopProductSerializer(Output):
    """The figures of a product in one currency."""

    currency = _currency()
    product_id = serializers.CharField()
    vendor_id = serializers.CharField()
    name = serializers.CharField(help_text="In its latest sale up to `to`.")
    sku = serializers.CharField(help_text="In its latest sale up to `to`.")
    orders = _count("Sales with it.")
    quantity = _count("Units sold.")
    gross = money("What they cost.")
    discount = money("What coupons took off them.")
    cancelled_quantity = _count("Units that were cancelled in the range, whenever they were sold.")
    cancelled = money("What they had cost, without discount.")
    returned_quantity = _count("Units that were given back in the range.")
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
    orders = _count("Sales with both.")
    share = _rate("Their share of all sales with the requested product.")

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

    orders = _count("Sales with the requested product.")
    results = CompanionSerializer(many=True)

    @staticmethod
    def to_representation(range_: TimeRange, found: BoughtTogether) -> Body:
        return {
            **range_body(range_),
            "orders": found.orders,
            "results": [CompanionSerializer.to_representation(row, found.orders) for row in found.products],
        }


class CohortSerializer(Output):
    """The customers whose first sale is in a month."""

    month = serializers.RegexField("^[0-9]{4}-[0-9]{2}$")
    customers = _count()
    active = serializers.ListField(
        child=serializers.IntegerField(min_value=0),
        min_length=1,
        help_text="By the number of months later, up to the present month: how many of them have a sale then.",
    )

    @staticmethod
    def to_representation(cohort: Cohort) -> Body:
        return {"month": write_month(cohort.month), "customers": cohort.active[0], "active": cohort.active}


def write_month(month: date) -> str:
    """Return a month as 2026-01."""
    return f"{month:%Y-%m}"


class CohortReportSerializer(Output):
    """Customers by the month of their first sale, in UTC, and how many of them came back."""

    to = serializers.RegexField("^[0-9]{4}-[0-9]{2}$", help_text="Inclusive.")
    results = CohortSerializer(many=True)

    def get_fields(self) -> Any:
        """Add `from`, a keyword of Python."""
        first = serializers.RegexField("^[0-9]{4}-[0-9]{2}$", help_text="Inclusive.")
        return {"from": first, **super().get_fields()}

    @staticmethod
    def to_representation(months: MonthRange, found: Sequence[Cohort]) -> Body:
        return {
            "from": write_month(months.first),
            "to": write_month(months.last),
            "results": [CohortSerializer.to_representation(cohort) for cohort in found],
        }


class FunnelStepsSerializer(Output):
    """The number of orders, or vendor orders, that ever reached each step."""

    placed = _count()
    confirmed = _count()
    processing = _count()
    shipped = _count()
    delivered = _count()
    cancelled = _count()
    expired = _count()

    @staticmethod
    def to_representation(steps: Mapping[str, Step], cancelled: int) -> Body:
        return {name: cancelled if name == "cancelled" else _units(steps, name) for name in STEPS}


class FunnelCancellationsSerializer(Output):
    """The number of cancellations by role."""

    customer = _count()
    vendor = _count()
    admin = _count()
    system = _count("Stock that was gone when the payment came.")

    @staticmethod
    def to_representation(steps: Mapping[str, Step]) -> Body:
        return {role: _units(steps, f"cancelled_by_{role}") for role in CANCELLERS}


class DurationsSerializer(Output):
    """The time that a step took since the one before, in whole seconds."""

    count = _count("Orders, or vendor orders, that took the step.")
    average_seconds = serializers.IntegerField(min_value=0, allow_null=True, help_text="Rounded down.")
    p50_seconds = serializers.IntegerField(
        min_value=1,
        allow_null=True,
        help_text="The least of the bounds 1, 2, 5 s … 90 days that at least half of them kept.",
    )
    p90_seconds = serializers.IntegerField(
        min_value=1, allow_null=True, help_text="The same for 90 %; null without any, or above the last bound."
    )

    @staticmethod
    def to_representation(step: Step) -> Body:
        return {
            "count": step.units,
            "average_seconds": step.seconds // step.units if step.units else None,
            "p50_seconds": percentile(step.buckets, 50),
            "p90_seconds": percentile(step.buckets, 90),
        }


class FunnelTimesSerializer(Output):
    """The durations of steps."""

    confirmed = DurationsSerializer(help_text="Since it was placed.")
    processing = DurationsSerializer(help_text="Since it was confirmed.")
    shipped = DurationsSerializer(help_text="Since it was accepted.")
    delivered = DurationsSerializer(help_text="Since it was shipped.")

    @staticmethod
    def to_representation(steps: Mapping[str, Step]) -> Body:
        return {name: DurationsSerializer.to_representation(steps.get(name, Step())) for name in TIMED_STEPS}


class FunnelReportSerializer(RangeOutput):
    """The current progress of the orders that were placed in a range."""

    steps = FunnelStepsSerializer()
    cancelled_by = FunnelCancellationsSerializer()
    times = FunnelTimesSerializer()

    @staticmethod
    def to_representation(range_: TimeRange, found: Mapping[str, Step]) -> Body:
        cancelled_by = FunnelCancellationsSerializer.to_representation(found)
        return {
            **range_body(range_),
            "steps": FunnelStepsSerializer.to_representation(found, sum(cancelled_by.values())),
            "cancelled_by": cancelled_by,
            "times": FunnelTimesSerializer.to_representation(found),
        }


def _units(steps: Mapping[str, Step], name: str) -> int:
    return steps[name].units if name in steps else 0


class TopCouponSerializer(Output):
    """The figures of a coupon in one currency."""

    coupon_id = serializers.UUIDField()
    code = serializers.CharField()
    funded_by = serializers.ChoiceField(FUNDERS, help_text="Who bears the discount.")
    vendor_id = serializers.CharField(allow_null=True, help_text="Only this vendor's items are eligible.")
    currency = _currency()
    redemptions = _count("Sales that used it.")
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
