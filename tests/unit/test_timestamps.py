"""The parser of RFC 3339 times: it accepts all of their forms and no other form of ISO 8601."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.timestamps import read_timestamp

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("2026-11-22T12:00:00Z", NOON),
        ("2026-11-22t12:00:00z", NOON),
        ("2026-11-22 12:00:00Z", NOON),
        ("2026-11-22T12:00:00.0Z", NOON),
        ("2026-11-22T12:00:00+00:00", NOON),
        ("2026-11-22T12:00:00-00:00", NOON),
        ("2026-11-23T11:59:00+23:59", NOON),
        ("2026-11-21T12:01:00-23:59", NOON),
        ("2026-11-22T06:15:00-05:45", NOON),
        ("2026-11-22T11:59:60Z", NOON),
        ("2016-12-31T23:59:60Z", datetime(2017, 1, 1, tzinfo=UTC)),
        ("2016-12-31T15:59:60.5-08:00", datetime(2017, 1, 1, 0, 0, 0, 500_000, tzinfo=UTC)),
        ("2026-11-22T12:00:00.000001Z", NOON + MICROSECOND),
        ("2026-11-22T12:00:00.0000010000000000000000000Z", NOON + MICROSECOND),
        ("2026-11-22T12:00:00.0000010000000000000000001Z", NOON + 2 * MICROSECOND),
        ("2026-11-22T12:00:00.0000000000000000000000001Z", NOON + MICROSECOND),
        ("2026-11-22T11:59:59.9999999Z", NOON),
        ("2025-12-31T23:59:59.9999991Z", datetime(2026, 1, 1, tzinfo=UTC)),
        ("2024-02-29T00:00:00Z", datetime(2024, 2, 29, tzinfo=UTC)),
        ("0001-01-01T00:00:00Z", datetime.min.replace(tzinfo=UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
        ("0001-01-01T00:00:00-23:59", datetime(1, 1, 1, 23, 59, tzinfo=UTC)),
    ],
)
def test_every_form_of_rfc_3339_is_parsed_and_rounded_up_to_microseconds(text: str, moment: datetime) -> None:
    assert read_timestamp(text) == moment
    assert read_timestamp(text).utcoffset() == timedelta(0)


@pytest.mark.parametrize(
    "text",
    [
        *("", "yesterday", "1795341600", "2026-11-22", "12:00:00Z", "2026-11-22T12:00Z", "2026-11-22T12Z"),
        *("2026-W47-7T12:00:00Z", "2026-326T12:00:00Z", "20261122T120000Z", "2026-11-22T120000Z", "20261122T12:00:00Z"),
        *("2026-11-22T12:00:00", "2026-11-22T12:00:00+02", "2026-11-22T12:00:00+0200", "2026-11-22T12:00:00+02:00:00"),
        *("2026-11-22T12:00:00,5Z", "2026-11-22T12:00:00.Z", "2026-11-22T12:00:00.5.5Z", "2026-11-22T12:00:00 Z"),
        *("2026-11-22T12:00:00+02:60", "2026-11-22T12:00:00+24:00", "2026-11-22T12:00:00+99:00", "2026-11-22T12:00:00±02:00"),
        *("2026-11-22T24:00:00Z", "2026-11-22T12:60:00Z", "2026-11-22T12:00:61Z", "2026-11-22T12:00:60", "2026-11-22_12:00:00Z"),
        *("2026-13-01T00:00:00Z", "2026-00-01T00:00:00Z", "2026-02-29T00:00:00Z", "2026-11-00T00:00:00Z", "2026-1-1T0:0:0Z"),
        *(" 2026-11-22T12:00:00Z", "2026-11-22T12:00:00Z ", "2026-11-22T12:00:00Z\n", "2026-11-22T12:00:00ZZ"),
        *("２０２６-11-22T12:00:00Z", "2026-11-22T12:00:0٣Z", "+2026-11-22T12:00:00Z", "-2026-11-22T12:00:00Z"),
        *("12026-11-22T12:00:00Z", "0000-01-01T00:00:00Z", "0001-01-01T00:00:00+00:01", "9999-12-31T23:59:59-01:00"),
        *("9999-12-31T23:59:60Z", "9999-12-31T23:59:59.9999999Z", "2026-11-22T12:00:00\u2212 02:00", "2026-11-22T12:00:00Z[UTC]"),
    ],
)  # fmt: skip
def test_any_other_text_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="Not a"):
        read_timestamp(text)


@given(st.datetimes(min_value=datetime(2, 1, 1), max_value=datetime(9998, 1, 1)), st.integers(-1439, 1439))
def test_a_moment_is_the_same_in_every_offset(moment: datetime, minutes: int) -> None:
    sign, (hours, rest) = "-" if minutes < 0 else "+", divmod(abs(minutes), 60)
    there = moment + timedelta(minutes=minutes)
    assert read_timestamp(f"{there.isoformat()}{sign}{hours:02}:{rest:02}") == moment.replace(tzinfo=UTC)
