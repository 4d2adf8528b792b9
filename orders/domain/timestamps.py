"""The parser of RFC 3339 timestamps, for query parameters and messages. Pure.

Python's own `fromisoformat` accepts much of ISO 8601 that is not in RFC 3339, and rejects some that is.
"""

import re
from datetime import UTC, datetime, timedelta

_TIMESTAMP = re.compile(
    r"([0-9]{4})-([0-9]{2})-([0-9]{2})[Tt ]([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]+))?"
    r"(?:[Zz]|([+-])([0-9]{2}):([0-9]{2}))"
)


def read_timestamp(text: str) -> datetime:
    """Parse an RFC 3339 `date-time` (section 5.6) as a UTC datetime; a space may replace the T.

    Fractions of a microsecond are rounded up, so that "from" and "before" keep their meaning. Second 60 is the first
    second of the next minute, as in POSIX, on any day. Raises ValueError, also outside the years 1 to 9999 of UTC, which
    Python cannot represent.
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
    """Return the digits after the point in microseconds, rounded up."""
    return int(fraction[:6].ljust(6, "0")) + bool(fraction[6:].strip("0"))


def write_timestamp(at: datetime) -> str:
    """Return a UTC datetime in RFC 3339, as responses have it: 2026-11-22T10:00:00.104512Z."""
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")
