"""Codes of coupons and the state of a coupon."""

import re
from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders.coupons.codes import CODE, in_capitals, random_code, random_codes
from orders.coupons.states import State, state_at

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
GOOD: dict[str, Any] = {
    **{"is_active": True, "starts_at": NOW, "ends_at": None, "usage_limit": None, "times_used": 0},
    **{"budget": None, "amount_used": 0},
}


def test_only_a_to_z_become_capitals() -> None:
    assert in_capitals("az-AZ_09 é ß ı ſ") == "AZ-AZ_09 é ß ı ſ"


def test_random_codes_are_different_and_use_every_letter_of_crockfords_base_32() -> None:
    codes = random_codes(2000, "AB-")
    assert len(set(codes)) == 2000
    assert all(re.fullmatch(r"AB-[0-9A-HJKMNP-TV-Z]{12}", code) for code in codes)
    assert all(re.fullmatch(CODE, code) for code in codes)
    for place in range(3, 15):
        assert len(Counter(code[place] for code in codes)) == 32
    assert len(random_code()) == 12


@pytest.mark.parametrize(
    ("fields", "state"),
    [
        ({}, "active"),
        ({"is_active": False, "ends_at": NOW}, "disabled"),
        ({"ends_at": NOW, "starts_at": NOW + timedelta(1)}, "expired"),
        ({"ends_at": NOW + timedelta(microseconds=1)}, "active"),
        ({"starts_at": NOW + timedelta(microseconds=1), "usage_limit": 1, "times_used": 1}, "scheduled"),
        ({"usage_limit": 2, "times_used": 1}, "active"),
        ({"usage_limit": 2, "times_used": 2}, "used_up"),
        ({"usage_limit": 2, "times_used": 3}, "used_up"),
        ({"budget": 2, "amount_used": 1}, "active"),
        ({"budget": 2, "amount_used": 2}, "used_up"),
    ],
)
def test_the_state_is_the_first_that_holds(fields: dict[str, Any], state: str) -> None:
    assert state_at(NOW, **{**GOOD, **fields}) == State(state)
