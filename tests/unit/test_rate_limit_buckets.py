"""Token buckets: exact by a model in fractions, for any draws at any times."""

import math
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from orders.http.throttling.buckets import HOLD_SECONDS, SECOND, Buckets, Draw, Level
from orders.http.throttling.policies import MAX_QUOTA, MAX_WINDOW, Policy

KEY, OTHER = b"one", b"other"
START = 1_790_000_000 * SECOND

policies = st.builds(
    Policy,
    st.just("p"),
    st.one_of(st.integers(1, 20), st.just(MAX_QUOTA)),
    st.one_of(st.integers(1, 100), st.just(MAX_WINDOW)),
)
pauses = st.lists(st.one_of(st.integers(0, 3 * SECOND), st.integers(0, 100), st.just(0)), min_size=1, max_size=60)


def drawn(buckets: Buckets, policy: Policy, now: int, taken: int = 1, held: int = 0) -> tuple[bool, Level]:
    look = buckets.look([Draw(policy, KEY, taken, held)], now)
    return look.is_allowed, look.levels[0]


@given(policies, pauses)
def test_a_bucket_has_its_quota_at_first_and_regains_it_evenly(policy: Policy, steps: list[int]) -> None:
    assert policy.window
    buckets, now, units = Buckets(), START, Fraction(policy.quota)
    for pause in steps:
        now += pause
        units = min(Fraction(policy.quota), units + Fraction(pause * policy.quota, policy.window * SECOND))
        is_allowed, level = drawn(buckets, policy, now)
        assert is_allowed == (units >= 1)
        units -= is_allowed
        assert level.remaining == math.floor(units)
        missing = math.floor(units) + 1 - units
        seconds = max(1, math.ceil(missing * policy.window / policy.quota))
        assert level.seconds == (None if units == policy.quota else seconds)


@given(policies, pauses)
def test_no_stretch_of_time_gives_more_than_the_quota_and_what_came_back(policy: Policy, steps: list[int]) -> None:
    assert policy.window
    buckets, now, given_at = Buckets(), START, list[int]()
    for pause in steps:
        now += pause
        if drawn(buckets, policy, now)[0]:
            given_at.append(now)
    for first, since in enumerate(given_at):
        for last, until in enumerate(given_at[first:], first):
            back = -(-(until - since) * policy.quota // (policy.window * SECOND))
            assert last - first + 1 <= policy.quota + back


@given(policies, pauses, st.integers(0, 1000))
def test_waiting_as_long_as_told_and_asking_once_is_enough(policy: Policy, steps: list[int], late: int) -> None:
    buckets, now = Buckets(), START
    for pause in steps:
        now += pause
        is_allowed, level = drawn(buckets, policy, now)
        if not is_allowed:
            assert level.seconds
            assert drawn(buckets, policy, now + level.seconds * SECOND + late)[0]
            return


def test_a_bucket_without_a_unit_takes_nothing_from_the_others_of_its_look() -> None:
    buckets, wide, narrow = Buckets(), Policy("wide", 3, 60), Policy("narrow", 1, 60)
    draws = [Draw(wide, KEY), Draw(narrow, OTHER)]
    assert [buckets.look(draws, START).is_allowed for _ in range(3)] == [True, False, False]
    assert [level.remaining for level in buckets.look(draws, START).levels] == [2, 0]
    assert buckets.look([Draw(wide, KEY)], START).levels[0].remaining == 1


def test_a_draw_of_nothing_returns_the_level_of_an_empty_bucket() -> None:
    buckets, policy = Buckets(), Policy("p", 1, 60)
    drawn(buckets, policy, START)
    assert drawn(buckets, policy, START, taken=0) == (True, Level(policy, 0, 60))


# --- held units -------------------------------------------------------------------------------------------------------

FIVE = Policy("p", 5, 50)


def test_held_units_are_neither_given_twice_nor_lost() -> None:
    buckets = Buckets()
    assert [drawn(buckets, FIVE, START, 0, 1)[0] for _ in range(6)] == [True] * 5 + [False]
    assert drawn(buckets, FIVE, START, 0, 1)[1].is_held
    assert drawn(buckets, FIVE, START, taken=1, held=-1)[1].remaining == 0
    assert drawn(buckets, FIVE, START, taken=0, held=-1)[1].remaining == 1
    for _ in range(3):
        drawn(buckets, FIVE, START, taken=0, held=-1)
    assert drawn(buckets, FIVE, START, taken=0)[1] == Level(FIVE, 4, 10)


def test_a_bucket_that_is_used_up_is_not_just_held() -> None:
    buckets = Buckets()
    for _ in range(5):
        drawn(buckets, FIVE, START)
    assert not drawn(buckets, FIVE, START)[1].is_held


@given(st.lists(st.tuples(st.integers(0, 4 * SECOND), st.booleans()), max_size=60))
def test_ending_a_hold_gives_back_no_unit_that_came_back_meanwhile(steps: list[tuple[int, bool]]) -> None:
    """Hold and take in turns: what is taken is bounded as if nothing had been held."""
    buckets, now, held, taken_at = Buckets(), START, 0, list[int]()
    for pause, is_taking in steps:
        now += pause
        if is_taking and drawn(buckets, FIVE, now)[0]:
            taken_at.append(now)
        elif held and not is_taking:
            drawn(buckets, FIVE, now, taken=0, held=-1)
            held -= 1
        if drawn(buckets, FIVE, now, taken=0, held=1)[0]:
            held += 1
    for first, since in enumerate(taken_at):
        for last, until in enumerate(taken_at[first:], first):
            assert last - first + 1 <= 5 + -(-(until - since) // (10 * SECOND))


def test_the_hold_of_a_terminated_process_lapses() -> None:
    buckets = Buckets()
    for _ in range(5):
        drawn(buckets, FIVE, START, 0, 1)
    later = START + HOLD_SECONDS * SECOND
    assert not drawn(buckets, FIVE, later - 1)[0]
    assert drawn(buckets, FIVE, later) == (True, Level(FIVE, 4, 10))


# --- memory -----------------------------------------------------------------------------------------------------------


def test_the_longest_unused_bucket_goes_first() -> None:
    buckets, policy = Buckets(limit=3), Policy("p", 2, 60)
    for key in (b"a", b"b", b"c", b"a", b"d"):
        buckets.look([Draw(policy, key)], START)
    assert len(buckets) == 3
    levels = [buckets.look([Draw(policy, key, taken=0)], START).levels[0].remaining for key in (b"a", b"b", b"c", b"d")]
    assert levels == [0, 2, 1, 1]  # b was forgotten: it is full


def test_a_process_has_at_most_a_hundred_thousand_buckets() -> None:
    buckets, policy = Buckets(), Policy("p", 2, 60)
    for number in range(100_010):
        buckets.look([Draw(policy, b"%d" % number)], START)
    assert len(buckets) == 100_000


def test_a_clock_that_is_set_back_takes_nothing_away() -> None:
    buckets, policy = Buckets(), Policy("p", 2, 60)
    assert drawn(buckets, policy, START)[0]
    assert drawn(buckets, policy, START - 100 * SECOND)[0]
    assert not drawn(buckets, policy, START - 100 * SECOND)[0]
    assert drawn(buckets, policy, START - 70 * SECOND)[0]
