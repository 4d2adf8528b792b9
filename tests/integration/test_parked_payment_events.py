"""A payment event that precedes its order is parked for a limited time."""

import uuid
from datetime import timedelta

from tests.support import ids
from tests.support.payment import Payment
from tests.support.records import dead_letters, ledger, parked, until_stock_is
from tests.support.world import World, eventually

PARKING_TIME = timedelta(seconds=3)


def age(world: World, order_id: str) -> None:
    """Make the order's parked events as old as PAYMENT_PARKING_SECONDS."""
    world.sql(
        "UPDATE payment_events SET received_at = received_at - interval '3 s' WHERE claimed_order_id = %s", order_id
    )


def test_a_capture_that_precedes_its_order_counts_once_the_order_is_placed(world: World, payment: Payment) -> None:
    ada, key = world.shopper(), str(uuid.uuid4())
    order_id = ids.order_id(ada.id, key)
    payment.publish("captured", order_id)
    eventually(lambda: parked(world, order_id), "the event to be parked")
    placed = ada.checkout(key=key)
    assert (placed.status_code, placed.json()["id"]) == (201, order_id)
    ada.order_becomes(order_id, status="confirmed", payment_status="paid")
    until_stock_is(world, order_id, "COMMITTED")
    assert (len(ledger(world, order_id)), parked(world, order_id), dead_letters(world, order_id)) == (1, [], [])


def test_a_parked_event_repeated_after_its_order_counts_once(world: World, payment: Payment) -> None:
    ada, key = world.shopper(), str(uuid.uuid4())
    order_id = ids.order_id(ada.id, key)
    message = payment.publish("captured", order_id, 500)
    eventually(lambda: parked(world, order_id), "the event to be parked")
    ada.checkout(key=key)
    payment.send(message, times=5)
    payment.wait_until_acknowledged()
    assert ada.order_becomes(order_id, payment_status="partially_paid")["version"] == 2
    assert [row["event_id"] for row in ledger(world, order_id)] == [message["event_id"]]
    assert parked(world, order_id) == []


def test_an_event_whose_order_is_never_placed_becomes_a_dead_letter(world: World, payment: Payment) -> None:
    order_id = str(uuid.uuid4())
    message = payment.publish("captured", order_id)
    (row,) = eventually(lambda: parked(world, order_id), "the event to be parked")
    (letter,) = eventually(lambda: dead_letters(world, order_id), "the dead letter")
    assert letter["created_at"] - row["received_at"] >= PARKING_TIME
    assert (letter["source"], str(letter["order_id"])) == ("payments.events", order_id)
    assert "no order of this id" in letter["reason"]
    assert message["event_id"] in letter["message"]
    assert parked(world, order_id) == []


def test_a_refund_that_exceeds_the_captures_becomes_a_dead_letter(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("refunded", order["id"], 2001)
    eventually(lambda: parked(world, order["id"]), "the event to be parked")
    age(world, order["id"])
    eventually(lambda: dead_letters(world, order["id"]), "the dead letter")
    assert (ledger(world, order["id"]), parked(world, order["id"])) == ([], [])
    payment.publish("captured", order["id"])
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")


def test_a_dead_lettered_event_counts_when_payment_repeats_it_after_its_order(world: World, payment: Payment) -> None:
    ada, key = world.shopper(), str(uuid.uuid4())
    order_id = ids.order_id(ada.id, key)
    message = payment.publish("captured", order_id)
    eventually(lambda: parked(world, order_id), "the event to be parked")
    age(world, order_id)
    eventually(lambda: dead_letters(world, order_id), "the dead letter")
    ada.checkout(key=key)
    payment.send(message)
    ada.order_becomes(order_id, status="confirmed", payment_status="paid")


def test_two_processes_dead_letter_each_parked_event_once(world: World, second_world: World, payment: Payment) -> None:
    order_ids = [str(uuid.uuid4()) for _ in range(200)]
    for order_id in order_ids:
        payment.publish("captured", order_id, via="stream")
    payment.wait_until_acknowledged()
    patience = (
        "UPDATE payment_events SET received_at = received_at - interval '3 s' WHERE claimed_order_id = ANY(%s::uuid[])"
    )
    world.sql(patience, order_ids)
    found = "SELECT attempts FROM dead_letters WHERE order_id = ANY(%s::uuid[])"
    eventually(lambda: len(world.sql(found, order_ids)) == len(order_ids), "every event to be a dead letter")
    left = "SELECT event_id FROM payment_events WHERE claimed_order_id = ANY(%s::uuid[])"
    assert world.sql(left, order_ids) == []
    assert {row["attempts"] for row in world.sql(found, order_ids)} == {1}


def test_an_unstorable_event_does_not_block_the_parked_ones_behind_it(world: World, payment: Payment) -> None:
    unknown = str(uuid.uuid4())
    payment.publish("captured", unknown, occurred_at="9999-12-31T23:59:59-01:00")
    payment.wait_until_acknowledged()
    ada, key = world.shopper(), str(uuid.uuid4())
    order_id = ids.order_id(ada.id, key)
    payment.publish("captured", order_id)
    eventually(lambda: parked(world, order_id), "the event to be parked")
    ada.checkout(key=key)
    ada.order_becomes(order_id, status="confirmed")
