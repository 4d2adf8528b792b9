"""Cohorts: the response."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Sequence
from datetime import date
from typing import Any

from rest_framework import serializers

from orders.analytics.api.serializers.parts import Body, count_field
from orders.analytics.reports.cohorts import Cohort
from orders.analytics.time_ranges import MonthRange
from orders.http.serializers import Output


class CohortSerializer(Output):
    """The customers whose first sale is in a month."""

    month = serializers.RegexField("^[0-9]{4}-[0-9]{2}$")
    customers = count_field()
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
