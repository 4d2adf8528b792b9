"""Shares, averages and percentiles of reports (contract: analytics). Pure, in integers."""

from collections.abc import Mapping

_MINUTE, _HOUR, _DAY = 60, 3600, 86_400

BOUNDS = (
    *(1, 2, 5, 10, 20, 30),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 20, 30, 45)),
    *(hours * _HOUR for hours in (1, 2, 3, 4, 6, 8, 12, 18)),
    *(days * _DAY for days in (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90)),
)
"""The bounds of durations, in seconds. Bucket n has the durations up to bound n and above the one before; the last bucket has
those above all bounds."""


def rate(part: int, whole: int) -> str | None:
    """Return `part` ÷ `whole` with four decimals, rounded half up; None when `whole` is 0. Neither is negative."""
    if whole == 0:
        return None
    ten_thousandths = (20_000 * part + whole) // (2 * whole)
    return f"{ten_thousandths // 10_000}.{ten_thousandths % 10_000:04}"


def average(sum_: int, count: int) -> int | None:
    """Return `sum_` ÷ `count`, rounded half up; None when `count` is 0. Neither is negative."""
    return (2 * sum_ + count) // (2 * count) if count else None


def percentile(buckets: Mapping[int, int], percent: int) -> int | None:
    """Return the least bound that at least `percent` of the durations kept; None without any, or above the last bound.

    `buckets` are numbers of durations by bucket.
    """
    wanted = -(-sum(buckets.values()) * percent // 100)
    kept = 0
    for bucket, bound in enumerate(BOUNDS):
        kept += buckets.get(bucket, 0)
        if wanted and kept >= wanted:
            return bound
    return None
