"""Checkouts and quotes while User, Cart or Product fails: nothing is lost or left held.

Each refusal is a 503 that names the neighbour, within the budget of a checkout (promise P9).
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

RELEASE_SECONDS = 5.0
"""The time within which an unresolved reservation is released, unless its checkout is repeated."""

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

LOST_RESPONSES: list[dict[str, Any]] = [
    {"kind": "hang", "after": True},
    {"kind": "unavailable_after"},
    {"kind": "body", "value": "negative_price"},
]
"""Faults of Product after which the units are held though the call has failed."""

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
    """Return a fault's name in the name of its test."""
    return " ".join(str(part) for part in fault.values()) if isinstance(fault, dict) else str(fault)


# --- User and Cart ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("neighbour", ["user", "cart"])
@pytest.mark.parametrize("fault", HTTP_FAULTS, ids=name_of)
def test_a_checkout_names_the_neighbour_without_a_usable_response(
    world: World, neighbour: str, fault: dict[str, Any]
) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault(neighbour, call="get", **fault):
        ensure_unavailable(ada.checkout, neighbour)
    assert_no_effect(ada, mug)


def test_a_dripping_response_ends_with_the_deadline(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", kind="drip", value=0.05, call="get"):
        ensure_unavailable(ada.checkout, "cart")


@pytest.mark.parametrize("neighbour", ["user", "cart"])
@pytest.mark.parametrize("fault", ONE_FAILURE, ids=name_of)
def test_one_failure_of_user_or_cart_is_retried(world: World, neighbour: str, fault: dict[str, Any]) -> None:
    ada = world.shopper()
    with world.sandbox.fault(neighbour, call="get", times=1, **fault):
        assert ada.checkout().status_code == 201


def test_a_checkout_that_a_neighbour_failed_succeeds_under_its_key_after_the_recovery(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", kind="status", value=500):
        ensure_unavailable(lambda: ada.checkout(key="k"), "cart")
    assert ada.checkout(key="k").status_code == 201


def test_a_slow_response_within_the_deadline_is_used(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("user", kind="delay", value=0.7), world.sandbox.fault("product", kind="delay", value=0.7):
        assert ada.checkout().status_code == 201


def test_a_response_about_another_user_is_refused(world: World) -> None:
    mug = world.product()
    ada = world.customer([(mug, 1)], id="somebody-else")
    ensure_unavailable(ada.checkout, "user")
    assert_no_effect(ada, mug)


@pytest.mark.parametrize("is_active", ["true", 1, None])
def test_a_user_without_a_boolean_is_active_places_no_order(world: World, is_active: object) -> None:
    mug = world.product()
    ada = world.customer([(mug, 1)], is_active=is_active)
    ensure_unavailable(ada.checkout, "user")
    assert_no_effect(ada, mug)


def test_fields_of_a_user_that_the_contract_does_not_name_are_ignored(world: World) -> None:
    assert world.customer([(world.product(), 1)], loyalty={"points": [7]}).checkout().status_code == 201


@pytest.mark.parametrize("wrong", WRONG_LINES, ids=name_of)
def test_a_cart_line_that_breaks_the_contract_is_refused(world: World, wrong: dict[str, object]) -> None:
    mug = world.product()
    ada = world.customer()
    lines = [{"product_id": mug, "quantity": 1}, {"product_id": mug, "quantity": 1, **wrong}]
    cart = {"customer_id": ada.id, "version": 1, "currency": "EUR", "items": lines}
    with world.sandbox.fault("cart", kind="body", value=cart):
        ensure_unavailable(ada.checkout, "cart")
    assert_no_effect(ada, mug)


@pytest.mark.parametrize("wrong", WRONG_CARTS, ids=name_of)
def test_a_cart_that_breaks_the_contract_is_refused(world: World, wrong: dict[str, object]) -> None:
    mug = world.product()
    ada = world.customer()
    lines = [{"product_id": mug, "quantity": 1}]
    cart = {"customer_id": ada.id, "version": 1, "currency": "EUR", "items": lines, **wrong}
    with world.sandbox.fault("cart", kind="body", value=cart):
        ensure_unavailable(ada.checkout, "cart")
    assert_no_effect(ada, mug)


# --- Product ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("fault", PRODUCT_FAULTS, ids=name_of)
def test_a_checkout_names_product_without_a_usable_response(world: World, fault: dict[str, Any]) -> None:
    ada = world.shopper()
    with world.sandbox.fault("product", call="ReserveStock", **fault):
        ensure_unavailable(ada.checkout, "product")
    assert orders_of(ada) == 0


@pytest.mark.parametrize("wrong", WRONG_HOLDS + WRONG_PRICES)
def test_a_hold_that_breaks_the_contract_is_refused(world: World, wrong: str) -> None:
    ada = world.shopper()
    with world.sandbox.fault("product", kind="body", value=wrong, call="ReserveStock"):
        ensure_unavailable(ada.checkout, "product")
    assert orders_of(ada) == 0


@pytest.mark.parametrize("kind", ["unavailable_before", "unavailable_after"])
def test_a_short_unavailability_of_product_is_retried(world: World, kind: str) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault("product", kind=kind, call="ReserveStock", times=1):
        assert ada.checkout().status_code == 201
    assert world.stock(mug)["held"] == 2


def test_an_unresolved_reservation_is_reused_under_the_same_key_and_released_otherwise(world: World) -> None:
    repeated, mug = world.product(), world.product()
    ada = world.customer([(repeated, 2)])
    with world.sandbox.fault("product", kind="unavailable_after", call="ReserveStock", times=2):
        ensure_unavailable(lambda: ada.checkout(key="k"), "product")
    failed_at = time.monotonic()
    assert world.stock(repeated)["held"] == 2
    order = ada.checkout(key="k").json()
    assert world.sandbox.ledger("product", order["id"])["lines"] == {repeated: 2}

    for fault in LOST_RESPONSES:
        bob = world.customer([(mug, 2)])
        with world.sandbox.fault("product", call="ReserveStock", times=2, **fault):
            ensure_unavailable(bob.checkout, "product")
    assert world.stock(mug)["held"] > 0
    eventually(lambda: world.stock(mug)["held"] == 0, "the holds to be released", seconds=RELEASE_SECONDS)
    assert world.stock(mug)["available"] == world.stock(mug)["stock"]
    time.sleep(failed_at + RELEASE_SECONDS - time.monotonic())  # the absence of an effect cannot be waited for
    assert world.stock(repeated)["held"] == 2


def test_a_hold_made_after_the_checkout_gave_up_is_released(world: World) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault("product", call="ReserveStock", kind="late", value=3):
        ensure_unavailable(ada.checkout, "product")
    assert world.stock(mug)["held"] == 0
    eventually(lambda: world.stock(mug)["held"] == 2, "the late hold to be made")
    eventually(lambda: world.stock(mug)["held"] == 0, "the hold to be released", seconds=RELEASE_SECONDS)


def test_a_refusal_does_not_wait_for_the_release_of_its_hold(world: World) -> None:
    mug = world.product(1000)
    ada = world.customer([(mug, 2)])
    with world.sandbox.fault("product", kind="unavailable_before", call="ReleaseStock"):
        answer = ada.checkout({"expected_total": "1.00"})
    problem(answer, 409, "total_changed", "current_total")
    eventually(lambda: world.stock(mug)["held"] == 0, "the hold to be released", seconds=RELEASE_SECONDS)


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
def test_a_quote_names_the_neighbour_without_a_usable_response(
    world: World, neighbour: str, fault: dict[str, Any]
) -> None:
    ada = world.shopper()
    with world.sandbox.fault(neighbour, **fault):
        ensure_unavailable(lambda: ada.post("/orders/quote"), neighbour)


def test_two_unavailabilities_of_product_are_retried_for_a_quote(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("product", kind="unavailable_before", call="GetProducts", times=2):
        assert ada.post("/orders/quote").status_code == 200


def ensure_unavailable(ask: Callable[[], httpx.Response], neighbour: str) -> None:
    """Check that the call gets a timely 503 problem that names the neighbour and has a Retry-After."""
    began = time.monotonic()
    answer = ask()
    assert time.monotonic() - began < BUDGET_SECONDS
    body = problem(answer, 503, "dependency_unavailable", "dependency")
    assert body["dependency"] == neighbour
    assert int(answer.headers["retry-after"]) >= 1


def assert_no_effect(customer: Person, product: str) -> None:
    """Check that Product was not asked to reserve, and that no order exists."""
    assert customer.world.stock(product)["held"] == 0
    assert orders_of(customer) == 0


def orders_of(customer: Person) -> int:
    """Return the number of the customer's orders in the database."""
    return len(customer.world.sql("SELECT id FROM orders WHERE customer_id = %s", customer.id))
