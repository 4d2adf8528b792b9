"""Unusable messages have no effect, are kept once as a dead letter with their reason, and never block the next message."""

import json
import uuid
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.payment import EVENTS, GROUP, Payment, signature
from tests.support.records import dead_letters, ledger, parked
from tests.support.world import World, eventually

Make = Callable[[Payment, str, str], bytes]
"""Makes the bytes of an unusable message about an order; they contain a mark by which its dead letter is found."""


def a(word: str = "captured", amount: object = 2000, **fields: object) -> Make:
    """Return a maker of a message with these fields and a valid signature over them."""

    def make(payment: Payment, order_id: str, mark: str) -> bytes:
        return json.dumps(
            payment.event(word, order_id, amount, **{"event_id": mark, "reason": mark, **fields})
        ).encode()

    return make


def with_event_id(make_id: Callable[[str], str]) -> Make:
    """Return a signed capture whose event id is made of the mark."""
    return lambda payment, order_id, mark: a(event_id=make_id(mark))(payment, order_id, mark)


def then(change: Callable[[dict[str, Any]], object]) -> Make:
    """Return a maker of a capture that is signed and then changed."""

    def make(payment: Payment, order_id: str, mark: str) -> bytes:
        message = json.loads(a()(payment, order_id, mark))
        change(message)
        return json.dumps(message).encode()

    return make


def altered(**changed: object) -> Make:
    return then(lambda message: message.update(changed))


def without(name: str) -> Make:
    return then(lambda message: message.pop(name))


def damaged(damage: Callable[[bytes], bytes]) -> Make:
    """Return a maker of the bytes of a signed capture, damaged."""
    return lambda payment, order_id, mark: damage(a()(payment, order_id, mark))


def signed_by(secret: str) -> Make:
    """Return a maker of a capture signed with another secret than Payment's."""
    return then(lambda message: message.update(signature=signature(message, secret)))


UNUSABLE: dict[str, tuple[Make, str]] = {
    "another currency than the order's": (a(currency="USD"), "the order is in EUR, the event in USD"),
    "a currency in lower case": (a(currency="eur"), "the event in eur"),
    "a word with another currency": (a("authorized", currency="USD"), "the event in USD"),
    "money without a currency": (a(currency=None), "no amount or currency"),
    "money without an amount": (a(amount=None), "no amount or currency"),
    "money of amount zero": (a(amount=0), "no amount or currency"),
    "a negative amount": (a(amount=-2000), "amount_minor"),
    "a word with a negative amount": (a("authorized", amount=-1), "amount_minor"),
    "a fraction of a minor unit": (a(amount=2000.5), "amount_minor"),
    "a whole amount written as a float": (a(amount=2000.0), "amount_minor"),
    "an amount in a string": (a(amount="2000"), "amount_minor"),
    "an amount that is true": (a(amount=True), "amount_minor"),
    "an amount beyond the largest": (a(amount=2**53), "amount_minor"),
    "no signature": (altered(signature=None), "signature"),
    "an empty signature": (altered(signature=""), "signature"),
    "a signature that is a number": (altered(signature=0), "signature"),
    "a signature of another alphabet": (altered(signature="é" * 64), "signature"),
    "no field for the signature": (without("signature"), "signature"),
    "a signature by another secret": (signed_by("guessed"), "signature"),
    "an amount altered after signing": (altered(amount_minor=1999), "signature"),
    "a type altered after signing": (altered(type="payment.authorized"), "signature"),
    "a payment altered after signing": (altered(payment_id="pay-2"), "signature"),
    "a refund altered after signing": (altered(refund_id="r-1"), "signature"),
    "a time altered after signing": (altered(occurred_at="2026-01-01T00:00:00Z"), "signature"),
    "an unknown type": (a("teleported"), "type"),
    "a type of another topic": (a(type="order.confirmed"), "type"),
    "a command in place of an event": (a("requested"), "type"),
    "a time without a zone": (a(occurred_at="2026-11-22T10:00:00"), "occurred_at"),
    "a time by the week": (a(occurred_at="2026-W47-7T10:00:00Z"), "occurred_at"),
    "a time that is none": (a(occurred_at="yesterday"), "occurred_at"),
    "a time beyond the calendar": (a(occurred_at="9999-12-31T23:59:59-01:00"), "occurred_at"),
    "a time before the calendar": (a(occurred_at="0001-01-01T00:00:00+01:00"), "occurred_at"),
    "an order id that is no UUID": (a(order_id="order-1"), "order_id"),
    "an order id that is a number": (a(order_id=7), "order_id"),
    "an order id that is null": (a(order_id=None), "order_id"),
    "an order id that is a list": (a(order_id=["7"]), "order_id"),
    "no order id": (without("order_id"), "order_id"),
    "an event id of 65 characters": (with_event_id(lambda mark: mark + "x" * 33), "event_id"),
    "an empty event id": (with_event_id(lambda _: ""), "event_id"),
    "an event id with a NUL": (with_event_id(lambda mark: "\0" + mark[1:]), "event_id"),
    "no event id": (without("event_id"), "event_id"),
    "bad JSON": (damaged(lambda raw: raw[:-1]), "truncated"),
    "two objects": (damaged(lambda raw: raw + raw), "trailing"),
    "a list": (damaged(lambda raw: b"[" + raw + b"]"), "Expected `object`"),
    "a deep nest": (lambda _, __, mark: b'["' + mark.encode() + b'",' + b"[" * 100_000, ""),
    "not UTF-8": (damaged(lambda raw: raw.replace(b"pay-1", b"pay-\xff")), "utf-8"),
    "half a surrogate pair": (damaged(lambda raw: raw.replace(b"pay-1", b"pay-\\ud800")), "payment message"),
    "more than 1 MiB": (a(reason="x" * 2**20), "more than 1 MiB"),
}


@pytest.mark.parametrize("what", UNUSABLE)
def test_an_unusable_message_becomes_a_dead_letter_and_the_next_one_counts(
    world: World, payment: Payment, what: str
) -> None:
    make, reason = UNUSABLE[what]
    ada = world.shopper()
    order = ada.place()
    mark = uuid.uuid4().hex
    payment.send(make(payment, order["id"], mark), times=2)
    good = payment.publish("captured", order["id"])
    paid = ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    payment.wait_until_acknowledged()
    (letter,) = dead_letters(world, mark)
    assert reason in letter["reason"]
    assert letter["source"] == EVENTS
    assert letter["attempts"] >= 2
    assert [row["event_id"] for row in ledger(world, order["id"])] == [good["event_id"]]
    assert paid["version"] == 2


def test_a_capture_cannot_be_redirected_to_another_order(world: World, payment: Payment) -> None:
    ada, eve = world.shopper(), world.shopper()
    hers, evil = ada.place(), eve.place()
    message = payment.event("captured", hers["id"])
    payment.send({**message, "order_id": evil["id"]})
    eventually(lambda: dead_letters(world, message["event_id"]), "the forgery to be a dead letter")
    payment.send(message)
    ada.order_becomes(hers["id"], payment_status="paid")
    assert (ledger(world, evil["id"]), eve.order(evil["id"])) == ([], evil)


def test_a_capture_cannot_be_counted_again_under_another_event_id(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    message = payment.event("captured", order["id"], 1000)
    payment.send(message)
    copy = {**message, "event_id": str(uuid.uuid4())}
    payment.send(copy)
    eventually(lambda: dead_letters(world, copy["event_id"]), "the forgery to be a dead letter")
    assert ada.order_becomes(order["id"], payment_status="partially_paid")["status"] == "pending"
    assert len(ledger(world, order["id"])) == 1


def test_an_unusable_message_is_one_letter_however_often_it_is_received(
    world: World, second_world: World, payment: Payment
) -> None:
    mark = uuid.uuid4().hex
    payment.send(json.dumps({"event_id": mark}).encode(), "both", times=20)
    payment.wait_until_acknowledged()
    (letter,) = eventually(lambda: dead_letters(world, mark), "the dead letter")
    eventually(lambda: dead_letters(world, mark)[0]["attempts"] > 20, "its copies to be counted")
    assert letter["id"] == dead_letters(world, mark)[-1]["id"]


def test_a_dead_letter_names_its_order_if_the_message_does(world: World, payment: Payment) -> None:
    order_id = str(uuid.uuid4())
    forged = {**payment.event("captured", order_id), "signature": "0" * 64}
    payment.send(forged)
    (letter,) = eventually(lambda: dead_letters(world, forged["event_id"]), "the dead letter")
    assert str(letter["order_id"]) == order_id


def test_a_stream_entry_without_a_message_blocks_no_other(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    payment.bus.xadd(EVENTS, {"something": "else"})
    payment.publish("captured", order["id"], via="stream")
    ada.order_becomes(order["id"], status="confirmed")
    payment.wait_until_acknowledged()


def test_copies_that_race_are_all_counted(world: World, second_world: World, payment: Payment) -> None:
    """Two processes receive it on two transports each; an entry that one is slow with is claimed by the other, too."""
    mark = uuid.uuid4().hex
    bus: Any = payment.bus
    eventually(lambda: bus.pubsub_numsub(EVENTS)[0][1] >= 2, "both to subscribe")
    payment.send(mark.encode(), "channel", times=20)
    payment.send(mark.encode(), "stream", times=20)
    eventually(lambda: dead_letters(world, mark)[0]["attempts"] >= 60, "2 x 20 on the channel, 20 on the stream")


def test_a_pending_entry_that_was_trimmed_is_acknowledged_without_a_dead_letter(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    before = world.sql("SELECT count(*) AS count FROM dead_letters WHERE message = ''")
    bus: Any = payment.bus
    with bus.pipeline(transaction=True) as at_once:  # no process is quicker
        at_once.xadd(EVENTS, {"message": b"{}"}).xreadgroup(GROUP, "a process that died", {EVENTS: ">"})
        entry, ((_, taken),) = at_once.execute()
    assert entry in [id_ for id_, _ in taken]
    bus.xdel(EVENTS, entry)

    def pending() -> list[Any]:
        return list(bus.xpending_range(EVENTS, GROUP, entry, entry, 1))

    assert pending()
    eventually(lambda: not pending(), "the entry to be acknowledged")
    payment.publish("captured", order["id"], via="stream")
    ada.order_becomes(order["id"], status="confirmed")
    assert world.sql("SELECT count(*) AS count FROM dead_letters WHERE message = ''") == before


@pytest.fixture
def letters_of_a_flood(world: World) -> Iterator[None]:
    """Return as many dead letters of garbage as are kept."""
    world.sql(
        "INSERT INTO dead_letters (id, fingerprint, source, reason, message)"
        " SELECT gen_random_uuid(), sha256((E'payments.events\\nflood' || n)::bytea), 'payments.events', 'a flood', 'flood' || n"
        " FROM generate_series(1, 10000) AS n"
    )
    yield
    world.sql("DELETE FROM dead_letters WHERE reason = 'a flood'")


@pytest.mark.usefixtures("letters_of_a_flood")
def test_a_flood_of_garbage_is_kept_up_to_a_limit_and_messages_about_orders_are_kept(
    world: World, payment: Payment
) -> None:
    order = world.shopper().place()
    forged = {**payment.event("captured", order["id"]), "signature": "0" * 64}
    marks = [uuid.uuid4().hex for _ in range(3)]
    for mark in marks:
        payment.send(mark.encode())
    payment.send({**payment.event("captured", str(uuid.uuid4())), "signature": "0" * 64, "reason": marks[0]})
    payment.send(b"flood7")
    payment.send(forged)
    payment.wait_until_acknowledged()
    assert [letter["message"] for mark in marks for letter in dead_letters(world, mark)] == []
    assert len(dead_letters(world, forged["event_id"])) == 1
    (copied,) = world.sql("SELECT attempts FROM dead_letters WHERE message = 'flood7'")
    assert copied["attempts"] > 1
    metrics = world.customer().http.get("/metrics").text
    dropped = next(line for line in metrics.splitlines() if line.startswith("dead_letters_dropped_total{"))
    assert float(dropped.rsplit(" ", 1)[1]) >= len(marks) + 1


@pytest.mark.parametrize(
    "fields",
    [
        {"event_id": "é" * 32},
        {"event_id": "a\nb"},
        {"payment_id": None},
        {"payment_id": ""},
        {"payment_id": "p" * 200},
        {"occurred_at": "2026-11-22T10:00:00.123456+02:00"},
        {"reason": "a customer's own words: \0 \n é 😀"},
        {"reason": "x" * 100_000},
        {"refund_id": "a refund's id on a capture"},
        {"a field of tomorrow": [1, 2, 3]},
    ],
    ids=lambda fields: f"{next(iter(fields))}={next(iter(fields.values()))!r:.20}",
)
def test_an_unusual_but_valid_event_counts(world: World, payment: Payment, fields: dict[str, Any]) -> None:
    ada = world.shopper()
    order = ada.place()
    if "event_id" in fields:
        fields = {"event_id": uuid.uuid4().hex + fields["event_id"]}
    payment.publish("captured", order["id"], **fields)
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    payment.wait_until_acknowledged()
    assert len(ledger(world, order["id"])) == 1
    assert not parked(world, order["id"])
