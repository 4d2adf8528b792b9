"""Money that an order may not keep is refunded: recorded, requested under one refund id, and never forgotten."""

from collections.abc import Iterator

import pytest

from tests.support.payment import Payment, refund_requests, until_refunds_requested
from tests.support.records import (
    account,
    dead_letters,
    expire,
    pay,
    refunds,
    start_job,
    steps,
    until_counted,
    until_done,
    until_refunded,
    waiting,
)
from tests.support.world import World, eventually

NOON = "2026-11-22T12:00:00Z"


@pytest.fixture
def deaf_to_refunds(world: World) -> Iterator[None]:
    """Drop refund requests at the sandbox's Payment, so that the test can reply in its place."""
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        yield


def test_an_excess_capture_pays_the_order_and_the_excess_is_refunded_once(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"], amount_minor=2345)
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    until_refunded(world, order["id"], 345)
    until_counted(world, order["id"], 2)
    (refund,) = refunds(world, order["id"])
    (request,) = refund_requests(payment, order["id"])
    assert (request["amount_minor"], request["currency"], request["refund_id"]) == (345, "EUR", str(refund["id"]))
    assert refund["status"] == "refunded"
    after = ada.order(order["id"])
    assert (after["status"], after["payment_status"], after["version"]) == ("confirmed", "paid", 2)


def test_a_second_capture_of_the_total_is_refunded_in_full(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"])
    ada.order_becomes(order["id"], payment_status="paid")
    pay(world, order["id"])
    until_refunded(world, order["id"], 2000)
    until_counted(world, order["id"], 3)
    assert ada.order(order["id"])["payment_status"] == "paid"
    assert len(refund_requests(payment, order["id"])) == 1


def test_an_excess_that_payment_refunded_by_itself_is_not_requested(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 1000)
    payment.publish("refunded", order["id"], 500)
    ada.order_becomes(order["id"], payment_status="partially_refunded")
    payment.publish("captured", order["id"], 1500)
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    payment.wait_until_acknowledged()
    assert refunds(world, order["id"]) == []


def test_a_capture_after_the_expiry_is_recorded_and_refunded_and_the_order_stays_expired(
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
    assert len(refund_requests(payment, order["id"])) == 1


def test_late_captures_in_parts_are_refunded_part_by_part(world: World, payment: Payment) -> None:
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
def test_a_failed_refund_is_requested_again_under_the_same_id(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    for attempt in (2, 3):
        payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
        until_counted(world, order["id"], attempt)
        repeat_requests(world, order["id"])
        until_refunds_requested(payment, order["id"], attempt)
    requests = refund_requests(payment, order["id"])
    assert {(request["refund_id"], request["amount_minor"]) for request in requests} == {(refund_id, 500)}
    assert len({request["event_id"] for request in requests}) == 3  # Payment drops a repeated event_id
    payment.publish("refunded", order["id"], 500, refund_id=refund_id)
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "refunded", "the refund to be settled")
    assert ada.order(order["id"])["payment_status"] == "paid"


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_refund_that_keeps_failing_becomes_a_dead_letter(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]

    for attempt in range(5):
        payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
        until_counted(world, order["id"], attempt + 2)
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "failed", "the service to give up")
    (letter,) = eventually(lambda: dead_letters(world, refund_id), "the dead letter")
    assert "refuses the refund" in letter["reason"]
    assert ada.order(order["id"])["payment_status"] == "paid"


@pytest.mark.usefixtures("deaf_to_refunds")
def test_an_abandoned_refund_is_one_dead_letter_however_often_payment_refuses_it(
    world: World, payment: Payment
) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    world.sql("UPDATE refunds SET attempts = 5 WHERE id = %s", refund_id)
    for count in (2, 3, 4):
        payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
        until_counted(world, order["id"], count)
    assert [letter["attempts"] for letter in dead_letters(world, refund_id)] == [1]
    payment.publish("refunded", order["id"], 500, refund_id=refund_id)
    eventually(
        lambda: refunds(world, order["id"])[0]["status"] == "refunded", "the refund that was made later to be settled"
    )
    assert dead_letters(world, refund_id) == []


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_refund_made_in_parts_is_settled_with_the_last_of_them(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    payment.publish("refunded", order["id"], 200, refund_id=refund_id)
    until_counted(world, order["id"], 2)
    assert [row["status"] for row in refunds(world, order["id"])] == ["requested"]
    payment.publish("refunded", order["id"], 300, refund_id=refund_id)
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "refunded", "the refund to be settled")
    assert [row["amount"] for row in refunds(world, order["id"])] == [500]


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_refund_refused_by_the_same_event_each_time_becomes_a_dead_letter(world: World, payment: Payment) -> None:
    """An event counts once, so a repeated failure looks like silence."""
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    refusal = payment.event("refund_failed", order["id"], 500, refund_id=refund_id)
    for asked in range(2, 9):
        payment.send(refusal)
        payment.wait_until_acknowledged()
        repeat_requests(world, order["id"])
        until_requested_times(world, order["id"], asked)
        assert bool(dead_letters(world, refund_id)) == (asked > 7), f"asked {asked} times, about an hour long"
    (letter,) = dead_letters(world, refund_id)
    assert (letter["source"], str(letter["order_id"])) == ("refunds", order["id"])


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_repeated_failure_of_a_refund_requests_it_once_more(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    payment.send(payment.event("refund_failed", order["id"], 500, refund_id=refund_id), times=5)
    payment.wait_until_acknowledged()
    assert [row["attempts"] for row in refunds(world, order["id"])] == [2]
    repeat_requests(world, order["id"])
    until_refunds_requested(payment, order["id"], 2)


def test_a_refund_that_payment_refused_is_requested_again_automatically(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        payment.publish("captured", order["id"], 2500)
        until_refunds_requested(payment, order["id"], 1)
        refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
        payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
        until_refunds_requested(payment, order["id"], 2)


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_failure_older_than_the_refund_requests_nothing(world: World, payment: Payment) -> None:
    order = world.shopper().place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    failure = payment.event("refund_failed", order["id"], 500, refund_id=refund_id)
    same_moment = payment.event("refund_failed", order["id"], 500, refund_id=refund_id, occurred_at=NOON)
    payment.publish("refunded", order["id"], 500, refund_id=refund_id, occurred_at=NOON)
    until_counted(world, order["id"], 2)
    assert refunds(world, order["id"])[0]["status"] == "refunded"
    payment.send(payment.sign({**failure, "occurred_at": "2026-11-22T11:59:59.999999Z"}))
    payment.send(same_moment)
    until_counted(world, order["id"], 4)
    assert [row["status"] for row in refunds(world, order["id"])] == ["refunded"]


@pytest.mark.usefixtures("deaf_to_refunds")
@pytest.mark.parametrize("failure_first", [False, True], ids=["in order", "the failure is received first"])
def test_a_refund_that_fails_after_its_success_is_owed_again(
    world: World, payment: Payment, failure_first: bool
) -> None:
    ada = world.shopper()
    order = ada.place()
    expire(world, order["id"])
    ada.order_becomes(order["id"], status="expired")
    payment.publish("captured", order["id"], 2000)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    done = payment.event("refunded", order["id"], 2000, refund_id=refund_id, occurred_at=NOON)
    failed = payment.event("refund_failed", order["id"], 2000, refund_id=refund_id, occurred_at="2026-11-22T12:00:01Z")
    for event in [failed, done] if failure_first else [done, failed]:
        payment.send(event)
        payment.wait_until_acknowledged()
    assert ada.order_becomes(order["id"], payment_status="paid")["status"] == "expired"
    assert [(row["amount"], row["status"]) for row in refunds(world, order["id"])] == [(2000, "requested")]
    repeat_requests(world, order["id"])
    until_refunds_requested(payment, order["id"], 2)
    payment.publish("refunded", order["id"], 2000, refund_id=refund_id, occurred_at="2026-11-22T12:00:02Z")
    ada.order_becomes(order["id"], payment_status="refunded")
    assert [row["status"] for row in refunds(world, order["id"])] == ["refunded"]


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_manual_refund_reduces_the_request(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 3000)
    until_refunds_requested(payment, order["id"], 1)
    payment.publish("refunded", order["id"], 400)
    eventually(lambda: [row["amount"] for row in refunds(world, order["id"])] == [600], "the request to shrink")
    repeat_requests(world, order["id"])
    until_refunds_requested(payment, order["id"], 2)
    assert refund_requests(payment, order["id"])[-1]["amount_minor"] == 600
    payment.publish("refunded", order["id"], 600)
    eventually(
        lambda: [row["status"] for row in refunds(world, order["id"])] == ["settled"], "the refund to be settled"
    )
    world.sql("UPDATE refunds SET ask_again_at = now() WHERE order_id = %s", order["id"])
    other = world.shopper().place()
    payment.publish("captured", other["id"], 2500)
    until_refunds_requested(payment, other["id"], 1)
    repeat_requests(world, other["id"])
    until_refunds_requested(payment, other["id"], 2)
    assert len(refund_requests(payment, order["id"])) == 2
    assert ada.order(order["id"])["payment_status"] == "paid"


def test_a_request_that_waits_for_redis_is_withdrawn_after_a_manual_refund(world: World, payment: Payment) -> None:
    order = world.shopper().place()
    other = world.shopper().place()
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        payment.publish("captured", order["id"], 2500)
        until_refunds_requested(payment, order["id"], 1)
        until_done(world, order["id"])
        # A second request, for more, is still to be sent at the time of the manual refund.
        world.sql(
            "INSERT INTO outbox (order_id, kind, lane, payload, request_id, available_at)"
            " SELECT order_id, 'publish', 'slow', jsonb_build_object('messages', jsonb_build_array(jsonb_build_object("
            " 'name', 'payments.commands', 'message', jsonb_build_object('refund_id', id::text)))), 'r', now() + interval '1 h'"
            " FROM refunds WHERE order_id = %s",
            order["id"],
        )
        payment.publish("refunded", order["id"], 500)
        eventually(
            lambda: [row["status"] for row in refunds(world, order["id"])] == ["settled"], "the refund to be settled"
        )
        assert waiting(world, order["id"]) == []
        assert waiting(world, other["id"]) in ([], ["publish"])


@pytest.mark.usefixtures("deaf_to_refunds")
def test_a_cancellation_requests_the_amount_that_a_failed_refund_still_owes(world: World, payment: Payment) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    world.sql("UPDATE refunds SET attempts = 5 WHERE id = %s", refund_id)
    payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
    eventually(lambda: dead_letters(world, refund_id), "the dead letter")
    assert admin.post(f"/orders/{order['id']}/cancel").status_code == 200
    assert sorted((row["amount"], row["status"]) for row in refunds(world, order["id"])) == [
        (500, "settled"),
        (2500, "requested"),
    ]
    assert dead_letters(world, refund_id) == []
    until_refunds_requested(payment, order["id"], 2)
    assert refund_requests(payment, order["id"])[-1]["amount_minor"] == 2500


@pytest.mark.usefixtures("deaf_to_refunds")
@pytest.mark.parametrize(("by_hand", "amount", "status"), [(500, 500, "settled"), (200, 300, "requested")])
def test_a_retried_refund_requests_the_amount_still_owed(
    world: World, payment: Payment, by_hand: int, amount: int, status: str
) -> None:
    order, admin = world.shopper().place(), world.admin()
    payment.publish("captured", order["id"], 2500)
    until_refunds_requested(payment, order["id"], 1)
    refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
    world.sql("UPDATE refunds SET attempts = 5 WHERE id = %s", refund_id)
    payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
    (letter,) = eventually(lambda: dead_letters(world, refund_id), "the dead letter")
    payment.publish("refunded", order["id"], by_hand)
    until_counted(world, order["id"], 3)
    assert admin.post(f"/admin/dead-letters/{letter['id']}/retry").status_code == 202
    assert [(row["amount"], row["status"]) for row in refunds(world, order["id"])] == [(amount, status)]
    if status == "requested":
        until_refunds_requested(payment, order["id"], 2)
        assert refund_requests(payment, order["id"])[-1]["amount_minor"] == amount
    else:
        assert dead_letters(world, refund_id) == []


def until_requested_times(world: World, order_id: str, times: int) -> None:
    """Wait until the order's first refund has been requested this number of times."""
    eventually(lambda: refunds(world, order_id)[0]["asked"] == times, f"request {times}")


def repeat_requests(world: World, *order_ids: str) -> None:
    """Make the orders' refund requests due to be repeated, and run the job that repeats them."""
    world.sql("UPDATE refunds SET ask_again_at = now() WHERE order_id = ANY(%s::uuid[])", list(order_ids))
    start_job(world, "orders.ask_about_silent_payments")


def test_a_lost_refund_request_is_repeated(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        pay(world, order["id"], amount_minor=2500)
        until_refunds_requested(payment, order["id"], 1)
        until_done(world, order["id"])
    repeat_requests(world, order["id"])
    until_refunded(world, order["id"], 500)
    first, second = refund_requests(payment, order["id"])
    assert first["refund_id"] == second["refund_id"]
    assert first["event_id"] != second["event_id"]
    eventually(lambda: refunds(world, order["id"])[0]["status"] == "refunded", "the refund to be settled")


def test_a_settled_refund_is_not_requested_again(world: World, payment: Payment) -> None:
    settled, silent = world.shopper().place(), world.shopper().place()
    pay(world, settled["id"], amount_minor=2500)
    eventually(
        lambda: [row["status"] for row in refunds(world, settled["id"])] == ["refunded"], "the refund to be made"
    )
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        pay(world, silent["id"], amount_minor=2500)
        until_refunds_requested(payment, silent["id"], 1)
    repeat_requests(world, settled["id"], silent["id"])
    until_refunds_requested(payment, silent["id"], 2)
    assert len(refund_requests(payment, settled["id"])) == 1


def test_an_unanswered_refund_is_requested_with_growing_pauses(world: World, payment: Payment) -> None:
    order = world.shopper().place()
    pause = "SELECT extract(epoch FROM ask_again_at - now())::float AS seconds FROM refunds WHERE order_id = %s"
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        pay(world, order["id"], amount_minor=2500)
        for times, seconds in ((1, 30), (2, 60), (3, 120)):
            until_refunds_requested(payment, order["id"], times)
            assert seconds - 15 < world.sql(pause, order["id"])[0]["seconds"] <= seconds
            repeat_requests(world, order["id"])
