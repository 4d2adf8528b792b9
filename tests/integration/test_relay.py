"""The relay's queues do not delay each other when rows are unusable or streams cannot be written."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from tests.support.payment import COMMANDS, EVENTS, ORDERS, Payment
from tests.support.records import dead_letters, make_effects_due, pay, until_done, until_requested, waiting
from tests.support.world import World, eventually

RECOVERY_SECONDS = 30
"""Promise P10."""

BLANK = dict.fromkeys(("payment_id", "amount_minor", "currency", "refund_id", "reason"))


def event(order_id: str, type_: str, **fields: Any) -> dict[str, Any]:
    """Return a message for `orders.events` as the service writes it into the outbox."""
    times = {"event_id": f"{order_id[:8]} {type_}", "occurred_at": "2026-01-01T00:00:00Z"}
    return {"name": ORDERS, "message": {"order_id": order_id, "type": type_, **times, **BLANK, **fields}}


def without(name: str) -> dict[str, Any]:
    """Return the payload of a message that lacks a field which is signed."""
    message = event("7", "broken")
    del message["message"][name]
    return {"messages": [message]}


UNUSABLE: dict[str, Any] = {
    "nothing": {},
    "null": None,
    "a list": [1, 2],
    "text": "order.placed",
    "messages that are none": {"messages": 7},
    "a message without a name": {"messages": [{"message": {}}]},
    "a name that is a number": {"messages": [{"name": 7, "message": {}}]},
    "a message without content": {"messages": [{"name": ORDERS}]},
    "a message without an amount": without("amount_minor"),
    "a message without an id": without("event_id"),
    "a good message and a bad one": {"messages": [event("7", "good"), {"name": ORDERS}]},
}


@contextmanager
def unwritable(bus: "redis.Redis", stream: str) -> Iterator[None]:
    """Replace the stream by a value of another type for a while."""
    bus.rename(stream, f"{stream}.aside")
    bus.set(stream, "no stream")
    try:
        yield
    finally:
        bus.rename(f"{stream}.aside", stream)


def write(world: World, *rows: tuple[str, str, Any]) -> None:
    """Write (order, lane, payload) into the outbox in one transaction, so that one relay claims them together."""
    insert = "INSERT INTO outbox (order_id, kind, lane, payload, request_id) VALUES (%s, 'publish', %s, %s, 'r-1')"
    with psycopg.connect(world.stack.postgres.url) as connection:
        for order_id, lane, payload in rows:
            connection.execute(insert, [order_id, lane, Jsonb(payload)])


def tries(world: World, order_id: str, lane: str) -> int:
    """Return the number of attempts at the order's first row in this lane."""
    (row,) = world.sql(
        "SELECT attempts FROM outbox WHERE order_id = %s AND lane = %s ORDER BY id LIMIT 1", order_id, lane
    )
    return int(row["attempts"])


def until_tried(world: World, order_id: str, lane: str, times: int) -> None:
    """Wait until the order's first row in this lane has had this number of attempts."""
    eventually(lambda: tries(world, order_id, lane) >= times, f"attempt {times}")


@pytest.mark.parametrize("what", UNUSABLE)
def test_an_unusable_row_becomes_a_dead_letter_and_delays_no_other_row_of_its_batch(
    world: World, payment: Payment, what: str
) -> None:
    bad, good = world.shopper().place(), world.shopper().place()
    for each in (bad, good):
        until_done(world, each["id"])
    write(
        world, (bad["id"], "events", UNUSABLE[what]), (good["id"], "events", {"messages": [event(good["id"], "next")]})
    )
    eventually(lambda: "next" in payment.types(ORDERS, good["id"]), "the row behind it to be published")
    until_done(world, bad["id"])
    (letter,) = dead_letters(world, bad["id"])
    content = json.loads(letter["message"])
    assert (letter["source"], str(letter["order_id"])) == ("outbox", bad["id"])
    assert (content["kind"], content["lane"], content["payload"]) == ("publish", "events", UNUSABLE[what])
    assert "can't be published" in letter["reason"]


def test_a_retried_row_that_is_still_unusable_is_the_same_letter(world: World) -> None:
    order = world.shopper().place()
    until_done(world, order["id"])
    write(world, (order["id"], "events", {"messages": 7}))
    (letter,) = eventually(lambda: dead_letters(world, order["id"]), "the dead letter")
    assert world.admin().post(f"/admin/dead-letters/{letter['id']}/retry").status_code == 202
    eventually(lambda: dead_letters(world, order["id"])[0]["attempts"] == 2, "the second attempt to fail")
    assert [each["id"] for each in dead_letters(world, order["id"])] == [letter["id"]]
    assert waiting(world, order["id"]) == []


def test_while_orders_events_cannot_be_written_payment_and_refunds_are_requested_once_and_nothing_is_lost(
    world: World, payment: Payment
) -> None:
    ada = world.shopper()
    with payment.subscribed_to(COMMANDS) as received, unwritable(payment.bus, ORDERS):
        order = ada.place()
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
        eventually(lambda: waiting(world, order["id"]) == ["publish"] * 2, "all effects but the events")
        assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
        payment.wait_for(COMMANDS, order["id"], 2)
        for times in (2, 3, 4):
            make_effects_due(world, order["id"])
            until_tried(world, order["id"], "events", times)
        assert payment.types(COMMANDS, order["id"]) == ["payment.requested", "payment.refund_requested"]
        assert [message["type"] for _, message in received(order["id"])] == payment.types(COMMANDS, order["id"])
        assert ada.http.get("/readyz").status_code == 200
    make_effects_due(world, order["id"])
    until_done(world, order["id"])
    published = payment.types(ORDERS, order["id"])
    assert [type_ for type_ in published if type_.startswith("order.")] == [
        "order.placed",
        "order.confirmed",
        "order.cancelled",
    ]


def test_an_event_unpublishable_for_too_long_becomes_a_dead_letter_and_is_published_by_a_retry(
    world: World, payment: Payment
) -> None:
    ada = world.shopper()
    with unwritable(payment.bus, ORDERS):
        order = ada.place()
        eventually(lambda: waiting(world, order["id"]) == ["publish"], "all effects but the event")
        world.sql(
            "UPDATE outbox SET created_at = now() - interval '25 hours', available_at = now() WHERE order_id = %s",
            order["id"],
        )
        until_done(world, order["id"])
    (letter,) = dead_letters(world, order["id"])
    assert (letter["source"], "WRONGTYPE" in letter["reason"]) == ("outbox", True)
    assert payment.types(ORDERS, order["id"]) == []
    assert world.admin().post(f"/admin/dead-letters/{letter['id']}/retry").status_code == 202
    payment.wait_for(ORDERS, order["id"], 1)
    eventually(lambda: not dead_letters(world, order["id"]), "the letter to be deleted")


def test_while_payments_commands_cannot_be_written_other_effects_go_on_and_readiness_names_the_relay(
    world: World, payment: Payment
) -> None:
    ada = world.shopper()
    with unwritable(payment.bus, COMMANDS):
        order = ada.place()
        eventually(lambda: waiting(world, order["id"]) == ["publish"], "all effects but the command")
        assert payment.types(ORDERS, order["id"]) == ["order.placed"]

        def names_the_relay() -> bool:
            make_effects_due(world, order["id"])
            return bool(ada.http.get("/readyz").json()["failing"] == ["relay"])

        eventually(names_the_relay, "readiness to name the relay")
    make_effects_due(world, order["id"])
    until_requested(world, order["id"])
    until_done(world, order["id"])
    eventually(lambda: ada.http.get("/readyz").status_code == 200, "the server to be ready", RECOVERY_SECONDS)


def test_readiness_names_the_loop_that_has_failed_for_some_seconds(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.publish("authorized", order["id"])
    with unwritable(payment.bus, EVENTS):
        assert ada.http.get("/readyz").status_code == 200  # a short failure does not affect readiness
        eventually(
            lambda: ada.http.get("/readyz").json()["failing"] == ["payment stream"], "readiness to name the loop"
        )
        payment.publish("captured", order["id"], via="channel")
        ada.order_becomes(order["id"], status="confirmed")
    eventually(lambda: ada.http.get("/readyz").status_code == 200, "the server to be ready", RECOVERY_SECONDS)
    until_done(world, order["id"])
