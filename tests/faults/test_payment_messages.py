"""Payment's messages over a bad network and among forgeries: in any order, the orders end in the status of a simple
sum, and forgeries have no effect and are kept (P5, P11).

`make test-faults` runs more of them; rules for single messages have their tests in tests/integration.
"""

import json
import uuid
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import pytest
import redis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.faults.conftest import kills
from tests.faults.forgeries import FORGERIES, TOTAL
from tests.support.fleet import RECOVERY_SECONDS, Fleet
from tests.support.payment import WAYS, Payment
from tests.support.world import World, eventually

CURRENCIES = ("EUR", "JPY", "KWD")
"""With two decimals, none and three: amounts on the wire are minor units all the same."""

HUGE = 2**53 - 1
WORDS = ("authorized", "failed", "voided", "unknown", "refund_failed")
MOMENTS = ("0001-01-02T00:00:00Z", "2026-11-22T10:00:00+14:00", "9999-12-30T00:00:00Z")


@dataclass(frozen=True)
class Story:
    """The messages about one order: valid events as (word, amount, moment), and forgeries by name."""

    events: Sequence[tuple[str, int, str]]
    forgeries: Sequence[str]

    def moved(self, word: str) -> int:
        return sum(amount for told, amount, _ in self.events if told == word)

    def payment_status(self) -> str:
        """Return the payment status by the contract ("States"), in the plainest form."""
        captured, refunded = self.moved("captured"), self.moved("refunded")
        if captured:
            if captured - refunded >= TOTAL:
                return "paid"
            if captured == refunded:
                return "refunded"
            return "partially_refunded" if refunded else "partially_paid"
        words = {word for word, _, _ in self.events}
        return next((word for word in ("voided", "authorized", "failed") if word in words), "unpaid")

    def order_statuses(self) -> set[str]:
        """Return the possible order statuses: once covered it is confirmed, and the order of captures and refunds is random."""
        if self.moved("captured") < TOTAL:
            return {"pending"}
        return {"pending", "confirmed"} if self.moved("refunded") else {"confirmed"}


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """Generate captures in parts, of up to much more than the total; refunds that they cover; events without an amount;
    forgeries.
    """
    captures = draw(st.lists(st.sampled_from([1, 700, TOTAL - 1, TOTAL, HUGE]), max_size=3))
    refunds, left = [], sum(captures)
    for wish in draw(st.lists(st.sampled_from([1, 700, TOTAL, HUGE]), max_size=2)):
        if amount := min(wish, left):
            refunds.append(amount)
            left -= amount
    words = draw(st.lists(st.sampled_from(WORDS), max_size=3))
    messages = [*(("captured", a) for a in captures), *(("refunded", a) for a in refunds), *((w, TOTAL) for w in words)]
    events = [(word, amount, draw(st.sampled_from(MOMENTS))) for word, amount in messages]
    return Story(events, draw(st.lists(st.sampled_from(sorted(FORGERIES)), max_size=4)))


@dataclass(frozen=True)
class Plot:
    """An order's story as published: its valid events by id, its forgeries by a mark that they carry."""

    order_id: str
    story: Story
    true: dict[str, bytes]
    false: dict[str, bytes]


def plot(world: World, payment: Payment, story: Story, currency: str) -> Plot:
    """Place an order for this story."""
    order_id = world.customer([(world.product(price=TOTAL // 2, currency=currency), 2)], currency).place()["id"]
    true, false = {}, {}
    for word, amount, at in story.events:
        message = payment.event(word, order_id, amount, currency=currency, occurred_at=at)
        true[message["event_id"]] = json.dumps(message).encode()
    for name in story.forgeries:
        mark = uuid.uuid4().hex
        false[mark] = FORGERIES[name](payment, payment.event("captured", order_id, currency=currency, reason=mark))
    return Plot(order_id, story, true, false)


def copies(plots: Sequence[Plot], rng: Random) -> list[bytes]:
    """Return one to three copies of every message, in random order."""
    once = [raw for each in plots for raw in (*each.true.values(), *each.false.values())]
    all_copies = [raw for raw in once for _ in range(rng.randint(1, 3))]
    rng.shuffle(all_copies)
    return all_copies


def check(world: World, payment: Payment, plots: Sequence[Plot]) -> None:
    """Check that, once all messages are handled, each order has its valid events, each once, and the status of their
    sum, and that each forgery is kept.
    """
    payment.wait_until_acknowledged()
    marks = [mark for each in plots for mark in each.false]
    unburied = "SELECT m FROM unnest(%s::text[]) m WHERE NOT EXISTS (SELECT FROM dead_letters WHERE message LIKE '%%' || m || '%%')"
    eventually(lambda: not world.sql(unburied, marks), "every forgery to be a dead letter", RECOVERY_SECONDS)
    wanted = {each.order_id: sorted(each.true) for each in plots}
    eventually(lambda: counted(world, wanted) == wanted, "every valid event to be counted once", RECOVERY_SECONDS)
    for each in plots:
        (order,) = world.sql("SELECT status, payment_status FROM orders WHERE id = %s", each.order_id)
        assert order["payment_status"] == each.story.payment_status(), each
        assert order["status"] in each.story.order_statuses(), each


def counted(world: World, ids: Collection[str]) -> dict[str, list[str]]:
    """Return the ids of the counted events of these orders."""
    rows = world.sql("SELECT order_id::text, event_id FROM payment_events WHERE order_id = ANY(%s::uuid[])", list(ids))
    return {order_id: sorted(row["event_id"] for row in rows if row["order_id"] == order_id) for order_id in ids}


@pytest.fixture
def payment(world: World) -> Iterator[Payment]:
    """Yield Payment, played by the test; the sandbox's own ignores its commands meanwhile."""
    with redis.Redis.from_url(world.stack.environment["REDIS_URL"]) as bus:
        yield Payment(world, bus)


@settings(
    max_examples=min(10 * kills(), 300),
    deadline=None,  # the duration is that of real servers
    database=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(told=st.tuples(*(stories() for _ in CURRENCIES)), chance=st.randoms(use_true_random=False))
def test_orders_end_in_the_status_of_the_sum_of_their_valid_events(
    world: World, payment: Payment, told: tuple[Story, ...], chance: Random
) -> None:
    with world.sandbox.fault("payment", kind="deaf"):
        plots = [plot(world, payment, *each) for each in zip(told, CURRENCIES, strict=True)]
        for raw in copies(plots, chance):
            payment.send(raw, chance.choice(WAYS))
        check(world, payment, plots)


def test_events_published_while_no_server_runs_count_after_a_restart(
    fleet: Fleet, world: World, payment: Payment, rng: Random
) -> None:
    with world.sandbox.fault("payment", kind="deaf"):
        plots = many_plots(world, payment, rng)
        for server in fleet.servers:
            server.ask_to_stop()
        for server in fleet.servers:
            server.stop()
        for raw in copies(plots, rng):
            payment.send(raw)
        for server in fleet.servers:
            server.start()
        fleet.wait_until_ready()
        check(world, payment, plots)


def test_events_published_while_one_of_two_servers_is_killed_count_once(
    fleet: Fleet, world: World, payment: Payment, rng: Random
) -> None:
    server = rng.choice(fleet.servers)
    with world.sandbox.fault("payment", kind="deaf"):
        plots = many_plots(world, payment, rng)
        messages = copies(plots, rng)
        dies_at = rng.randrange(len(messages))
        for number, raw in enumerate(messages):
            if number == dies_at:
                server.kill()
            payment.send(raw, "stream")
        server.start_and_wait()
        check(world, payment, plots)


def many_plots(world: World, payment: Payment, rng: Random) -> list[Plot]:
    """Return orders paid in parts, some below and some above the total, with every forgery among them; none expires meanwhile."""
    names = list(FORGERIES)
    rng.shuffle(names)
    stories = []
    for first in range(0, len(names), 3):
        parts = rng.choice([[TOTAL], [TOTAL - 1, 1], [700, 1300], [700], [TOTAL, 700]])
        events = [("captured", part, rng.choice(MOMENTS)) for part in parts]
        stories.append(Story([*events, ("authorized", TOTAL, rng.choice(MOMENTS))], names[first : first + 3]))
    plots = [plot(world, payment, story, rng.choice(CURRENCIES)) for story in stories]
    ids = [each.order_id for each in plots]
    world.sql("UPDATE orders SET expires_at = now() + interval '1 hour' WHERE id = ANY(%s::uuid[])", ids)
    return plots
