"""The rules across a coupon's fields; the requests' tests have every breach (tests/api/coupons)."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from orders.coupons.terms import CHANGEABLE, DEFAULTS, changed_terms, new_terms, shown, with_defaults
from orders.domain.errors import Invalid

NOW = datetime(2026, 11, 22, 10, 0, tzinfo=UTC)
LATER = NOW + timedelta(days=1)
PERCENTAGE: dict[str, Any] = {"kind": "percentage", "percent": "15.00"}
FIXED: dict[str, Any] = {"kind": "fixed_amount", "amount": "5.00", "currency": "EUR"}
BUY: dict[str, Any] = {"kind": "buy_x_get_y", "buy_quantity": 2, "get_quantity": 1}


def pointers(error: pytest.ExceptionInfo[Invalid]) -> list[str]:
    return [entry["pointer"] for entry in error.value.extra["errors"]]


def test_new_terms_are_complete_and_in_units() -> None:
    terms = new_terms({**FIXED, "budget": "100"}, now=NOW)
    assert terms == {**DEFAULTS, **FIXED, "amount": 500, "budget": 10_000, "funded_by": "platform", "starts_at": NOW}
    assert new_terms({**PERCENTAGE, "percent": "0.5"}, now=NOW)["percent"] == 50
    assert new_terms(BUY, now=NOW)["percent"] == 10_000


@pytest.mark.parametrize(
    ("currency", "text", "minor"),
    [("JPY", "5", 5), ("EUR", "5", 500), ("EUR", "0.1", 10), ("KWD", "1.001", 1001), ("CLF", "1.0001", 10_001)],
)
def test_amounts_are_minor_units_of_the_currency(currency: str, text: str, minor: int) -> None:
    assert new_terms({**FIXED, "currency": currency, "amount": text}, now=NOW)["amount"] == minor


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"kind": "percentage"}, ["/percent"]),
        ({**FIXED, "currency": None, "budget": "1"}, ["/currency"]),
        ({**FIXED, "currency": "JPY"}, ["/amount"]),
        ({**FIXED, "amount": "0"}, ["/amount"]),
        ({**PERCENTAGE, "get_product_ids": ["a"]}, ["/get_product_ids"]),
        ({**PERCENTAGE, "funded_by": "vendor"}, ["/funded_by"]),
        ({**PERCENTAGE, "ends_at": NOW}, ["/ends_at"]),
        ({**PERCENTAGE, "amount": "1", "ends_at": NOW, "currency": "EUR"}, ["/amount", "/ends_at"]),
    ],
)
def test_every_breach_of_new_terms_is_named_once_below_its_place(given: dict[str, Any], refused: list[str]) -> None:
    with pytest.raises(Invalid) as error:
        new_terms(given, now=NOW)
    assert sorted(pointers(error)) == refused
    with pytest.raises(Invalid) as error:
        new_terms(given, now=NOW, place="/coupon")
    assert sorted(pointers(error)) == [f"/coupon{pointer}" for pointer in refused]


def test_got_products_are_others_than_the_bought_ones() -> None:
    got = new_terms({**BUY, "product_ids": ["a"], "get_product_ids": ["b"]}, now=NOW)
    assert (got["product_ids"], got["get_product_ids"]) == (["a"], ["b"])
    for given in ({"product_ids": ["a", "b"], "get_product_ids": ["b", "c"]}, {"get_product_ids": ["b"]}):
        with pytest.raises(Invalid) as error:
            new_terms({**BUY, **given}, now=NOW)
        [entry] = error.value.extra["errors"]
        assert (entry["pointer"], entry["code"]) == ("/get_product_ids", "invalid")
        assert entry["detail"]


def test_the_end_is_exclusive_so_it_must_be_later_than_the_start() -> None:
    assert new_terms({**PERCENTAGE, "ends_at": NOW + timedelta(microseconds=1)}, now=NOW)["starts_at"] == NOW
    with pytest.raises(Invalid):
        new_terms({**PERCENTAGE, "starts_at": LATER, "ends_at": LATER}, now=NOW)


def test_a_change_returns_the_given_terms_in_units_and_points_to_given_ones_only() -> None:
    current = new_terms({**FIXED, "budget": "100", "ends_at": LATER}, now=NOW)
    assert changed_terms(current, {"budget": "1.50", "name": "x"}) == {"budget": 150, "name": "x"}
    assert changed_terms(current, {"budget": None, "ends_at": None}) == {"budget": None, "ends_at": None}
    for given, refused in (
        ({"starts_at": LATER}, ["/starts_at"]),
        ({"starts_at": LATER, "ends_at": NOW}, ["/ends_at"]),
        ({"maximum_discount": "1.00"}, ["/maximum_discount"]),
        ({"budget": "1.001", "minimum_spend": "0"}, ["/budget", "/minimum_spend"]),
    ):
        with pytest.raises(Invalid) as error:
            changed_terms(current, given)
        assert sorted(pointers(error)) == refused
    with pytest.raises(Invalid) as error:
        changed_terms(new_terms(PERCENTAGE, now=NOW), {"minimum_spend": "1"})
    assert pointers(error) == ["/minimum_spend"]


def test_a_change_may_leave_out_terms_that_it_does_not_concern() -> None:
    current = {name: value for name, value in new_terms(BUY, now=NOW).items() if not name.endswith("product_ids")}
    assert changed_terms(current, {"usage_limit": 1}) == {"usage_limit": 1}


def test_defaults_depend_on_kind_and_vendor() -> None:
    assert with_defaults(PERCENTAGE)["funded_by"] == "platform"
    assert with_defaults({**PERCENTAGE, "vendor_id": "v-1"})["funded_by"] == "vendor"
    assert with_defaults({**PERCENTAGE, "vendor_id": "v-1", "funded_by": "platform"})["funded_by"] == "platform"
    assert with_defaults(BUY)["percent"] == "100.00"
    assert with_defaults(FIXED)["percent"] is None


def test_values_are_shown_as_responses_have_them() -> None:
    assert shown("budget", 150, "EUR") == "1.50"
    assert shown("budget", 150, "JPY") == "150"
    assert shown("ends_at", NOW, None) == "2026-11-22T10:00:00Z"
    assert shown("product_ids", ["a"], None) == ["a"]
    assert shown("budget", None, None) is None
    assert shown("usage_limit", 5, "EUR") == 5


def test_every_changeable_field_is_a_term() -> None:
    assert set(CHANGEABLE) < set(DEFAULTS)
