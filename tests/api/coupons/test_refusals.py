"""Refused coupons (contract: coupons, "Refusal"): each reason at quote and checkout, their precedence, and what is left behind."""

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from tests.support.problem import problem, refused_input
from tests.support.world import Person, World

CARRIED = ("coupon_code", "reason")


def code() -> str:
    return f"C-{uuid.uuid4().hex[:20]}".upper()


def ago(**time: float) -> str:
    return (datetime.now(UTC) - timedelta(**time)).isoformat()


def in_(**time: float) -> str:
    return (datetime.now(UTC) + timedelta(**time)).isoformat()


def next_cart(world: World, person: Person) -> None:
    """Give the customer another cart, of two mugs."""
    world.sandbox.put_cart(person.id, [{"product_id": world.product(), "quantity": 2}])


def refused(answer: httpx.Response, *carries: str) -> dict[str, Any]:
    return problem(answer, 409, "coupon_unavailable", *CARRIED, *carries)


def reasons(person: Person, *codes: str, **body: Any) -> set[tuple[str, str]]:
    """Return code and reason of the refusals of a quote and a checkout with these coupons."""
    body["coupon_codes"] = list(codes)
    answers = [refused(person.post("/orders/quote", body)), refused(person.checkout(body))]
    return {(answer["coupon_code"], answer["reason"]) for answer in answers}


def test_a_code_that_does_not_exist_is_unknown(world: World) -> None:
    missing = code()
    assert reasons(world.shopper(), missing) == {(missing, "unknown")}


@pytest.mark.parametrize("text", ["A", "ÄÖÜ", "a b", "a\0b", "-ABC", "A" * 50, "<b>", "ſssx", "𝟘𝟙𝟚"])
def test_a_text_that_no_code_can_have_is_unknown(world: World, text: str) -> None:
    refusal = refused(world.shopper().checkout({"coupon_code": text}))
    assert refusal["reason"] == "unknown"
    assert refusal["coupon_code"] == "".join(letter.upper() if "a" <= letter <= "z" else letter for letter in text)


def test_unknown_deleted_inactive_and_scheduled_coupons_are_refused_alike(world: World) -> None:
    ada, admin = world.shopper(), world.admin()
    deleted = world.coupon()
    assert admin.http.delete(f"/api/v1/coupons/{deleted}").status_code == 204
    codes = [code(), deleted, world.coupon(is_active=False), world.coupon(starts_at=in_(hours=1))]
    bodies = []
    for each in codes:
        refusal = refused(ada.checkout({"coupon_code": each}))
        bodies.append(
            {name: str(value).replace(each, "CODE") for name, value in refusal.items() if name not in ("request_id",)}
        )
    assert bodies == [bodies[0]] * 4


def test_an_ended_coupon_is_expired(world: World) -> None:
    ended = world.coupon(starts_at=ago(hours=2), ends_at=ago(seconds=1))
    assert reasons(world.shopper(), ended) == {(ended, "expired")}


def test_a_coupon_at_its_usage_limit_is_used_up(world: World) -> None:
    once = world.coupon(usage_limit=1)
    world.shopper().place({"coupon_code": once})
    assert reasons(world.shopper(), once) == {(once, "used_up")}


def test_a_coupon_whose_budget_is_spent_is_used_up(world: World) -> None:
    spent = world.coupon(kind="fixed_amount", amount="2.00", budget="2.00", currency="EUR")
    world.shopper().place({"coupon_code": spent})
    assert reasons(world.shopper(), spent) == {(spent, "used_up")}


def test_a_discount_above_the_rest_of_the_budget_is_used_up_and_a_smaller_one_is_not(world: World) -> None:
    low = world.coupon(budget="3.00", currency="EUR")
    world.shopper().place({"coupon_code": low})  # 2.00 of it
    assert reasons(world.shopper(), low) == {(low, "used_up")}
    assert world.shopper(price=500).place({"coupon_code": low})["discount"] == "1.00"


def test_a_customer_at_their_limit_is_refused_and_another_is_not(world: World) -> None:
    limited, ada = world.coupon(per_customer_limit=1), world.shopper()
    ada.place({"coupon_code": limited})
    next_cart(world, ada)
    assert reasons(ada, limited) == {(limited, "customer_limit")}
    world.shopper().place({"coupon_code": limited})


def test_a_coupon_for_first_orders_is_refused_while_an_order_is_neither_cancelled_nor_expired(world: World) -> None:
    first, ada = world.coupon(first_order_only=True), world.shopper()
    order_id = ada.place()["id"]
    next_cart(world, ada)
    assert reasons(ada, first) == {(first, "first_order_only")}
    assert ada.post(f"/orders/{order_id}/cancel").status_code == 200
    ada.place({"coupon_code": first})


def test_a_coupon_of_another_currency_is_refused(world: World) -> None:
    dollars = world.coupon(currency="USD")
    assert reasons(world.shopper(), dollars) == {(dollars, "currency")}


def test_of_several_coupons_the_one_that_is_not_stackable_is_refused(world: World) -> None:
    stackable, alone = world.coupon(stackable=True), world.coupon()
    assert reasons(world.shopper(), stackable, alone) == {(alone, "not_stackable")}
    world.shopper().place({"coupon_codes": [alone]})


def test_a_coupon_for_other_items_is_not_applicable(world: World) -> None:
    of_vendor, of_product = world.coupon(vendor_id="v-other"), world.coupon(product_ids=[world.product()])
    for elsewhere in (of_vendor, of_product):
        assert reasons(world.shopper(), elsewhere) == {(elsewhere, "not_applicable")}


def test_a_coupon_of_which_too_few_units_are_bought_is_not_applicable(world: World) -> None:
    three = world.coupon(kind="buy_x_get_y", buy_quantity=2, get_quantity=1)
    assert reasons(world.shopper(), three) == {(three, "not_applicable")}


def test_a_second_coupon_that_finds_nothing_left_is_not_applicable(world: World) -> None:
    free = world.coupon(kind="fixed_amount", amount="500.00", currency="EUR", stackable=True)
    late = world.coupon("Z" + code()[:40], kind="fixed_amount", amount="1.00", currency="EUR", stackable=True)
    assert reasons(world.shopper(), late, free) == {(late, "not_applicable")}


def test_a_cart_below_the_minimum_spend_is_refused_with_the_amounts(world: World) -> None:
    mug, other = world.product(1000, "v-1"), world.product(9000, "v-2")
    dear = world.coupon(minimum_spend="10.01", currency="EUR", product_ids=[mug])
    ada = world.customer([(mug, 1), (other, 1)])
    for answer in (ada.post("/orders/quote", {"coupon_code": dear}), ada.checkout({"coupon_code": dear})):
        refusal = refused(answer, "minimum_spend", "eligible_total", "currency")
        assert (refusal["coupon_code"], refusal["reason"]) == (dear, "minimum_spend")
        assert (refusal["minimum_spend"], refusal["eligible_total"], refusal["currency"]) == ("10.01", "10.00", "EUR")


def test_the_minimum_spend_is_compared_before_any_coupon_and_without_the_got_items(world: World) -> None:
    mug, book = world.product(1000), world.product(500)
    ada = world.customer([(mug, 2), (book, 1)])
    got: dict[str, Any] = {
        "kind": "buy_x_get_y",
        "buy_quantity": 2,
        "get_quantity": 1,
        "product_ids": [mug],
        "get_product_ids": [book],
    }
    half = world.coupon(kind="percentage", percent="50.00", vendor_id="v-1", stackable=True)
    enough = world.coupon("Z" + code()[:40], minimum_spend="25.00", currency="EUR", stackable=True)
    ada.post("/orders/quote", {"coupon_codes": [half, enough]}).raise_for_status()
    too_much = world.coupon(**got, minimum_spend="20.01", currency="EUR")
    refusal = refused(ada.checkout({"coupon_code": too_much}), "minimum_spend", "eligible_total", "currency")
    assert refusal["eligible_total"] == "20.00"


def test_the_first_reason_in_the_order_of_the_contract_is_told(world: World) -> None:
    ada, other = world.shopper(), world.coupon(stackable=True)
    wrong = world.coupon(
        currency="EUR", starts_at=ago(hours=2), usage_limit=1, per_customer_limit=1, first_order_only=True
    )
    ada.place({"coupon_code": wrong})
    in_yen = world.product(currency="JPY")
    world.sandbox.put_cart(ada.id, [{"product_id": in_yen, "quantity": 2}], "JPY")

    def change(**terms: Any) -> None:
        world.admin().http.patch(f"/api/v1/coupons/{wrong}", json=terms).raise_for_status()

    change(is_active=False, ends_at=ago(hours=1), product_ids=["p-none"], minimum_spend="1000.00")
    assert reasons(ada, other, wrong) == {(wrong, "unknown")}
    for corrected, reason in (
        ({"is_active": True}, "expired"),
        ({"ends_at": None}, "used_up"),
        ({"usage_limit": None}, "customer_limit"),
        ({"per_customer_limit": None}, "first_order_only"),
        ({"first_order_only": False}, "currency"),
    ):
        change(**corrected)
        assert reasons(ada, other, wrong) == {(wrong, reason)}
    next_cart(world, ada)
    assert reasons(ada, other, wrong) == {(wrong, "not_stackable")}
    change(stackable=True)
    assert reasons(ada, other, wrong) == {(wrong, "not_applicable")}
    change(product_ids=None)
    assert ada.checkout({"coupon_codes": [other, wrong]}).json()["reason"] == "minimum_spend"
    change(minimum_spend=None)
    ada.place({"coupon_codes": [other, wrong]})


def test_the_reasons_before_the_prices_of_any_code_come_before_those_after_of_the_first(world: World) -> None:
    elsewhere, missing = world.coupon(vendor_id="v-other", stackable=True), code()
    assert reasons(world.shopper(), elsewhere, missing) == {(missing, "unknown")}


def test_of_two_refused_codes_the_first_named_is_told_before_prices_and_the_first_applied_after(world: World) -> None:
    ada, [one, two] = world.shopper(), [code(), code()]
    assert reasons(ada, one, two) == {(one, "unknown")}
    assert reasons(ada, two, one) == {(two, "unknown")}
    of_platform = world.coupon(product_ids=["p-none"], stackable=True)
    of_vendor = world.coupon(vendor_id="v-none", stackable=True)
    assert reasons(ada, of_platform, of_vendor) == {(of_vendor, "not_applicable")}


def test_a_refusal_by_user_or_cart_comes_first(world: World) -> None:
    stranger = world.customer()
    problem(stranger.checkout({"coupon_code": code()}), 422, "empty_cart")
    closed = world.customer([(world.product(), 1)], is_active=False)
    problem(closed.checkout({"coupon_code": code()}), 422, "customer_inactive")
    homeless = world.customer([(world.product(), 1)], default_address=None)
    problem(homeless.checkout({"coupon_code": code()}), 422, "address_required", "errors")
    ada = world.shopper()
    problem(ada.checkout({"coupon_code": code(), "cart_version": 99}), 409, "cart_changed", "current_version")


def test_a_coupon_is_refused_before_a_total_that_has_changed(world: World) -> None:
    low = world.coupon(minimum_spend="1000.00", currency="EUR")
    body = {"coupon_code": low, "expected_total": "1.00"}
    assert world.shopper().checkout(body).json()["reason"] == "minimum_spend"


def test_a_refused_coupon_leaves_no_use_and_no_reservation(world: World) -> None:
    mug = world.product(stock=5)
    ada = world.customer([(mug, 2)])
    good = world.coupon(usage_limit=1, stackable=True)
    bad = world.coupon(minimum_spend="1000.00", currency="EUR", stackable=True)
    for codes in ([good, bad], [good, code()]):
        assert ada.checkout({"coupon_codes": codes}).status_code == 409
    assert world.stock(mug)["held"] == 0
    assert world.admin().get(f"/coupons/{good}").json()["times_used"] == 0
    world.customer([(mug, 1)]).place({"coupon_codes": [good]})


def test_an_expected_total_is_compared_with_the_total_after_discounts(world: World) -> None:
    ada, ten = world.shopper(), world.coupon()
    refusal = problem(
        ada.checkout({"coupon_code": ten, "expected_total": "20.00"}), 409, "total_changed", "current_total"
    )
    assert refusal["current_total"] == "18.00"
    ada.place({"coupon_code": ten, "expected_total": "18.00"})


def test_a_quote_uses_nothing(world: World) -> None:
    once, ada = world.coupon(usage_limit=1), world.shopper()
    for _ in range(3):
        ada.post("/orders/quote", {"coupon_code": once}).raise_for_status()
    assert world.admin().get(f"/coupons/{once}").json()["times_used"] == 0


@pytest.mark.parametrize(
    "body", [{"coupon_code": ""}, {"coupon_code": "  \t"}, {"coupon_code": None}, {"coupon_codes": None}]
)
def test_no_code_is_named_by_null_or_blank(world: World, body: dict[str, Any]) -> None:
    assert world.shopper().place(body)["coupon_code"] is None


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({"coupon_code": "A", "coupon_codes": []}, "/coupon_codes"),
        ({"coupon_code": "", "coupon_codes": []}, "/coupon_codes"),
        ({"coupon_code": "A" * 51}, "/coupon_code"),
        ({"coupon_code": 1}, "/coupon_code"),
        ({"coupon_codes": "ABC"}, "/coupon_codes"),
        ({"coupon_codes": ["ABC", "abc"]}, "/coupon_codes/1"),
        ({"coupon_codes": ["ABC", " ABC "]}, "/coupon_codes/1"),
        ({"coupon_codes": ["A1", "A2", "A3", "A4", "A5", "A6"]}, "/coupon_codes"),
        ({"coupon_codes": [""]}, "/coupon_codes/0"),
        ({"coupon_codes": ["ABC", "  "]}, "/coupon_codes/1"),
        ({"coupon_codes": [None]}, "/coupon_codes/0"),
    ],
)
def test_malformed_codes_are_pointed_at(world: World, body: dict[str, Any], pointer: str) -> None:
    ada = world.shopper()
    for answer in (ada.checkout(body), ada.post("/orders/quote", body)):
        assert refused_input(answer) == [pointer]


def test_a_code_is_good_in_any_case_and_with_blanks_around_it(world: World) -> None:
    ten = world.coupon()
    assert world.shopper().place({"coupon_code": f"  {ten.lower()}\t"})["coupon_code"] == ten


def test_one_code_in_either_field_and_any_case_is_the_same_request(world: World) -> None:
    ten, ada = world.coupon(), world.shopper()
    first = ada.checkout({"coupon_code": ten.lower()}, key="k")
    again = ada.checkout({"coupon_codes": [f" {ten} "]}, key="k")
    assert (again.status_code, again.json()) == (201, first.json())
    assert again.headers["idempotent-replayed"] == "true"
    problem(ada.checkout({}, key="k"), 422, "idempotency_key_reused")


def test_the_order_of_the_codes_is_part_of_the_request(world: World) -> None:
    one, two, ada = world.coupon(stackable=True), world.coupon(stackable=True), world.shopper()
    ada.checkout({"coupon_codes": [one, two]}, key="k").raise_for_status()
    problem(ada.checkout({"coupon_codes": [two, one]}, key="k"), 422, "idempotency_key_reused")


def test_a_replay_is_answered_though_the_coupon_has_ended_and_was_deleted(world: World) -> None:
    ten, ada = world.coupon(usage_limit=1, per_customer_limit=1, first_order_only=True), world.shopper()
    first = ada.checkout({"coupon_code": ten}, key="k")
    admin = world.admin()
    admin.http.patch(f"/api/v1/coupons/{ten}", json={"ends_at": in_(seconds=1), "is_active": False}).raise_for_status()
    admin.http.delete(f"/api/v1/coupons/{ten}").raise_for_status()
    again = ada.checkout({"coupon_code": ten}, key="k")
    assert (again.status_code, again.json()) == (201, first.json())
