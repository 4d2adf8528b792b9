"""What a checkout and a quote answer when User, Cart or Product fails, and that nothing is lost or left held by it.

Every refusal here is a 503 that names the neighbour, within the budget of a checkout (promise P9).
"""

import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from tests.support.problem import problem
from tests.support.world import Person, World, eventually

BUDGET_SECONDS = 5.5
"""A checkout's budget and half a second."""

GIVEN_BACK_SECONDS = 5.0
"""By then a checkout of unknown outcome that nobody repeats has given back what it may have held."""

HTTP_FAULTS: list[dict[str, Any]] = [
    {"kind": "status", "value": 500},
    {"kind": "status", "value": 503},
    {"kind": "status", "value": 401},
    {"kind": "status", "value": 204},
    {"kind": "status", "value": 302, "times": 1},
    {"kind": "status", "value": 307, "times": 1},
    {"kind": "hang"},
    {"kind": "reset"},
    {"kind": "garbage"},
    {"kind": "huge"},
    {"kind": "wrong_types"},
    {"kind": "body", "value": None},
    {"kind": "body", "value": []},
    {"kind": "body", "value": {}},
]

ONE_FAILURE: list[dict[str, Any]] = [
    {"kind": "status", "value": 502},
    {"kind": "status", "value": 503},
    {"kind": "status", "value": 504},
    {"kind": "reset"},
]

PRODUCT_FAULTS: list[dict[str, Any]] = [
    {"kind": "hang"},
    {"kind": "unavailable_before"},
    {"kind": "unavailable_after"},
    {"kind": "status", "value": "INTERNAL"},
    {"kind": "status", "value": "UNIMPLEMENTED"},
    {"kind": "status", "value": "RESOURCE_EXHAUSTED"},
    {"kind": "status", "value": "NOT_FOUND"},
    {"kind": "status", "value": "FAILED_PRECONDITION"},
]

LOST_ANSWERS: list[dict[str, Any]] = [
    {"kind": "hang", "after": True},
    {"kind": "unavailable_after"},
    {"kind": "body", "value": "negative_price"},
]
"""What was held, and nobody was told."""

WRONG_HOLDS = [
    "other_order",
    "unspecified_state",
    "unknown_state",
    "no_revision",
    "missing_product",
    "shortages_of_a_held_order",
    "rejected_for_nothing",
    "empty",
]
WRONG_PRICES = ["negative_price", "other_currency", "no_currency", "no_vendor", "extra_product", "huge"]

WRONG_LINES: list[object] = [
    {"quantity": 0},
    {"quantity": -1},
    {"quantity": 2**31 + 1},
    {"quantity": 2**64},
    {"quantity": "2"},
    {"quantity": 2.5},
    {"quantity": True},
    {"quantity": None},
    {"product_id": ""},
    {"product_id": 7},
    {"product_id": None},
    {"product_id": "p\0"},
]

WRONG_CARTS: list[dict[str, object]] = [
    {"customer_id": "somebody-else"},
    {"customer_id": None},
    {"version": "1"},
    {"version": None},
    {"version": -1},
    {"version": 2**63},
    {"currency": "ABC"},
    {"currency": "eur"},
    {"currency": ""},
    {"currency": None},
    {"items": None},
    {"items": {}},
    {"items": ["p-1"]},
]


def name_of(fault: object) -> str:
    """How a fault is called in the name of its test."""
    return " ".join(str(part) for part in fault.values()) if isinstance(fault, dict) else str(fault)


# --- User and Cart ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbour", ["user", "cart"])
@pytest.mark.parametrize("fault", HTTP_FAULTS, ids=name_of)
def test_a_checkout_says_which_neighbour_gave_no_usable_answer(
    world: World, neighbour: str, fault: dict[str, Any]
) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault(neighbour, call="get", **fault):
        unavailable(ada.checkout, neighbour)
    assert_nothing_happened(ada, mug)


def test_bytes_that_come_one_by_one_are_not_waited_for_to_the_end(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", kind="drip", value=0.05, call="get"):
        unavailable(ada.checkout, "cart")


@pytest.mark.parametrize("neighbour", ["user", "cart"])
@pytest.mark.parametrize("fault", ONE_FAILURE, ids=name_of)
def test_one_failure_of_user_or_cart_is_made_good_by_asking_again(
    world: World, neighbour: str, fault: dict[str, Any]
) -> None:
    ada = world.shopper()
    with world.sandbox.fault(neighbour, call="get", times=1, **fault):
        assert ada.checkout().status_code == 201


def test_the_key_of_a_checkout_that_a_neighbour_failed_carries_on_when_it_is_back(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", kind="status", value=500):
        unavailable(lambda: ada.checkout(key="k"), "cart")
    assert ada.checkout(key="k").status_code == 201


def test_a_neighbour_that_answers_slowly_but_in_time_is_waited_for(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("user", kind="delay", value=0.7), world.sandbox.fault("product", kind="delay", value=0.7):
        assert ada.checkout().status_code == 201


def test_an_answer_about_another_user_is_not_believed(world: World) -> None:
    mug = world.product()
    ada = world.customer([(mug, 1)], id="somebody-else")
    unavailable(ada.checkout, "user")
    assert_nothing_happened(ada, mug)


def test_a_user_who_is_perhaps_active_orders_nothing(world: World) -> None:
    mug = world.product()
    ada = world.customer([(mug, 1)])
    said: list[Any] = ["true", 1, None]
    for is_active in said:
        world.sandbox.put_user(ada.id, is_active=is_active)
        unavailable(ada.checkout, "user")
    assert_nothing_happened(ada, mug)


def test_fields_of_a_user_that_the_contract_does_not_name_are_ignored(world: World) -> None:
    assert world.customer([(world.product(), 1)], loyalty={"points": [7]}).checkout().status_code == 201


@pytest.mark.parametrize("wrong", WRONG_LINES, ids=name_of)
def test_a_cart_line_that_breaks_the_contract_is_not_believed(world: World, wrong: dict[str, object]) -> None:
    mug = world.product()
    ada = world.customer()
    lines = [{"product_id": mug, "quantity": 1}, {"product_id": mug, "quantity": 1, **wrong}]
    cart = {"customer_id": ada.id, "version": 1, "currency": "EUR", "items": lines}
    with world.sandbox.fault("cart", kind="body", value=cart):
        unavailable(ada.checkout, "cart")
    assert_nothing_happened(ada, mug)


@pytest.mark.parametrize("wrong", WRONG_CARTS, ids=name_of)
def test_a_cart_that_breaks_the_contract_is_not_believed(world: World, wrong: dict[str, object]) -> None:
    mug = world.product()
    ada = world.customer()
    lines = [{"product_id": mug, "quantity": 1}]
    cart = {"customer_id": ada.id, "version": 1, "currency": "EUR", "items": lines, **wrong}
    with world.sandbox.fault("cart", kind="body", value=cart):
        unavailable(ada.checkout, "cart")
    assert_nothing_happened(ada, mug)


# --- Product ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PRODUCT_FAULTS, ids=name_of)
def test_a_checkout_says_that_product_gave_no_usable_answer(world: World, fault: dict[str, Any]) -> None:
    ada = world.shopper()
    with world.sandbox.fault("product", call="ReserveStock", **fault):
        unavailable(ada.checkout, "product")
    assert orders_of(ada) == 0


@pytest.mark.parametrize("wrong", WRONG_HOLDS + WRONG_PRICES)
def test_a_hold_that_breaks_the_contract_is_not_believed(world: World, wrong: str) -> None:
    ada = world.shopper()
    with world.sandbox.fault("product", kind="body", value=wrong, call="ReserveStock"):
        unavailable(ada.checkout, "product")
    assert orders_of(ada) == 0


@pytest.mark.parametrize("kind", ["unavailable_before", "unavailable_after"])
def test_product_being_unavailable_for_a_moment_is_made_good_by_asking_again(world: World, kind: str) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault("product", kind=kind, call="ReserveStock", times=1):
        assert ada.checkout().status_code == 201
    assert world.stock(mug)["held"] == 2


def test_an_unknown_outcome_is_carried_on_by_the_same_key_and_given_back_when_nobody_does(world: World) -> None:
    repeated, mug = world.product(), world.product()
    ada = world.customer([(repeated, 2)])
    with world.sandbox.fault("product", kind="unavailable_after", call="ReserveStock", times=2):
        unavailable(lambda: ada.checkout(key="k"), "product")
    failed_at = time.monotonic()
    assert world.stock(repeated)["held"] == 2
    order = ada.checkout(key="k").json()
    assert world.sandbox.ledger("product", order["id"])["lines"] == {repeated: 2}

    for fault in LOST_ANSWERS:
        bob = world.customer([(mug, 2)])
        with world.sandbox.fault("product", call="ReserveStock", times=2, **fault):
            unavailable(bob.checkout, "product")
    assert world.stock(mug)["held"] > 0
    eventually(lambda: world.stock(mug)["held"] == 0, "the holds to be given back", seconds=GIVEN_BACK_SECONDS)
    assert world.stock(mug)["available"] == world.stock(mug)["stock"]
    time.sleep(failed_at + GIVEN_BACK_SECONDS - time.monotonic())  # nothing is to happen, so nothing can be waited for
    assert world.stock(repeated)["held"] == 2


def test_what_is_held_long_after_the_checkout_gave_up_is_given_back_too(world: World) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault("product", call="ReserveStock", kind="late", value=3):
        unavailable(ada.checkout, "product")
    assert world.stock(mug)["held"] == 0
    eventually(lambda: world.stock(mug)["held"] == 2, "the hold to be made after all")
    eventually(lambda: world.stock(mug)["held"] == 0, "the hold to be given back", seconds=GIVEN_BACK_SECONDS)


def test_a_refusal_is_told_though_the_hold_can_not_be_given_back_yet(world: World) -> None:
    mug = world.product(1000)
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault("product", kind="unavailable_before", call="ReleaseStock"):
        answer = ada.checkout({"expected_total": "1.00"})
    problem(answer, 409, "total_changed", "current_total")
    eventually(lambda: world.stock(mug)["held"] == 0, "the hold to be given back", seconds=GIVEN_BACK_SECONDS)


# --- quotes -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("neighbour", "fault"),
    [
        ("user", {"kind": "status", "value": 500}),
        ("cart", {"kind": "reset"}),
        ("cart", {"kind": "wrong_types"}),
        ("product", {"kind": "unavailable_before"}),
        ("product", {"kind": "hang"}),
        *(("product", {"kind": "body", "value": wrong}) for wrong in WRONG_PRICES),
    ],
    ids=name_of,
)
def test_a_quote_says_which_neighbour_gave_no_usable_answer(
    world: World, neighbour: str, fault: dict[str, Any]
) -> None:
    ada = world.shopper()
    with world.sandbox.fault(neighbour, **fault):
        unavailable(lambda: ada.post("/orders/quote"), neighbour)


def test_product_being_unavailable_twice_is_made_good_for_a_quote(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("product", kind="unavailable_before", call="GetProducts", times=2):
        assert ada.post("/orders/quote").status_code == 200


def unavailable(ask: Callable[[], httpx.Response], neighbour: str) -> None:
    """Asking is answered 503 in time, by a problem that names the neighbour and says when to come again."""
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < BUDGET_SECONDS
    body = problem(answer, 503, "dependency_unavailable", "dependency")
    assert body["dependency"] == neighbour
    assert int(answer.headers["retry-after"]) >= 1


def assert_nothing_happened(customer: Person, product: str) -> None:
    """Product was not asked to hold anything, and no order is there."""
    assert customer.world.stock(product)["held"] == 0
    assert orders_of(customer) == 0


def orders_of(customer: Person) -> int:
    """Return how many orders of the customer are in the database."""
    return len(customer.world.sql("SELECT id FROM orders WHERE customer_id = %s", customer.id))
