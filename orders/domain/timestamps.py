"""RFC 3339 timestamps. Pure: the one reader for query parameters and messages.

Python's own `fromisoformat` reads much of ISO 8601 that RFC 3339 does not have, and not all that it has.
"""

import re
from datetime import UTC, datetime, timedelta

_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def read_timestamp(text: str) -> datetime:
    """Return the moment that an RFC 3339 `date-time` (section 5.6) names, in UTC; a space may stand for the T.

    What is finer than a microsecond is rounded up, so that "from" and "before" keep their meaning. Second 60 is the first
    second of the next minute, as in POSIX, on whatever day it stands. Raises ValueError, also outside the years 1 to 9999 of
    UTC, which Python can't tell.
    """
    found = _TIMESTAMP.fullmatch(text)
    if found is None:
        raise ValueError("Not an RFC 3339 time like 2026-11-22T10:00:00Z.")
    *numbers, fraction, sign, offset_hours, offset_minutes = found.groups(default="0")
    year, month, day, hour, minute, second = map(int, numbers)
    if second > 60 or int(offset_hours) > 23 or int(offset_minutes) > 59:
        raise ValueError("Not a time: a second or an offset is out of range.")
    seconds = timedelta(seconds=second, microseconds=_microseconds(fraction))
    offset = timedelta(hours=int(offset_hours), minutes=int(offset_minutes))
    try:
        return datetime(year, month, day, hour, minute, tzinfo=UTC) + (
            seconds + offset if sign == "-" else seconds - offset
        )
    except (ValueError, OverflowError) as error:
        raise ValueError("Not a time: there is no such day or hour in the years 1 to 9999.") from error


def _microseconds(fraction: str) -> int:
    """The digits behind the point in microseconds, rounded up."""
    return int(fraction[:6].ljust(6, "0")) + bool(fraction[6:].strip("0"))
