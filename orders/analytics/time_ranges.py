"""The time range of a report and its rows, in the caller's time zone (contract: analytics, "Time"). Pure.

All instants are whole quarter hours: every zone's days and hours since 2000 are whole quarters of UTC. The zone database is
that of the package `tzdata`, whatever the operating system has.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from functools import cache, lru_cache
from importlib.resources import files
from itertools import pairwise
from zoneinfo import ZoneInfo

from orders.domain.timestamps import read_timestamp

QUARTER = timedelta(minutes=15)
DEFAULT_DAYS = 30
MAX_YEARS = 10
FIRST_YEAR, LAST_YEAR = 2000, 2100
MAX_ROWS = 1100
"""The maximum number of rows of a report, for each currency."""

MAX_MONTHS, DEFAULT_MONTHS = 36, 12

_DATE = re.compile("[0-9]{4}-[0-9]{2}-[0-9]{2}")
_MONTH = re.compile("[0-9]{4}-[0-9]{2}")
_QUARTER_HOUR = re.compile(".{10}.[0-9]{2}:(00|15|30|45):00([Zz]|[+-][0-9]{2}:[0-9]{2})")


class Interval(StrEnum):
    HOUR = "hour"
    DAY = "day"
    WEEK = "week"
    MONTH = "month"


@dataclass(frozen=True, slots=True)
class TimeRange:
    """From `start` to before `end`, both UTC; `zone` decides where days begin."""

    start: datetime
    end: datetime
    zone: ZoneInfo

    def write(self, at: datetime) -> str:
        """Return an instant with the zone's offset: 2026-10-25T00:00:00+02:00; for UTC with Z."""
        text = at.astimezone(self.zone).isoformat()
        return f"{text.removesuffix('+00:00')}Z" if self.zone.key == "UTC" else text

    @property
    def dates(self) -> tuple[date, date]:
        """Return the dates of `start` and `end` in the zone."""
        return self.start.astimezone(self.zone).date(), self.end.astimezone(self.zone).date()


@dataclass(frozen=True, slots=True)
class Row:
    """One interval of a range. `is_whole` is false where the range cuts it off."""

    start: datetime
    end: datetime
    is_whole: bool

    def is_complete(self, now: datetime) -> bool:
        """Return whether the interval is whole and over."""
        return self.is_whole and self.end <= now


@dataclass(frozen=True, slots=True)
class MonthRange:
    """Calendar months of UTC, by their first days; both inclusive."""

    first: date
    last: date

    def months(self) -> list[date]:
        """Return the months."""
        count = months_between(self.first, self.last)
        return [add_months(self.first, number) for number in range(count + 1)]


class RangeError(ValueError):
    """A parameter is invalid; `parameter` is its name."""

    def __init__(self, parameter: str, detail: str) -> None:
        super().__init__(detail)
        self.parameter = parameter


@cache
def zone_names() -> frozenset[str]:
    """Return the names of all zones and links."""
    return frozenset((files("tzdata") / "zones").read_text().split())


@lru_cache(1024)
def read_zone(name: str) -> ZoneInfo:
    """Return the zone of an IANA name. Raises ValueError."""
    if name not in zone_names():
        raise ValueError("Not a name of the IANA time zone database, like Europe/Paris.")
    with files("tzdata").joinpath("zoneinfo", *name.split("/")).open("rb") as data:
        return ZoneInfo.from_file(data, key=name)


def read_range(
    start: str | None, end: str | None, zone: ZoneInfo, now: datetime, max_dates: int | None = None
) -> TimeRange:
    """Return the range of `from` and `to`, each a date or a time on a quarter hour; None is its default.

    Raises RangeError, also for a range of more than `max_dates`.
    """
    until = first_instant(zone, _tomorrow(zone, now)) if end is None else _read_bound("to", end, zone)
    if start is None:
        since = first_instant(zone, until.astimezone(zone).date() - timedelta(days=DEFAULT_DAYS))
        _ensure_year("from", since, zone)
    else:
        since = _read_bound("from", start, zone)
    if since >= until:
        raise RangeError("from", "`from` must be before `to`.")
    first, last = _clock(since, zone), _clock(until, zone)
    if last > _years_later(first, MAX_YEARS):
        raise RangeError("from", f"`from` and `to` are at most {MAX_YEARS} years apart.")
    if max_dates is not None and last > first + timedelta(days=max_dates):
        raise RangeError("from", f"`from` and `to` are at most {max_dates} dates apart.")
    return TimeRange(since, until, zone)


def read_months(start: str | None, end: str | None, now: datetime) -> MonthRange:
    """Return the months of `from` and `to`, like 2026-01; None is its default. Raises RangeError."""
    last = _read_month("to", end) if end is not None else now.astimezone(UTC).date().replace(day=1)
    first = _read_month("from", start) if start is not None else add_months(last, 1 - DEFAULT_MONTHS)
    if first > last:
        raise RangeError("from", "`from` must not be after `to`.")
    if months_between(first, last) >= MAX_MONTHS:
        raise RangeError("from", f"At most {MAX_MONTHS} months.")
    return MonthRange(first, last)


def rows(range_: TimeRange, interval: Interval) -> list[Row]:
    """Return the rows from the beginning to the end of the range, without gaps. Raises RangeError for too many."""
    beginnings = []
    for beginning in _beginnings(range_.zone, interval, range_.start):
        beginnings.append(beginning)
        if beginning >= range_.end:
            break
        if len(beginnings) > MAX_ROWS:
            raise RangeError("interval", f"More than {MAX_ROWS} rows: choose a longer interval or a shorter range.")
    return [
        Row(max(begin, range_.start), min(end, range_.end), range_.start <= begin and end <= range_.end)
        for begin, end in pairwise(beginnings)
    ]


def first_instant(zone: ZoneInfo, day: date) -> datetime:
    """Return the first instant at which the zone's clocks show this date, or where they never do, a later one."""
    # Of two midnights fold=0 is the first; a skipped one has the offset before the change, hence the instant of the change.
    return datetime.combine(day, time(), zone).astimezone(UTC)


def local(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what the zone's clocks show, without the offset."""
    return at.astimezone(zone).replace(tzinfo=None)


def months_between(first: date, last: date) -> int:
    """Return the number of months from `first` to `last`."""
    return (last.year - first.year) * 12 + last.month - first.month


def add_months(first: date, count: int) -> date:
    """Return the first day of the month `count` months later."""
    month = first.month - 1 + count
    return date(first.year + month // 12, month % 12 + 1, 1)


def _beginnings(zone: ZoneInfo, interval: Interval, start: datetime) -> Iterator[datetime]:
    """Yield the beginning of the interval that contains `start`, and those of the following ones, without end."""
    if interval == Interval.HOUR:
        return _hours(zone, start)
    return _days(zone, interval, start)


def _days(zone: ZoneInfo, interval: Interval, start: datetime) -> Iterator[datetime]:
    day = start.astimezone(zone).date()
    while (
        first_instant(zone, _next(day, Interval.DAY)) <= start
    ):  # clocks that were set back show the date before again
        day = _next(day, Interval.DAY)
    if interval == Interval.WEEK:
        day -= timedelta(days=day.weekday())
    elif interval == Interval.MONTH:
        day = day.replace(day=1)
    previous = None
    while True:
        begin = first_instant(zone, day)
        if begin != previous:  # a date that the clocks never show has no row
            yield begin
        previous, day = begin, _next(day, interval)


def _next(day: date, interval: Interval) -> date:
    if interval == Interval.MONTH:
        return add_months(day, 1)
    return day + timedelta(days=7 if interval == Interval.WEEK else 1)


def _hours(zone: ZoneInfo, start: datetime) -> Iterator[datetime]:
    at = start
    while _hour(at - QUARTER, zone) == _hour(at, zone):
        at -= QUARTER
    while True:
        yield at
        hour = _hour(at, zone)
        while _hour(at, zone) == hour:
            at += QUARTER


def _hour(at: datetime, zone: ZoneInfo) -> tuple[date, int, timedelta | None]:
    """Return what identifies an hour: an hour that the clocks show twice has two offsets."""
    shown = at.astimezone(zone)
    return shown.date(), shown.hour, shown.utcoffset()


def _read_bound(parameter: str, text: str, zone: ZoneInfo) -> datetime:
    try:
        at = _read_date(text, zone) if _DATE.fullmatch(text) else _read_quarter(text)
        _ensure_year(parameter, at, zone)
    except (ValueError, OverflowError) as error:
        raise RangeError(parameter, str(error)) from error
    return at


def _ensure_year(parameter: str, at: datetime, zone: ZoneInfo) -> None:
    if not FIRST_YEAR <= local(at, zone).year <= LAST_YEAR:
        raise RangeError(parameter, f"Not within the years {FIRST_YEAR} to {LAST_YEAR}.")


def _read_date(text: str, zone: ZoneInfo) -> datetime:
    day = date.fromisoformat(text)
    if not FIRST_YEAR <= day.year <= LAST_YEAR:
        raise ValueError(f"Not within the years {FIRST_YEAR} to {LAST_YEAR}.")
    begin = first_instant(zone, day)
    if local(begin, zone).date() != day:
        raise ValueError(f"There is no such date in {zone.key}.")
    return begin


def _read_quarter(text: str) -> datetime:
    if not _QUARTER_HOUR.fullmatch(text) or (at := read_timestamp(text)).minute % 15:
        raise ValueError(
            "Not a date, or an RFC 3339 time on a quarter hour without a fraction, like 2026-11-22T10:15:00Z."
        )
    return at


def _read_month(parameter: str, text: str) -> date:
    try:
        if not _MONTH.fullmatch(text):
            raise ValueError("Not a month like 2026-01.")
        month = date.fromisoformat(f"{text}-01")
    except ValueError as error:
        raise RangeError(parameter, str(error)) from error
    if not FIRST_YEAR <= month.year <= LAST_YEAR:
        raise RangeError(parameter, f"Not within the years {FIRST_YEAR} to {LAST_YEAR}.")
    return month


def _tomorrow(zone: ZoneInfo, now: datetime) -> date:
    return now.astimezone(zone).date() + timedelta(days=1)


def _clock(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what the zone's clocks show; at the beginning of a day that is midnight, also where they skip it."""
    day = at.astimezone(zone).date()
    return datetime.combine(day, time()) if first_instant(zone, day) == at else local(at, zone)


def _years_later(at: datetime, years: int) -> datetime:
    later = at.replace(day=1, year=at.year + years)
    return later + timedelta(days=at.day - 1)
