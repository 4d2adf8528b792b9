"""The funnel: the response."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Mapping

from rest_framework import serializers

from orders.analytics.api.serializers.parts import Body, RangeOutput, count_field, range_body
from orders.analytics.figures import percentile
from orders.analytics.reports.funnel import Step
from orders.analytics.time_ranges import TimeRange
from orders.http.serializers import Output

STEPS = ("placed", "confirmed", "processing", "shipped", "delivered", "cancelled", "expired")
TIMED_STEPS = ("confirmed", "processing", "shipped", "delivered")
CANCELLERS = ("customer", "vendor", "admin", "system")


class FunnelStepsSerializer(Output):
    """The number of orders, or vendor orders, that ever reached each step."""

    placed = count_field()
    confirmed = count_field()
    processing = count_field()
    shipped = count_field()
    delivered = count_field()
    cancelled = count_field()
    expired = count_field()

    @staticmethod
    def to_representation(steps: Mapping[str, Step], cancelled: int) -> Body:
        return {name: cancelled if name == "cancelled" else _units(steps, name) for name in STEPS}


class FunnelCancellationsSerializer(Output):
    """The number of cancellations by role."""

    customer = count_field()
    vendor = count_field()
    admin = count_field()
    system = count_field("Stock that was gone when the payment came.")

    @staticmethod
    def to_representation(steps: Mapping[str, Step]) -> Body:
        return {role: _units(steps, f"cancelled_by_{role}") for role in CANCELLERS}


class DurationsSerializer(Output):
    """The time that a step took since the one before, in whole seconds."""

    count = count_field("Orders, or vendor orders, that took the step.")
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
