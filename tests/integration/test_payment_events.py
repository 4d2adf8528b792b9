"""A payment event is counted in the ledger once, and the order follows the ledger."""

import random
import re
from contextlib import closing
from typing import Any

import httpx
import psycopg
import pytest

from compose.stack import Stack
from tests.support.payment import COMMANDS, EVENTS, ORDERS, WAYS, Payment
from tests.support.records import (
    hold,
    ledger,
    pay,
    product_of,
    steps,
    trail,
    until_counted,
    until_done,
    until_stock_is,
)
from tests.support.server import server
from tests.support.world import Sandbox, World, eventually


def counted_in(world: World) -> int:
    """Return the number of valid copies of payment messages that this server process has received."""
    text = httpx.get(f"{world.url}/metrics", trust_env=False, verify=False).text
    return sum(
        int(float(count)) for count in re.findall(r'payment_messages_total{outcome="co(?:unted|py)"} (\S+)', text)
    )


def test_a_capture_of_the_total_pays_and_confirms_the_order(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    message = pay(world, order["id"])
    paid = ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    assert trail(world, order["id"]) == [
        "order.placed by customer",
        "payment.paid by payment",
        "order.confirmed by payment",
    ]
    assert paid["version"] == order["version"] + 1
    assert paid["updated_at"] > order["updated_at"]
    (row,) = ledger(world, order["id"])
    assert (row["event_id"], row["amount"], row["currency"]) == (message["event_id"], 2000, "EUR")


def test_a_paid_order_sells_its_stock(world: World) -> None:
    ada = world.shopper(stock=5)
    order = ada.place()
    pay(world, order["id"])
    until_stock_is(world, order["id"], "COMMITTED")
    stock = world.stock(product_of(order))
    assert (stock["available"], stock["held"], stock["sold"]) == (3, 0, 2)
    until_done(world, order["id"])
    assert hold(world, order["id"])["commits"] == 1


def test_the_confirmation_of_a_paid_order_is_published(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    pay(world, order["id"])
    eventually(lambda: "order.confirmed" in payment.types(ORDERS, order["id"]), "order.confirmed to be published")
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "order.confirmed"]


@pytest.mark.parametrize("via", ["channel", "stream"])
def test_an_event_received_on_one_transport_only_counts(world: World, via: str) -> None:
    ada = world.shopper()
    order = ada.place()
    world.sandbox.payments(via=via)
    try:
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    finally:
        world.sandbox.payments(via="both")


def test_a_server_without_the_channel_counts_events_of_the_stream(
    stack: Stack, sandbox: Sandbox, payment: Payment
) -> None:
    bus: Any = payment.bus
    listeners = bus.pubsub_numsub(EVENTS)
    with (
        server(stack, "without-channel", PAYMENT_CHANNEL="false") as url,
        closing(World(stack, url, sandbox)) as world,
    ):
        assert bus.pubsub_numsub(EVENTS) == listeners
        assert "payment channel" not in httpx.get(f"{url}/readyz", trust_env=False, verify=False).json()["checks"]
        order_id = world.shopper().place()["id"]

        def counts_one() -> bool:
            payment.publish("captured", order_id, 1)  # the servers share the entries of the stream
            return counted_in(world) > 0

        eventually(counts_one, "this server to count one")


def test_an_event_that_the_database_could_not_store_counts_once_it_can(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    with psycopg.connect(world.stack.postgres.url) as connection:
        connection.execute("LOCK TABLE payment_events IN ACCESS EXCLUSIVE MODE")
        payment.publish("captured", order["id"], via="stream")
        eventually(lambda: waiting_for_ledger(world), "the service to wait for its ledger")
        eventually(lambda: not waiting_for_ledger(world), "the service to give up the lock")
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")


def waiting_for_ledger(world: World) -> bool:
    """Return whether a session waits for the lock on payment_events."""
    waiting = "SELECT 1 FROM pg_locks WHERE relation = 'payment_events'::regclass AND NOT granted"
    return bool(world.sql(waiting))


def test_an_event_repeated_on_both_transports_to_two_processes_counts_once(
    world: World, second_world: World, payment: Payment
) -> None:
    ada = world.shopper()
    order = ada.place()
    processes = (world, second_world)
    before = [counted_in(each) for each in processes]
    payment.send(payment.event("captured", order["id"], 500), "both", times=10)

    def each_heard_the_channel() -> bool:
        received = [counted_in(each) - start for each, start in zip(processes, before, strict=True)]
        return min(received) >= 10

    eventually(each_heard_the_channel, "both processes to receive every copy")
    payment.wait_until_acknowledged()
    paid = ada.order_becomes(order["id"], payment_status="partially_paid")
    assert len(ledger(world, order["id"])) == 1
    assert paid["version"] == order["version"] + 1
    assert steps(world, order["id"]) == ["order.placed", "payment.partially_paid"]


def test_a_repeated_capture_confirms_and_sells_once(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.send(payment.event("captured", order["id"]), "both", times=10)
    payment.wait_until_acknowledged()
    ada.order_becomes(order["id"], status="confirmed")
    until_done(world, order["id"])
    assert hold(world, order["id"])["commits"] == 1
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "order.confirmed"]


def test_a_known_event_id_with_another_content_is_the_same_event(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    first = payment.publish("captured", order["id"], 500)
    ada.order_becomes(order["id"], payment_status="partially_paid")
    payment.publish("captured", order["id"], 1500, event_id=first["event_id"])
    payment.wait_until_acknowledged()
    assert [row["amount"] for row in ledger(world, order["id"])] == [500]
    assert ada.order(order["id"])["payment_status"] == "partially_paid"


def test_a_total_captured_in_parts_confirms_with_the_last_part(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"], 1999)
    partly = ada.order_becomes(order["id"], payment_status="partially_paid")
    assert partly["status"] == "pending"
    payment.publish("captured", order["id"], 1)
    paid = ada.order_becomes(order["id"], payment_status="paid")
    assert paid["status"] == "confirmed"
    assert steps(world, order["id"]) == ["order.placed", "payment.partially_paid", "payment.paid", "order.confirmed"]


@pytest.mark.parametrize(
    ("word", "status"),
    [("authorized", "authorized"), ("failed", "failed"), ("voided", "voided"), ("unknown", "unpaid")],
)
def test_an_event_without_an_amount_sets_the_payment_status_and_leaves_the_order_pending(
    world: World, payment: Payment, word: str, status: str
) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish(word, order["id"])
    until_counted(world, order["id"], 1)
    assert ada.order_becomes(order["id"], payment_status=status)["status"] == "pending"


@pytest.mark.parametrize(
    ("weaker", "stronger"), [("failed", "authorized"), ("failed", "voided"), ("authorized", "voided")]
)
@pytest.mark.parametrize("stronger_first", [False, True])
def test_of_two_events_without_an_amount_the_stronger_one_counts_in_either_order(
    world: World, payment: Payment, weaker: str, stronger: str, stronger_first: bool
) -> None:
    ada = world.shopper()
    order = ada.place()
    words = (stronger, weaker) if stronger_first else (weaker, stronger)
    for number, word in enumerate(words, start=1):
        payment.publish(word, order["id"])
        until_counted(world, order["id"], number)
    assert ada.order(order["id"])["payment_status"] == stronger


def test_a_failed_payment_can_still_be_paid(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("failed", order["id"])
    ada.order_becomes(order["id"], status="pending", payment_status="failed")
    payment.publish("captured", order["id"])
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")


@pytest.mark.parametrize("word", ["authorized", "failed", "voided"])
def test_money_takes_precedence_over_later_events_without_an_amount(world: World, payment: Payment, word: str) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"])
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    payment.publish(word, order["id"])
    until_counted(world, order["id"], 2)
    after = ada.order(order["id"])
    assert (after["status"], after["payment_status"], after["version"]) == ("confirmed", "paid", 2)


@pytest.mark.parametrize("amounts", [(2000, 2000), (2000, 500)])
def test_a_refund_received_before_its_capture_has_the_same_result_as_after_it(
    world: World, payment: Payment, amounts: tuple[int, int]
) -> None:
    captured, refunded = amounts
    ada = world.shopper()
    order = ada.place()
    payment.publish("refunded", order["id"], refunded)
    payment.wait_until_acknowledged()
    assert ada.order(order["id"])["payment_status"] == "unpaid"
    payment.publish("captured", order["id"], captured)
    status = "refunded" if refunded == captured else "partially_refunded"
    ada.order_becomes(order["id"], payment_status=status)
    assert len(ledger(world, order["id"])) == 2


def test_a_refund_of_more_than_the_total_waits_for_the_captures_that_cover_it(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        payment.publish("refunded", order["id"], 2500)
        payment.wait_until_acknowledged()
        assert ledger(world, order["id"]) == []
        payment.publish("captured", order["id"], 2000)
        payment.publish("captured", order["id"], 500)
        ada.order_becomes(order["id"], payment_status="refunded")
        assert len(ledger(world, order["id"])) == 3


def test_payment_unknown_makes_the_service_request_the_payment_again(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("unknown", order["id"])
    eventually(lambda: payment.types(COMMANDS, order["id"]) == ["payment.requested"] * 2, "a second request")
    first, second = payment.stream(COMMANDS, order["id"])
    assert first["event_id"] != second["event_id"]  # Payment drops a repeated event_id
    assert (first["amount_minor"], first["currency"]) == (second["amount_minor"], second["currency"]) == (2000, "EUR")


def test_payment_unknown_requests_nothing_for_an_order_that_is_paid(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("captured", order["id"])
    ada.order_becomes(order["id"], status="confirmed")
    payment.publish("unknown", order["id"])
    until_counted(world, order["id"], 2)
    until_done(world, order["id"])
    assert payment.types(COMMANDS, order["id"]) == ["payment.requested"]


def test_many_events_for_many_orders_at_once_all_count(world: World, payment: Payment) -> None:
    admin, orders = world.admin(), [world.shopper().place() for _ in range(20)]
    events: list[tuple[Any, str]] = [
        (payment.event("captured", order["id"], 100), way) for order in orders for _ in range(10) for way in WAYS[1:]
    ]
    random.Random(7).shuffle(events)
    for event, way in events:
        payment.send(event, way)
    for order in orders:
        paid = admin.order_becomes(order["id"], status="confirmed", payment_status="paid")
        assert paid["version"] == 3  # placed, partially paid, paid
        until_counted(world, order["id"], 20)
