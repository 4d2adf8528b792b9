"""The profiles of `make load`: their stages, overrides and thresholds."""

import tomllib

import pytest

from tests.load.profile import FILE, load_profile
from tests.load.results import Figures, exceeded_thresholds, shares

NAMES = list(tomllib.loads(FILE.read_text()))
SHARES = {"failures", "refusals"}
KINDS = {"checkout", "quote", "read", "change", "report", "paid", "event"}


def figures(**times: list[float]) -> dict[str, Figures]:
    """Return figures of requests that took so many milliseconds."""
    found = {}
    for kind, milliseconds in times.items():
        found[kind] = Figures()
        found[kind].requests = len(milliseconds)
        found[kind].times.update(milliseconds)
    return found


def test_the_profiles_are_those_that_make_help_names() -> None:
    assert NAMES == ["smoke", "baseline", "spike", "soak", "stress"]


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_has_thresholds_for_failures_refusals_and_kinds_of_requests(name: str) -> None:
    thresholds = load_profile(name, {}).thresholds
    assert SHARES < thresholds.keys() <= SHARES | KINDS
    assert thresholds["failures"] == 0
    for what, limit in thresholds.items():
        assert isinstance(limit, dict) == (what in KINDS)


def test_a_run_goes_through_its_stages_and_ends() -> None:
    spike = load_profile("spike", {})
    assert [spike.at(second) for second in (0, 29.9, 30, 60, 89.9)] == [
        (20, 20),
        (20, 20),
        (80, 20),
        (20, 20),
        (20, 20),
    ]
    assert spike.at(90) is None


def test_users_rate_and_duration_are_overridden_and_stages_keep_their_proportions() -> None:
    spike = load_profile("spike", {"USERS": "8", "RATE": "0.5", "FOR": "9s"})
    assert [spike.at(second) for second in (0, 3, 6)] == [(2, 0.5), (8, 0.5), (2, 0.5)]
    assert (spike.seconds, spike.at(9)) == (9, None)


def test_there_is_always_a_user() -> None:
    assert load_profile("stress", {"USERS": "1"}).at(0) == (1, 20)


@pytest.mark.parametrize("override", [{"USERS": "0"}, {"RATE": "-1"}, {"FOR": "long"}, {"FOR": "nan"}])
def test_an_override_that_is_no_positive_number_is_refused(override: dict[str, str]) -> None:
    [(name, value)] = override.items()
    with pytest.raises(ValueError, match=f"^{name}={value} is no positive number"):
        load_profile("smoke", override)


def test_an_unknown_profile_is_refused_with_the_names_of_all() -> None:
    with pytest.raises(ValueError, match=r"'peak'.*smoke, baseline, spike, soak, stress"):
        load_profile("peak", {})


def test_a_percentile_is_the_time_that_so_many_requests_did_not_exceed() -> None:
    hundred = figures(read=[float(n) for n in range(1, 101)])["read"]
    assert [hundred.percentile(percent) for percent in (50, 95, 99, 100)] == [50, 95, 99, 100]
    assert figures(read=[7])["read"].percentile(50) == 7


def test_each_exceeded_threshold_is_a_sentence() -> None:
    profile = load_profile("smoke", {})
    profile.thresholds = {"failures": 0.1, "refusals": 0.1, "read": {"p50": 10, "p95": 20}, "paid": {"p95": 100}}
    found = figures(read=[5, 5, 5, 30], refused=[1], paid=[50])
    found["paid"].failures = 1
    assert shares(found) == {"failures": 1 / 6, "refusals": 1 / 6}
    assert exceeded_thresholds(profile, found) == [
        "failures 16.67%, threshold 10.00%",
        "refusals 16.67%, threshold 10.00%",
        "read p95 30 ms, threshold 20 ms",
    ]


def test_kept_thresholds_are_none_and_a_missing_figure_is_one() -> None:
    profile = load_profile("smoke", {})
    profile.thresholds = {"failures": 0, "refusals": 0, "read": {"p95": 20}, "paid": {"p95": 100}}
    assert exceeded_thresholds(profile, figures(read=[20], paid=[100])) == []
    assert exceeded_thresholds(profile, figures(read=[20])) == ["paid: nothing was measured"]
