"""Rates, averages and percentiles, compared with plain definitions."""

import random
from decimal import ROUND_HALF_UP, Decimal
from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.analytics.figures import BOUNDS, average, percentile, rate

COUNTS = st.integers(0, 10**12)
DAY = 86_400


def bucket_of(seconds: int) -> int:
    """Return the bucket of a duration: that of the least bound that it keeps."""
    return next((number for number, bound in enumerate(BOUNDS) if seconds <= bound), len(BOUNDS))


def counted(durations: list[int]) -> dict[int, int]:
    """Return the number of durations in each bucket."""
    buckets = [bucket_of(seconds) for seconds in durations]
    return {bucket: buckets.count(bucket) for bucket in set(buckets)}


def test_the_bounds_are_those_of_the_contract() -> None:
    assert len(BOUNDS) == 36
    assert list(BOUNDS) == sorted(set(BOUNDS))
    assert [bound for bound in BOUNDS if bound < 60] == [1, 2, 5, 10, 20, 30]
    assert [bound // 60 for bound in BOUNDS if 60 <= bound < 3600] == [1, 2, 5, 10, 15, 20, 30, 45]
    assert [bound // 3600 for bound in BOUNDS if 3600 <= bound < DAY] == [1, 2, 3, 4, 6, 8, 12, 18]
    assert [bound // DAY for bound in BOUNDS if bound >= DAY] == [1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90]


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        *((0, 1, "0.0000"), (1, 3, "0.3333"), (2, 3, "0.6667"), (1, 1, "1.0000"), (7, 2, "3.5000")),
        *((1, 20_000, "0.0001"), (1, 20_001, "0.0000"), (19_999, 20_000, "1.0000"), (3, 20_000, "0.0002")),
    ],
)
def test_a_rate_has_four_decimals_rounded_half_up(part: int, whole: int, text: str) -> None:
    assert rate(part, whole) == text


@given(COUNTS, st.integers(1, 10**12))
def test_a_rate_is_the_rounded_quotient(part: int, whole: int) -> None:
    ten_thousandths = (Decimal(part * 10_000) / Decimal(whole)).quantize(Decimal(1), ROUND_HALF_UP)
    assert rate(part, whole) == f"{ten_thousandths.scaleb(-4):.4f}"


@given(COUNTS, st.integers(1, 10**6))
def test_an_average_is_the_quotient_rounded_half_up(sum_: int, count: int) -> None:
    found = average(sum_, count)
    assert found is not None
    assert -count < 2 * (sum_ - found * count) < count or 2 * (found * count - sum_) == count


@given(COUNTS)
def test_nothing_is_divided_by_zero(number: int) -> None:
    assert rate(number, 0) is None
    assert average(number, 0) is None


@given(st.lists(st.integers(0, 100 * DAY), max_size=30), st.integers(1, 100))
def test_a_percentile_is_the_least_bound_that_so_many_kept(durations: list[int], percent: int) -> None:
    wanted = ceil(Decimal(percent * len(durations)) / 100)
    least = next((bound for bound in BOUNDS if sum(seconds <= bound for seconds in durations) >= wanted), None)
    assert percentile(counted(durations), percent) == (least if durations else None)


def test_percentiles_at_the_bounds() -> None:
    assert percentile(counted([1]), 50) == 1
    assert percentile(counted([0, 2]), 50) == 1
    assert percentile(counted([0, 2]), 90) == 2
    assert percentile(counted([3] * 9 + [90 * DAY]), 90) == 5
    assert percentile(counted([3] * 8 + [90 * DAY] * 2), 90) == 90 * DAY
    assert percentile(counted([3, 90 * DAY + 1]), 90) is None
    assert percentile({}, 50) is None


def test_percentiles_do_not_depend_on_the_order_of_the_durations() -> None:
    durations = [random.Random(7).randrange(10 * DAY) for _ in range(100)]
    assert percentile(counted(durations), 50) == percentile(counted(sorted(durations)), 50)
