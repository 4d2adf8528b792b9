"""A coupon as an adjuster of prices: its refusals once the prices are known, at their limits and in their order."""

import uuid
from typing import Any

import pytest

from orders.coupons.rules import FundedBy, Kind, RedeemableCoupon, Terms
from orders.domain.errors import CouponUnavailable
from orders.domain.pricing import PricedLine, Product

LINES = [
    PricedLine(Product("p-1", "v-1", "Mug", "MUG", 1000, "EUR", 5), 2, 2000),
    PricedLine(Product("p-2", "v-2", "Book", "BOOK", 500, "EUR", 5), 1, 500),
]


def coupon(terms: dict[str, Any] | None = None, **more: Any) -> RedeemableCoupon:
    """Return a coupon of 10 % unless `terms` say otherwise."""
    given = {"kind": Kind.PERCENTAGE, "percent": 1000, **(terms or {})}
    of_all = Terms(code="TEN", funded_by=FundedBy.PLATFORM, **given)
    return RedeemableCoupon(coupon_id=uuid.uuid4(), terms=of_all, currency="EUR", **more)


def refusal(redeemable: RedeemableCoupon) -> dict[str, Any]:
    with pytest.raises(CouponUnavailable) as refused:
        redeemable.adjust(LINES)
    return refused.value.extra


def test_it_takes_its_share_off_each_line() -> None:
    assert coupon().adjust(LINES) == [200, 50]


def test_nothing_eligible_is_told_before_the_minimum_spend() -> None:
    elsewhere = coupon({"vendor_id": "v-3"}, minimum_spend=10_000)
    assert refusal(elsewhere) == {"coupon_code": "TEN", "reason": "not_applicable"}


def test_the_minimum_spend_is_reached_by_an_equal_total_of_the_eligible_lines() -> None:
    of_one = {"vendor_id": "v-1"}
    assert coupon(of_one, minimum_spend=2000).adjust(LINES) == [200, 0]
    amounts = {"minimum_spend": "20.01", "eligible_total": "20.00", "currency": "EUR"}
    assert refusal(coupon(of_one, minimum_spend=2001)) == {
        "coupon_code": "TEN",
        "reason": "minimum_spend",
        **amounts,
    }


def test_the_minimum_spend_is_told_before_a_discount_of_nothing_and_that_before_the_budget() -> None:
    nothing = {"kind": Kind.BUY_X_GET_Y, "percent": 10_000, "buy_quantity": 5, "get_quantity": 5}
    assert refusal(coupon(nothing, minimum_spend=2501))["reason"] == "minimum_spend"
    assert refusal(coupon(nothing, minimum_spend=2500, budget_left=0)) == {
        "coupon_code": "TEN",
        "reason": "not_applicable",
    }


def test_a_discount_may_spend_all_that_is_left_of_the_budget_and_no_more() -> None:
    assert coupon(budget_left=250).adjust(LINES) == [200, 50]
    assert refusal(coupon(budget_left=249)) == {"coupon_code": "TEN", "reason": "used_up"}
