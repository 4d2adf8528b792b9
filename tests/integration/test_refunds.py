"""Money that an order may not keep goes back: it is recorded, asked back under one id, and never forgotten."""

from collections.abc import Iterator

import pytest

from tests.integration.payment import COMMANDS, Message, Payment
from tests.integration.records import (
    account,
    expire,
    hurry,
    letters,
    pay,
    refunds,
    steps,
    until_counted,
    until_done,
    until_refunded,
    waiting,
)
from tests.world import World, eventually


@pytest.fixture
def deaf_to_refunds(world: World) -> Iterator[None]:
    """Payment does not hear what it is asked to refund, so that the test can answer in its place."""
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        yield


def asked_back(payment: Payment, order_id: str) -> list[Message]:
    """The refunds asked for on the wire."""
    return [message for message in payment.stream(COMMANDS, order_id) if message["type"] == "payment.refund_requested"]


def until_asked_back(payment: Payment, order_id: str, times: int) -> None:
    """Wait until so many requests for refunds have gone out."""
    eventually(lambda: len(asked_back(payment, order_id)) == times, "the refund to be asked for")


def test_more_than_the_total_pays_the_order_and_the_excess_is_asked_back_once(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"], amount_minor=2345)
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    until_refunded(world, order["id"], 345)
    until_counted(world, order["id"], 2)
    (refund,) = refunds(world, order["id"])
    (request,) = asked_back(payment, order["id"])
    assert (request["amount_minor"], request["currency"], request["refund_id"]) == (345, "EUR", str(refund["id"]))
    assert refund["status"] == "refunded"
    after = ada.order(order["id"])
    assert (after["status"], after["payment_status"], after["version"]) == ("confirmed", "paid", 2)


def test_a_second_capture_of_the_total_is_asked_back_whole(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"])
    ada.order_becomes(order["id"], payment_status="paid")
    pay(world, order["id"])
    until_refunded(world, order["id"], 2000)
    until_counted(world, order["id"], 3)
    assert ada.order(order["id"])["payment_status"] == "paid"
    assert len(asked_back(payment, order["id"])) == 1


def test_an_excess_that_payment_returned_by_itself_is_not_asked_back(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.say("captured", order["id"], 1000)
    payment.say("refunded", order["id"], 500)
    ada.order_becomes(order["id"], payment_status="partially_refunded")
    payment.say("captured", order["id"], 1500)
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    payment.wait_until_all_is_heard()
    assert refunds(world, order["id"]) == []


def test_money_that_comes_after_the_expiry_is_recorded_and_refunded_and_the_order_stays_expired(
    world: World, payment: Payment
) -> None:
    ada = world.shopper()
    order = ada.place()
    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired")
    pay(world, order["id"])
    after = ada.order_becomes(order["id"], payment_status="refunded")
    assert after["status"] == "expired"
    assert steps(world, order["id"])[-2:] == ["payment.paid", "payment.refunded"]
    assert account(world, order["id"])["refunded_minor"] == 2000
    assert [row["amount"] for row in refunds(world, order["id"])] == [2000]
    assert len(asked_back(payment, order["id"])) == 1


def test_late_money_in_parts_is_refunded_part_by_part(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired")
    for part in (500, 1500):
        pay(world, order["id"], amount_minor=part)
    until_refunded(world, order["id"], 2000)
    assert sorted(row["amount"] for row in refunds(world, order["id"])) == [500, 1500]
    assert ada.order_becomes(order["id"], payment_status="refunded")["status"] == "expired"


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_refund_that_failed_is_asked_for_again_under_the_same_id(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.say("captured", order["id"], 2500)
    until_asked_back(payment, order["id"], 1)
    refund_id = asked_back(payment, order["id"])[0]["refund_id"]
    for attempt in (2, 3):
        payment.say("refund_failed", order["id"], 500, refund_id=refund_id)
        eventually(lambda: waiting(world, order["id"]) == ["publish"], "the next request to wait for its time")
        hurry(world, order["id"])
        until_asked_back(payment, order["id"], attempt)
    requests = asked_back(payment, order["id"])
    assert {(request["refund_id"], request["amount_minor"]) for request in requests} == {(refund_id, 500)}
    assert len({request["event_id"] for request in requests}) == 3  # Payment drops an event_id it has heard before
    payment.say("refunded", order["id"], 500, refund_id=refund_id)
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "refunded", "the refund to be settled")
    assert ada.order(order["id"])["payment_status"] == "paid"


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_refund_that_fails_again_and_again_is_shown_to_an_admin_in_the_end(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.say("captured", order["id"], 2500)
    until_asked_back(payment, order["id"], 1)
    refund_id = asked_back(payment, order["id"])[0]["refund_id"]

    for attempt in range(5):
        payment.say("refund_failed", order["id"], 500, refund_id=refund_id)
        until_counted(world, order["id"], attempt + 2)
        hurry(world, order["id"])
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "failed", "the service to give up")
    (letter,) = eventually(lambda: letters(world, refund_id), "the dead letter")
    assert "refuses the refund" in letter["reason"]
    assert ada.order(order["id"])["payment_status"] == "paid"


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_repeated_failure_of_a_refund_asks_again_once(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.say("captured", order["id"], 2500)
    until_asked_back(payment, order["id"], 1)
    refund_id = asked_back(payment, order["id"])[0]["refund_id"]
    payment.tell(payment.event("refund_failed", order["id"], 500, refund_id=refund_id), times=5)
    payment.wait_until_all_is_heard()
    assert waiting(world, order["id"]) == ["publish"]
    hurry(world, order["id"])
    until_done(world, order["id"])
    assert len(asked_back(payment, order["id"])) == 2


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_failure_heard_after_the_refund_asks_for_nothing(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.say("captured", order["id"], 2500)
    until_asked_back(payment, order["id"], 1)
    refund_id = asked_back(payment, order["id"])[0]["refund_id"]
    payment.say("refunded", order["id"], 500, refund_id=refund_id)
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "refunded", "the refund to be settled")
    payment.say("refund_failed", order["id"], 500, refund_id=refund_id)
    until_counted(world, order["id"], 3)
    assert waiting(world, order["id"]) == []


def test_a_refund_that_payment_never_heard_of_is_asked_for_again(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        pay(world, order["id"], amount_minor=2500)
        until_asked_back(payment, order["id"], 1)
        until_done(world, order["id"])
    world.sql("UPDATE refunds SET ask_again_at = now() WHERE order_id = %s", order["id"])
    until_refunded(world, order["id"], 500, seconds=10)
    assert len({request["refund_id"] for request in asked_back(payment, order["id"])}) == 1
