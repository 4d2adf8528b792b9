"""The parts that responses of several reports share: ranges, rows and fields."""

# mypy: disable-error-code="override"
# Each to_representation takes the data of its own response (orders.http.serializers.Output).

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from rest_framework import serializers

from orders.analytics.time_ranges import Row, TimeRange
from orders.http.serializers import Output

Body = dict[str, Any]
Figures = Mapping[str, int]
Record = Mapping[str, Any]


def count_field(help_text: str = "") -> serializers.IntegerField:
    return serializers.IntegerField(min_value=0, help_text=help_text)


def rate_field(help_text: str) -> serializers.RegexField:
    return serializers.RegexField(r"^[0-9]+\.[0-9]{4}$", allow_null=True, help_text=help_text)


def currency_field() -> serializers.RegexField:
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

    currency = currency_field()
