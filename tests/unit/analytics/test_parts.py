"""A range is read as the fewest sums: quarters, months, weeks, days, and edges of less than a day."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from orders.analytics.models import Span
from orders.analytics.reports.parts import parts_of
from orders.analytics.time_ranges import add_months

DAY = timedelta(days=1)
times = st.datetimes(datetime(2000, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))


def end_of(span: Span, start: datetime) -> datetime:
    """Return the end of a span, which begins where `date_trunc` has it begin."""
    if span is Span.DAY:
        return start + DAY
    if span is Span.WEEK:
        assert start.isoweekday() == 1
        return start + 7 * DAY
    assert start.day == 1
    assert span is Span.MONTH or start.month in (1, 4, 7, 10)
    months = 1 if span is Span.MONTH else 3
    return datetime.combine(add_months(start.date(), months), start.timetz())


@given(start=times, length=st.timedeltas(timedelta(minutes=1), timedelta(days=3653)))
@example(start=datetime(2026, 12, 28, tzinfo=UTC), length=timedelta(days=365))
@example(start=datetime(2026, 1, 1, tzinfo=UTC), length=timedelta(days=365))
def test_a_range_is_its_spans_and_edges_end_to_end(start: datetime, length: timedelta) -> None:
    found = parts_of(start, start + length)
    pieces = sorted([*((begin, end_of(span, begin)) for span, begin in found.spans), *found.edges])
    assert (pieces[0][0], pieces[-1][1]) == (start, start + length)
    assert all(before[1] == after[0] for before, after in pairwise(pieces))
    assert all(end - begin < DAY or not found.spans for begin, end in found.edges)


@given(start=times)
def test_a_year_has_at_most_thirty_spans(start: datetime) -> None:
    assert len(parts_of(start, start + 365 * DAY).spans) <= 30
