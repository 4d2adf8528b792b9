"""Messages to Payment and to subscribers, to the letter of the contract."""

import re
import uuid
from datetime import datetime, timedelta
from typing import Any

from tests.support.payment import COMMANDS, EVENTS, FIELDS, GROUP, ORDERS, Message, Payment, signature
from tests.support.records import (
    account,
    expire,
    ledger,
    make_status_request_due,
    pay,
    refunds,
    steps,
    until_done,
    until_requested,
)
from tests.support.world import World, eventually

RFC_3339_UTC = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def check(payment: Payment, message: Message, order: dict[str, Any], kind: str, **fields: Any) -> None:
    """Check that the message has exactly the contract's fields, these values, the order's total by default, and a signature."""
    assert message.keys() == FIELDS
    expected = {
        "amount_minor": 2000,
        "currency": "EUR",
        "payment_id": None,
        "refund_id": None,
        "reason": None,
        **fields,
    }
    assert {name: message[name] for name in expected} == expected
    assert (message["type"], message["order_id"]) == (kind, order["id"])
    assert RFC_3339_UTC.fullmatch(message["occurred_at"])
    assert abs(datetime.now().astimezone() - datetime.fromisoformat(message["occurred_at"])) < timedelta(minutes=1)
    assert 0 < len(message["event_id"]) <= 64
    assert message["signature"] == signature(message, payment.secret)


def checks(world: World, order_id: str) -> dict[str, Any]:
    """Return the time of the order's next status request, in seconds from its placing, and the number of requests so far."""
    (row,) = world.sql(
        "SELECT payment_checks, extract(epoch FROM payment_check_at - created_at)::float AS planned,"
        " extract(epoch FROM payment_check_at - now())::float AS pause FROM orders WHERE id = %s",
        order_id,
    )
    return row


def until_status_requested(world: World, order_id: str, times: int) -> None:
    """Wait until the order's payment status has been requested this number of times."""
    eventually(lambda: checks(world, order_id)["payment_checks"] == times, "the status request")


def test_a_placed_order_requests_its_payment_on_the_channel_and_on_the_stream(world: World, payment: Payment) -> None:
    ada = world.shopper()
    with payment.subscribed_to(COMMANDS, ORDERS) as received:
        order = ada.place()
        (entry,) = payment.wait_for(COMMANDS, order["id"], 1)
        eventually(lambda: received(order["id"]), "the request on the channel")
        check(payment, entry, order, "payment.requested")
        assert received(order["id"]) == [(COMMANDS, entry)]
    assert account(world, order["id"])["heard"] == {"payment.requested": 1}


def test_the_request_carries_minor_units_of_the_orders_own_currency(world: World, payment: Payment) -> None:
    for currency, price in (("JPY", 700), ("KWD", 1234)):
        ada = world.customer([(world.product(price, currency=currency), 3)], currency)
        order = ada.place()
        (entry,) = payment.wait_for(COMMANDS, order["id"], 1)
        check(payment, entry, order, "payment.requested", amount_minor=3 * price, currency=currency)


def test_order_events_are_published_in_a_stream_only(world: World, payment: Payment) -> None:
    ada = world.shopper()
    with payment.subscribed_to(COMMANDS, ORDERS) as received:
        order = ada.place()
        pay(world, order["id"])
        placed, confirmed = payment.wait_for(ORDERS, order["id"], 2)
        check(payment, placed, order, "order.placed")
        check(payment, confirmed, order, "order.confirmed")
        assert {channel for channel, _ in received(order["id"])} == {COMMANDS}


def test_an_order_that_costs_nothing_requests_no_payment(world: World, payment: Payment) -> None:
    ada = world.shopper(price=0)
    order = ada.place()
    assert (order["status"], order["payment_status"]) == ("confirmed", "paid")
    until_done(world, order["id"])
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "order.confirmed"]
    assert payment.stream(COMMANDS, order["id"]) == []


def test_the_status_of_a_silent_payment_is_requested_with_growing_pauses(world: World, payment: Payment) -> None:
    ada = world.shopper()
    with payment.subscribed_to(COMMANDS) as received:
        order = ada.place()
        assert 29 < checks(world, order["id"])["planned"] < 31  # PAYMENT_STATUS_AFTER_SECONDS
        for count, pause in ((1, 60), (2, 120)):
            make_status_request_due(world, order["id"])
            until_status_requested(world, order["id"], count)
            assert pause - 20 < checks(world, order["id"])["pause"] <= pause
        entries = payment.wait_for(COMMANDS, order["id"], 3)
        for entry in entries[1:]:
            check(payment, entry, order, "payment.status_requested")
        eventually(lambda: len(received(order["id"])) == 3, "both status requests on the channel")
        assert [message for _, message in received(order["id"])] == entries
    after = ada.order(order["id"])
    assert (after["version"], steps(world, order["id"])) == (1, ["order.placed"])


def test_the_payment_status_of_a_pending_order_only_is_requested(world: World, payment: Payment) -> None:
    ada, bob, eve = world.shopper(), world.shopper(), world.shopper()
    paid, expired, pending = ada.place(), bob.place(), eve.place()
    pay(world, paid["id"])
    expire(world, expired["id"])
    ada.order_becomes(paid["id"], status="confirmed")
    bob.order_becomes(expired["id"], status="expired")
    make_status_request_due(world, paid["id"], expired["id"], pending["id"])
    until_status_requested(world, pending["id"], 1)
    assert [checks(world, order["id"])["payment_checks"] for order in (paid, expired)] == [0, 0]


def test_a_capture_whose_every_event_was_lost_is_found_by_a_status_request(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    until_requested(world, order["id"])
    payment.bus.xgroup_setid(EVENTS, GROUP, "9999999999999-0")  # the service misses messages from here …
    world.sandbox.payments(via="stream")
    try:
        lost = world.sandbox.pay(order["id"], "capture")
        eventually(lambda: payment.stream(EVENTS, order["id"]), "the capture to be published")
    finally:
        world.sandbox.payments(via="both")
        payment.bus.xgroup_setid(EVENTS, GROUP, "$")  # … to here
    assert (ada.order(order["id"])["status"], ledger(world, order["id"])) == ("pending", [])
    make_status_request_due(world, order["id"])
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    assert [row["event_id"] for row in ledger(world, order["id"])] == [lost["event_id"]]


def test_a_lost_payment_request_is_repeated_after_a_status_request(world: World, payment: Payment) -> None:
    with world.sandbox.fault("payment", kind="deaf", call="payment.requested"):
        ada = world.shopper()
        order = ada.place()
        eventually(lambda: payment.stream(COMMANDS, order["id"]), "the payment request")
        until_done(world, order["id"])
        assert account(world, order["id"])["state"] == "unknown"
    make_status_request_due(world, order["id"])
    eventually(lambda: account(world, order["id"])["state"] == "requested", "Payment to create the payment")
    assert payment.types(COMMANDS, order["id"]) == [
        "payment.requested",
        "payment.status_requested",
        "payment.requested",
    ]


def test_an_order_that_expires_unpaid_cancels_its_payment(world: World, payment: Payment) -> None:
    ada = world.shopper()
    with payment.subscribed_to(COMMANDS) as received:
        order = ada.place()
        expire(world, order["id"])
        ada.order_becomes(order["id"], status="expired")
        entries = payment.wait_for(COMMANDS, order["id"], 2)
        check(payment, entries[1], order, "payment.cancel_requested")
        eventually(
            lambda: [message for _, message in received(order["id"])] == entries, "the same message on the channel"
        )
    assert ada.order_becomes(order["id"], payment_status="voided")["status"] == "expired"
    assert account(world, order["id"])["state"] == "voided"


def test_a_refund_names_the_payment_its_amount_and_its_refund_id(world: World, payment: Payment) -> None:
    ada = world.shopper()
    with payment.subscribed_to(COMMANDS) as received:
        order = ada.place()
        capture = pay(world, order["id"], amount_minor=2001)
        entries = payment.wait_for(COMMANDS, order["id"], 2)
        (refund,) = refunds(world, order["id"])
        fields = {"amount_minor": 1, "payment_id": capture["payment_id"], "refund_id": str(refund["id"])}
        check(payment, entries[1], order, "payment.refund_requested", **fields)
        eventually(
            lambda: [message for _, message in received(order["id"])] == entries, "the same message on the channel"
        )
        assert uuid.UUID(entries[1]["refund_id"])
