"""A range as whole days of UTC, which the sums of longer times contain, and its edges."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta

from orders.analytics.models import Span
from orders.analytics.time_ranges import add_months

_DAY, _WEEK = timedelta(days=1), timedelta(weeks=1)


@dataclass(frozen=True, slots=True)
class Parts:
    """The whole days from `first` to before `last`, and the edges before and after them. Without whole days both are the end."""

    first: datetime
    last: datetime
    edges: Sequence[tuple[datetime, datetime]]

    @property
    def spans(self) -> Sequence[tuple[Span, datetime]]:
        """The whole days as few spans, with their beginnings."""
        return list(_spans(self.first, self.last))


def parts_of(start: datetime, end: datetime) -> Parts:
    """Return the parts of a range. An edge is (from, to before); beside whole days it is shorter than a day."""
    first, last = _midnight(start + _DAY - timedelta.resolution), _midnight(end)
    if first >= last:
        return Parts(end, end, [(start, end)])
    return Parts(first, last, [edge for edge in ((start, first), (last, end)) if edge[0] < edge[1]])


def _spans(start: datetime, end: datetime) -> Iterator[tuple[Span, datetime]]:
    """Yield the spans from one midnight to another, each the longest that begins there."""
    while start < end:
        span, following = next(each for each in _beginning_at(start) if each[1] <= end)
        yield span, start
        start = following


def _beginning_at(start: datetime) -> Iterator[tuple[Span, datetime]]:
    """Yield the spans that begin at a midnight, with their ends, the longest first.

    A week of two months is left out: the next months would begin within weeks, and be read by week.
    """
    if start.day == 1 and start.month % 3 == 1:
        yield Span.QUARTER, _months_after(start, 3)
    if start.day == 1:
        yield Span.MONTH, _months_after(start, 1)
    if start.weekday() == 0 and (start + _WEEK - _DAY).month == start.month:
        yield Span.WEEK, start + _WEEK
    yield Span.DAY, start + _DAY


def _months_after(start: datetime, months: int) -> datetime:
    return datetime.combine(add_months(start.date(), months), time(), UTC)


def _midnight(at: datetime) -> datetime:
    return at.replace(hour=0, minute=0, second=0, microsecond=0)
