"""Payment events in any order, number and transport: the order ends in the status of a simple sum."""

from collections.abc import Sequence
from dataclasses import dataclass

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.support.payment import WAYS, Message, Payment
from tests.support.records import ledger
from tests.support.world import World, eventually

TOTAL = 2000


@dataclass(frozen=True)
class Event:
    """A payment event: `minute` is its time, `refund` the number of the refund that it is about."""

    word: str
    amount: int
    refund: int | None = None
    minute: int = 0


@dataclass(frozen=True)
class Publication:
    """Events, and the order and transport of each copy."""

    events: Sequence[Event]
    copies: Sequence[tuple[int, str]]

    def sum(self, word: str) -> int:
        """Return the sum of a type of event; a refund that failed later moved nothing."""
        failed = {(event.refund, event.minute) for event in self.events if event.word == "refund_failed"}
        return sum(
            event.amount
            for event in self.events
            if event.word == word and not any(id_ == event.refund and at > event.minute for id_, at in failed)
        )


@st.composite
def publications(draw: st.DrawFn) -> Publication:
    """Generate captures of up to twice the total, refunds of no more than was captured, some of which failed before or
    after, and events without an amount.

    Each event is published at least once.
    """
    captures = draw(st.lists(st.sampled_from([1, 500, 1500, TOTAL]), max_size=3))
    refunds, left = [], sum(captures)
    for wish in draw(st.lists(st.sampled_from([1, 500, TOTAL, 2 * TOTAL]), max_size=3)):
        if amount := min(wish, left):
            refunds.append(amount)
            left -= amount
    words = draw(st.lists(st.sampled_from(["authorized", "failed", "voided"]), max_size=3))
    events = [Event("captured", amount) for amount in captures]
    for number, amount in enumerate(refunds):
        events.append(Event("refunded", amount, number, minute=1))
        events += [
            Event("refund_failed", amount, number, minute)
            for minute in draw(st.lists(st.sampled_from([0, 1, 2]), max_size=1))
        ]
    events += [Event(word, TOTAL) for word in words]
    again = draw(st.lists(st.sampled_from(range(len(events))), max_size=6)) if events else []
    order = draw(st.permutations([*range(len(events)), *again]))
    return Publication(events, [(index, draw(st.sampled_from(WAYS))) for index in order])


def expected_status(captured: int, refunded: int, words: set[str]) -> str:
    """Return the payment status by the contract ("States"), in the plainest form."""
    kept = captured - refunded
    if captured and kept >= TOTAL:
        return "paid"
    if captured and not kept:
        return "refunded"
    if captured:
        return "partially_refunded" if refunded else "partially_paid"
    return next((word for word in ("voided", "authorized", "failed") if word in words), "unpaid")


@settings(
    max_examples=20,
    deadline=None,  # the duration is that of real servers
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(telling=publications())
def test_payment_events_have_the_same_result_in_any_order_transport_and_number(
    world: World, second_world: World, payment: Payment, telling: Publication
) -> None:
    ada = world.shopper()
    order = ada.place()
    events: list[Message] = [
        payment.event(
            event.word,
            order["id"],
            event.amount,
            refund_id=None if event.refund is None else f"{event.refund} of {order['id']}",
            occurred_at=f"2026-11-22T10:0{event.minute}:00Z",
        )
        for event in telling.events
    ]
    with world.sandbox.fault("payment", kind="deaf"):  # the refunds that the service requests have tests of their own
        for index, way in telling.copies:
            payment.send(events[index], way)
        payment.wait_until_acknowledged()
        eventually(lambda: len(ledger(world, order["id"])) >= len(events), "every event to be counted")
        counted = ledger(world, order["id"])
        after = second_world.person("customer", ada.id).order(order["id"])

    assert sorted(row["event_id"] for row in counted) == sorted(event["event_id"] for event in events)
    captured, refunded = telling.sum("captured"), telling.sum("refunded")
    words = {event.word for event in telling.events}
    assert after["payment_status"] == expected_status(captured, refunded, words)
    if captured < TOTAL:
        assert after["status"] == "pending"
    if captured >= TOTAL and "refunded" not in words:
        assert after["status"] == "confirmed"
