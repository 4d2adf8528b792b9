"""State machines, compared with tables written from the contract (REST API, "States")."""

from itertools import combinations, pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orders.domain.errors import IllegalTransition
from orders.domain.lifecycle import (
    ORDER_STATUSES,
    PAYMENT_STATUSES,
    TERMINATED,
    VENDOR_ORDER_STATUSES,
    admin_may_cancel,
    cancellation_obstacle,
    check_order_step,
    check_vendor_order_step,
    customer_may_cancel,
    order_actions,
    order_status_for_vendor,
    payment_status,
    roll_up,
    states_shown_as,
    vendor_order_actions,
)
from tests.support.market import ROLL_UP

ORDER_PATH = ["pending", "confirmed", "processing", "shipped", "delivered"]
VENDOR_ORDER_PATH = ["pending", "processing", "shipped", "delivered"]
ORDER_STEPS = {
    *pairwise(ORDER_PATH),
    ("pending", "cancelled"),
    ("confirmed", "cancelled"),
    ("processing", "cancelled"),
    ("pending", "expired"),
}
"""The path forward; cancelled until something has shipped; expired while nothing is paid."""

VENDOR_ORDER_STEPS = {
    *pairwise(VENDOR_ORDER_PATH),
    ("pending", "cancelled"),
    ("processing", "cancelled"),
}
WORDS = ("voided", "authorized", "failed")
"""Strongest first."""

money = st.integers(1, 10**12)
words = st.sets(st.sampled_from([*WORDS, "unknown", "captured", "refunded", "refund_failed"]))


def allowed(step: object, current: str, wanted: str) -> bool:
    try:
        step(current, wanted)  # type: ignore[operator]
    except IllegalTransition as error:
        assert error.extra == {"current": current, "wanted": wanted}
        return False
    return True


def test_an_order_has_the_transitions_of_the_contract_and_no_other() -> None:
    assert set(ORDER_STATUSES) == {*ORDER_PATH, "cancelled", "expired"}
    taken = {step for step in product(ORDER_STATUSES, repeat=2) if allowed(check_order_step, *step)}
    assert taken == ORDER_STEPS


def test_a_vendor_order_has_the_transitions_of_the_contract_and_no_other() -> None:
    assert set(VENDOR_ORDER_STATUSES) == {*VENDOR_ORDER_PATH, "cancelled"}
    taken = {step for step in product(VENDOR_ORDER_STATUSES, repeat=2) if allowed(check_vendor_order_step, *step)}
    assert taken == VENDOR_ORDER_STEPS


def test_a_terminal_status_has_no_transition() -> None:
    ends = {status for status in ORDER_STATUSES if all((status, other) not in ORDER_STEPS for other in ORDER_STATUSES)}
    assert ends == {"delivered", *TERMINATED}
    assert {"cancelled", "expired"} == TERMINATED


@pytest.mark.parametrize(
    ("total", "captured", "refunded", "status"),
    [
        (100, 100, 0, "paid"),
        (100, 60, 0, "partially_paid"),
        (100, 1, 0, "partially_paid"),
        (100, 99, 0, "partially_paid"),
        # refunds of what the order costs
        (100, 100, 1, "partially_refunded"),
        (100, 100, 99, "partially_refunded"),
        (100, 100, 100, "refunded"),
        (100, 60, 20, "partially_refunded"),
        (100, 60, 60, "refunded"),
        # captures exceed the total: refunding the excess leaves it paid
        (100, 150, 0, "paid"),
        (100, 150, 49, "paid"),
        (100, 150, 50, "paid"),
        (100, 150, 51, "partially_refunded"),
        (100, 150, 150, "refunded"),
        # refunds exceed the captures
        (100, 100, 120, "refunded"),
        # nothing to pay
        (0, 0, 0, "paid"),
        (0, 50, 0, "paid"),
        (0, 50, 50, "paid"),
    ],
)
def test_money_decides_the_payment_status(total: int, captured: int, refunded: int, status: str) -> None:
    for some in (chosen for size in range(len(WORDS) + 1) for chosen in combinations(WORDS, size)):
        assert payment_status(total, captured, refunded, some) == status


@pytest.mark.parametrize("some", [c for size in range(len(WORDS) + 1) for c in combinations(WORDS, size)])
def test_without_money_the_strongest_event_decides(some: tuple[str, ...]) -> None:
    strongest = next((word for word in WORDS if word in some), "unpaid")
    assert payment_status(100, 0, 0, some) == strongest
    assert payment_status(100, 0, 0, [*reversed(some), "unknown", "refund_failed"]) == strongest


@given(money, money, words)
def test_a_refund_received_before_its_capture_has_no_effect_until_the_capture(
    total: int, refunded: int, types: set[str]
) -> None:
    assert payment_status(total, 0, refunded, types) == payment_status(total, 0, 0, types)
    assert payment_status(total, refunded, refunded, types) in ("refunded", "partially_refunded", "paid")


@given(st.integers(0, 10**12), st.integers(0, 10**12), st.integers(0, 10**12), words)
def test_an_order_is_paid_exactly_when_captures_minus_refunds_cover_its_total(
    total: int, captured: int, refunded: int, types: set[str]
) -> None:
    status = payment_status(total, captured, refunded, types)
    assert status in PAYMENT_STATUSES
    covered = captured - refunded >= total if captured else total == 0
    assert (status == "paid") == covered


@given(money, money, money, words)
def test_only_a_refund_makes_an_order_refunded(total: int, captured: int, refunded: int, types: set[str]) -> None:
    assert "refunded" not in payment_status(total, captured, 0, types)
    assert payment_status(total, captured, refunded, types) != "partially_paid"


@pytest.mark.parametrize("status", ORDER_STATUSES)
def test_a_customer_cancels_while_every_vendor_order_is_pending_and_an_admin_until_one_has_shipped(status: str) -> None:
    over = status in ("shipped", "delivered", "cancelled", "expired")
    for vendor_statuses in product(VENDOR_ORDER_STATUSES, repeat=2):
        by_customer = not over and status != "processing" and vendor_statuses == ("pending", "pending")
        by_admin = not over and not {"shipped", "delivered"} & set(vendor_statuses)
        assert customer_may_cancel(status, vendor_statuses) == by_customer
        assert admin_may_cancel(status, vendor_statuses) == by_admin
        assert order_actions("customer", status, vendor_statuses) == (["cancel"] if by_customer else [])
        assert order_actions("admin", status, vendor_statuses) == (["cancel"] if by_admin else [])


@pytest.mark.parametrize("role", ["customer", "admin", "system"])
@pytest.mark.parametrize(
    ("status", "parts", "customer", "admin"),
    [
        ("pending", ["pending", "pending"], None, None),
        ("confirmed", ["pending", "pending"], None, None),
        ("confirmed", ["cancelled", "pending"], "already cancelled its part", None),
        ("processing", ["processing", "pending"], "already started to fulfil", None),
        ("processing", ["processing", "cancelled"], "already started to fulfil", None),
        ("processing", ["cancelled", "pending"], "already cancelled its part", None),
        ("processing", ["shipped", "pending"], "Part of the order has already been shipped", "Part of"),
        ("processing", ["delivered", "processing"], "Part of the order has already been shipped", "Part of"),
        (
            "shipped",
            ["shipped", "cancelled"],
            "The order has already been shipped",
            "The order has already been shipped",
        ),
        ("delivered", ["delivered"], "The order has already been delivered", "The order has already been delivered"),
        ("expired", ["cancelled"], "The order has expired", "The order has expired"),
        ("cancelled", ["cancelled"], "The order has been cancelled", "The order has been cancelled"),
    ],
)
def test_the_reason_against_a_cancellation_is_correct(
    role: str, status: str, parts: list[str], customer: str | None, admin: str | None
) -> None:
    wanted = customer if role == "customer" else admin
    obstacle = cancellation_obstacle(role, status, parts)
    assert obstacle is wanted if wanted is None else wanted in (obstacle or "")


@pytest.mark.parametrize("role", ["customer", "admin"])
@pytest.mark.parametrize("status", ORDER_STATUSES)
def test_an_offered_cancellation_is_a_legal_transition(status: str, role: str) -> None:
    for vendor_statuses in product(VENDOR_ORDER_STATUSES, repeat=2):
        if order_actions(role, status, vendor_statuses):
            check_order_step(status, "cancelled")


@pytest.mark.parametrize("role", ["vendor", "system", "payment", ""])
def test_no_other_role_acts_on_the_whole_order(role: str) -> None:
    assert order_actions(role, "pending", ["pending"]) == []


@pytest.mark.parametrize(("letters", "status"), ROLL_UP.items())
def test_an_order_follows_its_vendor_orders_step_by_step(letters: str, status: str) -> None:
    names = {"a": "processing"} | {name[0]: name for name in ("pending", "shipped", "delivered", "cancelled")}
    vendor_statuses = [names[letter] for letter in letters]
    path = ["confirmed", *roll_up("confirmed", vendor_statuses)]
    assert path[-1] == status
    for step in pairwise(path):
        check_order_step(*step)
    if status != "cancelled":
        assert roll_up(status, vendor_statuses) == []


@pytest.mark.parametrize("order_status", ORDER_STATUSES)
@pytest.mark.parametrize(
    ("status", "actions"),
    [
        ("pending", ["accept", "cancel"]),
        ("processing", ["ship", "cancel"]),
        ("shipped", ["deliver"]),
        ("delivered", []),
        ("cancelled", []),
    ],
)
def test_a_vendor_acts_once_the_order_is_paid_and_until_it_is_terminated(
    order_status: str, status: str, actions: list[str]
) -> None:
    is_open = order_status not in ("pending", "cancelled", "expired")
    assert vendor_order_actions(order_status, status) == (actions if is_open else [])


SHOWN = {
    "pending": {"pending": "pending"},
    "confirmed": {"pending": "confirmed", "cancelled": "cancelled"},
    "processing": {
        "pending": "confirmed",
        "processing": "confirmed",
        "shipped": "confirmed",
        "delivered": "confirmed",
        "cancelled": "cancelled",
    },
    "shipped": {"shipped": "confirmed", "delivered": "confirmed", "cancelled": "cancelled"},
    "delivered": {"delivered": "confirmed", "cancelled": "cancelled"},
    "cancelled": {"cancelled": "cancelled"},
    "expired": {"cancelled": "expired"},
}
"""By an order's status and a vendor order's: the order status that the vendor sees."""


@pytest.mark.parametrize("order_status", ORDER_STATUSES)
def test_a_vendor_sees_the_order_status_as_far_as_it_concerns_its_part(order_status: str) -> None:
    shown = SHOWN[order_status]
    assert {status: order_status_for_vendor(order_status, status) for status in shown} == shown


@pytest.mark.parametrize("size", range(5))
def test_a_filter_by_the_order_status_that_vendors_see_selects_the_matching_vendor_orders(size: int) -> None:
    for wanted in combinations(["pending", "confirmed", "cancelled", "expired"], size):
        states = states_shown_as(wanted)
        for order_status, shown in SHOWN.items():
            selected = {
                status
                for status, order_statuses in states.items()
                if status in shown and (order_statuses is None or order_status in order_statuses)
            }
            assert selected == {status for status, seen in shown.items() if seen in wanted}


def test_a_filter_that_every_order_status_matches_needs_no_condition_on_the_order() -> None:
    everything = states_shown_as(["pending", "confirmed", "cancelled", "expired"])
    assert everything == dict.fromkeys(VENDOR_ORDER_STATUSES)
