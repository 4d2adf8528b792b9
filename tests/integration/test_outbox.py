"""Effects of a commit take place exactly once, whichever of worker, Cart, Product and Redis is unavailable for a while."""

import base64
import json
import time
from contextlib import closing
from datetime import UTC, datetime
from functools import partial
from typing import Any

import psycopg
import pytest
import redis
from psycopg.types.json import Jsonb

from tests.support.fleet import Server
from tests.support.payment import COMMANDS, EVENTS, GROUP, ORDERS, Payment
from tests.support.processes import frozen, process
from tests.support.records import (
    clears,
    dead_letters,
    expire,
    hold,
    make_effects_due,
    pay,
    product_of,
    until_done,
    until_requested,
    until_stock_is,
    waiting,
)
from tests.support.world import Person, World, eventually

RECOVERY_SECONDS = 30
"""Promise P10."""

LEASE_SECONDS = 20
"""The lease of a row that a process has claimed or written."""

CLAIM = "SELECT * FROM claim_outbox(20, true, true, 200)"
BACKLOG = """
    INSERT INTO outbox (order_id, kind, lane, payload, request_id, available_at)
    SELECT gen_random_uuid(), 'publish', 'events', '{}', 'r', now() FROM generate_series(1, 10000)"""
"""Ten thousand events of orders that do not exist, which only a commit would refuse."""


def attempts(world: World, order_id: str, kind: str) -> int:
    """Return the attempts at the order's rows of this kind; with several rows, the fewest."""
    (row,) = world.sql("SELECT min(attempts) AS min FROM outbox WHERE order_id = %s AND kind = %s", order_id, kind)
    return int(row["min"])


def until_tried(world: World, order_id: str, kind: str, times: int = 1) -> None:
    """Wait until the order's row of this kind has been leased so often, first by its insert; a lease precedes the call."""
    eventually(lambda: attempts(world, order_id, kind) >= times, f"attempt {times} at {kind}")


def faults_shown(world: World, neighbour: str, kind: str) -> int:
    """Return how often this neighbour has applied a fault of this kind."""
    return int(world.sandbox.ledger(neighbour)["faults"].get(kind, 0))


def until_fault_shown(world: World, neighbour: str, kind: str, before: int) -> None:
    """Wait until it has applied one fault more than `before`."""
    eventually(lambda: faults_shown(world, neighbour, kind) > before, f"{neighbour} to show {kind}")


def queued_rows(queue: "redis.Redis") -> list[int]:
    """Return the outbox rows named in the jobs in Celery's queue."""
    jobs: Any = [json.loads(base64.b64decode(json.loads(job)["body"])) for job in queue.lrange("celery", 0, -1)]
    return [row for arguments, *_ in jobs for ids in arguments for row in ids]


def until_jobs_stay(world: World, queue: "redis.Redis") -> None:
    """Place orders until a job stays in the queue of a frozen worker: if it was waiting, it still takes one."""

    def stays() -> bool:
        world.shopper().place()
        return bool(queue.llen("celery"))

    eventually(stays, "a job to stay in the queue")


def all_carts_due(world: World) -> None:
    """Make all carts due that are still to be cleared."""
    for each in world.sql("SELECT DISTINCT order_id::text FROM outbox WHERE kind = 'clear_cart'"):
        make_effects_due(world, each["order_id"])


def add_message(world: World, order_id: str, type_: str, *, lane: str = "events", due: str = "now()") -> None:
    """Write a message into the outbox as a transition of the order would."""
    message = {
        "order_id": order_id,
        "type": type_,
        "event_id": f"{order_id[:8]} {type_}",
        "occurred_at": "2026-01-01T00:00:00Z",
    }
    blank = dict.fromkeys(("payment_id", "amount_minor", "currency", "refund_id", "reason"))
    payload = {"messages": [{"name": ORDERS, "message": {**message, **blank}}]}
    with psycopg.connect(world.stack.postgres.url, autocommit=True) as connection:
        connection.execute(
            f"INSERT INTO outbox (order_id, kind, lane, payload, request_id, available_at)"
            f" VALUES (%s, 'publish', %s, %s, 'r-1', {due})".encode(),
            [order_id, lane, Jsonb(payload)],
        )


def test_while_the_worker_is_down_orders_are_placed_and_paid_and_their_carts_wait(world: World) -> None:
    ada = world.shopper()
    with frozen(process(world, "worker")):
        order = ada.place()
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
        eventually(lambda: waiting(world, order["id"]) == ["clear_cart", "commit_stock"], "the messages to be sent")
        assert clears(world, order["id"])["heard"] == 0
        assert hold(world, order["id"])["state"] == "HELD"
    until_done(world, order["id"])
    assert clears(world, order["id"])["in_effect"] == 1
    assert hold(world, order["id"])["commits"] == 1


def test_a_job_lost_by_the_queue_is_queued_again(world: World) -> None:
    ada, eve = world.shopper(), world.shopper()
    with frozen(process(world, "worker")), redis.Redis.from_url(world.stack.environment["CELERY_BROKER_URL"]) as queue:
        until_jobs_stay(world, queue)
        order = ada.place()
        (row,) = world.sql("SELECT id FROM outbox WHERE order_id = %s AND kind = 'clear_cart'", order["id"])
        eventually(lambda: row["id"] in queued_rows(queue), "the job to be queued")
        queue.delete("celery")
    later = eve.place()
    until_done(world, later["id"])  # the worker runs again
    assert (waiting(world, order["id"]), clears(world, order["id"])["heard"]) == (["clear_cart"], 0)
    make_effects_due(world, order["id"])  # its lease would end after 20 s
    until_done(world, order["id"])
    assert clears(world, order["id"]) == {"heard": 1, "in_effect": 1}
    all_carts_due(world)


def test_a_job_is_queued_again_within_seconds_after_the_longest_outage_too_and_its_old_copies_expire(
    world: World,
) -> None:
    ada = world.shopper()
    with frozen(process(world, "worker")), redis.Redis.from_url(world.stack.environment["CELERY_BROKER_URL"]) as queue:
        until_jobs_stay(world, queue)
        order = ada.place()
        (row,) = world.sql("SELECT id FROM outbox WHERE order_id = %s AND kind = 'clear_cart'", order["id"])
        eventually(lambda: row["id"] in queued_rows(queue), "the job to be queued")
        world.sql("UPDATE outbox SET attempts = 1000, available_at = now() WHERE order_id = %s", order["id"])
        until_tried(world, order["id"], "clear_cart", 1001)
        (row,) = world.sql(
            "SELECT id, extract(epoch FROM available_at - now())::float AS pause FROM outbox"
            " WHERE order_id = %s AND kind = 'clear_cart'",
            order["id"],
        )
        assert row["pause"] <= RECOVERY_SECONDS - 5
        eventually(lambda: queued_rows(queue).count(row["id"]) == 2, "the job to be queued a second time")
        jobs = [json.loads(job) for job in queue.lrange("celery", 0, -1)]
    lives = [datetime.fromisoformat(job["headers"]["expires"]) - datetime.now(UTC) for job in jobs]
    assert max(life.total_seconds() for life in lives) <= row["pause"] + 2, "a copy ends when the next one is made"
    all_carts_due(world)
    until_done(world, order["id"])
    assert clears(world, order["id"])["in_effect"] == 1


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "value": 503}, {"kind": "reset"}, {"kind": "status", "value": 400}]
)
def test_a_cart_that_could_not_be_cleared_is_cleared_later_and_once(world: World, fault: dict[str, Any]) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", call="clear", **fault):
        before = faults_shown(world, "cart", fault["kind"])
        order = ada.place()
        until_fault_shown(world, "cart", fault["kind"], before)
        make_effects_due(world, order["id"])
        until_fault_shown(world, "cart", fault["kind"], before + 1)
        assert clears(world, order["id"])["in_effect"] == 0
    make_effects_due(world, order["id"])
    until_done(world, order["id"])
    assert clears(world, order["id"])["in_effect"] == 1


def test_a_clear_whose_response_was_lost_is_repeated_and_clears_once(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", call="clear", kind="status", value=500, after=True, times=1):
        order = ada.place()
        eventually(lambda: clears(world, order["id"])["in_effect"] == 1, "the cart to be cleared")
        world.sandbox.put_cart(ada.id, [{"product_id": product_of(order), "quantity": 1}])
    until_done(world, order["id"])
    assert clears(world, order["id"]) == {"heard": 2, "in_effect": 1}
    assert world.sandbox.ledger("cart")["carts"][ada.id]["items"] != []


@pytest.mark.parametrize(
    "fault", [{"kind": "status", "value": "INTERNAL"}, {"kind": "unavailable_before"}, {"kind": "unavailable_after"}]
)
def test_stock_that_could_not_be_committed_is_committed_later_and_once(world: World, fault: dict[str, Any]) -> None:
    ada = world.shopper()
    order = ada.place()
    before = faults_shown(world, "product", fault["kind"])
    with world.sandbox.fault("product", call="CommitStock", **fault):
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
        until_fault_shown(world, "product", fault["kind"], before)
    make_effects_due(world, order["id"])
    until_done(world, order["id"])
    assert (hold(world, order["id"])["state"], hold(world, order["id"])["commits"]) == ("COMMITTED", 1)
    assert ada.order(order["id"])["status"] == "confirmed"


def test_stock_that_could_not_be_released_is_released_later(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    before = faults_shown(world, "product", "unavailable_before")
    with world.sandbox.fault("product", call="ReleaseStock", kind="unavailable_before"):
        expire(world, order["id"])
        ada.order_becomes(order["id"], status="expired")
        until_fault_shown(world, "product", "unavailable_before", before)
        assert hold(world, order["id"])["state"] == "HELD"
    make_effects_due(world, order["id"])
    until_stock_is(world, order["id"], "RELEASED")


def test_units_whose_restock_response_was_lost_are_restocked_once(world: World) -> None:
    ada = world.shopper(stock=10)
    order = ada.place()
    pay(world, order["id"])
    until_stock_is(world, order["id"], "COMMITTED")
    with world.sandbox.fault("product", call="RestockItems", kind="unavailable_after", times=2):
        assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
        eventually(lambda: not world.sandbox.armed("product"), "the answers to be lost")
        assert world.stock(product_of(order))["available"] == 10
    make_effects_due(world, order["id"])
    until_done(world, order["id"])
    assert world.stock(product_of(order))["available"] == 10
    assert dead_letters(world, order["id"]) == []


def test_a_failing_effect_of_one_order_delays_no_other_order(world: World) -> None:
    ada, bob = world.shopper(), world.shopper()
    with world.sandbox.fault("product", call="CommitStock", kind="hang", times=1):
        first = ada.place()
        pay(world, first["id"])
        ada.order_becomes(first["id"], status="confirmed")
        eventually(lambda: world.sandbox.ledger("product")["faults"].get("hang"), "the commit to hang")
        second = bob.place()
        pay(world, second["id"])
        until_stock_is(world, second["id"], "COMMITTED")
    make_effects_due(world, first["id"])
    until_stock_is(world, first["id"], "COMMITTED")


def test_rows_of_one_order_and_lane_take_effect_in_the_order_they_were_written(world: World, payment: Payment) -> None:
    ada, bob = world.shopper(), world.shopper()
    order, other = ada.place(), bob.place()
    for each in (order, other):
        until_done(world, each["id"])
    add_message(world, order["id"], "first", due="now() + interval '1 hour'")
    add_message(world, order["id"], "second")
    add_message(world, order["id"], "third")
    add_message(world, order["id"], "beside", lane="elsewhere")
    add_message(world, other["id"], "later")
    eventually(lambda: "later" in payment.types(ORDERS, other["id"]), "the last row, of another order")
    eventually(lambda: "beside" in payment.types(ORDERS, order["id"]), "the row in another lane")
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "beside"]
    make_effects_due(world, order["id"])
    until_done(world, order["id"])
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "beside", "first", "second", "third"]


def test_a_row_that_another_relay_is_claiming_delays_no_other_row_and_is_left_to_it(
    world: World, payment: Payment
) -> None:
    order, other = world.shopper().place(), world.shopper().place()
    for each in (order, other):
        until_done(world, each["id"])
    add_message(world, order["id"], "claimed", due="now() + interval '2 seconds'")
    with psycopg.connect(world.stack.postgres.url) as relay:
        relay.execute("SELECT FROM outbox WHERE order_id = %s FOR UPDATE", [order["id"]])
        is_due = "SELECT id FROM outbox WHERE order_id = %s AND available_at < now()"
        eventually(lambda: world.sql(is_due, order["id"]), "the row to be due")
        add_message(world, other["id"], "beside")
        eventually(lambda: "beside" in payment.types(ORDERS, other["id"]), "the other row to be taken")
        assert waiting(world, order["id"]) == ["publish"]
        assert "claimed" not in payment.types(ORDERS, order["id"])
    until_done(world, order["id"])
    assert payment.types(ORDERS, order["id"]) == ["order.placed", "claimed"]


def test_a_row_that_failed_for_too_long_becomes_a_dead_letter_with_its_content(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", call="clear", kind="status", value=503):
        before = faults_shown(world, "cart", "status")
        order = ada.place()
        until_fault_shown(world, "cart", "status", before)
        world.sql(
            "UPDATE outbox SET created_at = now() - interval '25 hours', available_at = now() WHERE order_id = %s",
            order["id"],
        )
        until_done(world, order["id"])
    (letter,) = [each for each in dead_letters(world, order["id"]) if each["source"] == "outbox"]
    assert str(letter["order_id"]) == order["id"]
    assert "503" in letter["reason"]
    content = json.loads(letter["message"])
    assert (content["kind"], content["payload"]["customer_id"]) == ("clear_cart", ada.id)
    assert clears(world, order["id"])["in_effect"] == 0


def test_a_row_that_failed_for_a_short_time_is_kept(world: World) -> None:
    ada = world.shopper()
    with world.sandbox.fault("cart", call="clear", kind="status", value=503):
        before = faults_shown(world, "cart", "status")
        order = ada.place()
        until_fault_shown(world, "cart", "status", before)
        world.sql(
            "UPDATE outbox SET created_at = now() - interval '23 hours', available_at = now() WHERE order_id = %s",
            order["id"],
        )
        until_fault_shown(world, "cart", "status", before + 1)
    make_effects_due(world, order["id"])
    eventually(lambda: clears(world, order["id"])["in_effect"] == 1, "the cart to be cleared")
    assert dead_letters(world, order["id"]) == []


def test_the_effects_of_a_checkout_take_place_long_before_the_lease_of_their_rows_ends(world: World) -> None:
    order_id = world.shopper().place()["id"]
    until_done(world, order_id, LEASE_SECONDS / 2)
    assert clears(world, order_id)["in_effect"] == 1


def test_what_a_killed_process_had_taken_over_takes_effect_once_within_half_a_minute(
    world: World, payment: Payment
) -> None:
    doomed = Server("doomed", world.stack, world.stack.environment)
    try:
        doomed.start_and_wait()
        with frozen(world.stack.redis.process), closing(World(world.stack, doomed.url, world.sandbox)) as elsewhere:
            order = elsewhere.shopper().place()
            doomed.kill()
    finally:
        doomed.stop()
    leases = "SELECT attempts, available_at - created_at > interval '19 s' AS leased FROM outbox WHERE order_id = %s"
    assert world.sql(leases, order["id"]) == [{"attempts": 1, "leased": True}] * 3
    until_done(world, order["id"], RECOVERY_SECONDS)
    assert payment.types(COMMANDS, order["id"]) == ["payment.requested"]
    assert payment.types(ORDERS, order["id"]) == ["order.placed"]
    assert clears(world, order["id"])["in_effect"] == 1


# --- faults of Redis itself -------------------------------------------------------------------------------------------
def everything_works(world: World, payment: Payment) -> None:
    """Check that orders placed now are requested, cleared, confirmed by channel and by stream, and sold, in time."""
    for via in ("channel", "stream"):
        ada, admin = world.shopper(), world.admin()
        order_id = ada.place()["id"]
        until_requested(world, order_id, RECOVERY_SECONDS)
        payment.publish("captured", order_id, via=via)
        confirmed = partial(_is_confirmed, admin, order_id)
        eventually(confirmed, f"the capture to be received on the {via}", RECOVERY_SECONDS)
        until_done(world, order_id, RECOVERY_SECONDS)
        assert clears(world, order_id)["in_effect"] == 1
        assert hold(world, order_id)["commits"] == 1


def _is_confirmed(person: Person, order_id: str) -> bool:
    return bool(person.order(order_id)["status"] == "confirmed")


def test_the_service_recovers_after_redis_lost_its_data(world: World, payment: Payment) -> None:
    ada = world.shopper()
    order = ada.place()
    until_done(world, order["id"])
    payment.bus.flushall()
    payment.publish("captured", order["id"], via="stream")  # published before the service finds its group gone
    ada.order_becomes(order["id"], status="confirmed")
    everything_works(world, payment)


def test_while_redis_is_unavailable_orders_are_placed_and_their_effects_follow(world: World, payment: Payment) -> None:
    people = [world.shopper() for _ in range(5)]
    early = world.shopper().place()
    until_done(world, early["id"])
    world.stack.redis.stop()
    try:
        answers = [person.checkout() for person in people]
        assert [answer.status_code for answer in answers] == [201] * len(people)
        assert max(answer.elapsed.total_seconds() for answer in answers) < 1
        orders = [answer.json() for answer in answers]
        for order in orders:
            for kind in ("publish", "clear_cart"):
                until_tried(world, order["id"], kind, 2)
    finally:
        world.stack.redis.start()
    payment.publish("captured", early["id"], via="stream")  # published before the service has joined its group again
    world.admin().order_becomes(early["id"], status="confirmed")
    for order in (early, *orders):
        until_done(world, order["id"], RECOVERY_SECONDS)
    for order in orders:
        assert clears(world, order["id"])["in_effect"] == 1
        assert payment.types(COMMANDS, order["id"]) == ["payment.requested"]
        until_requested(world, order["id"])
        pay(world, order["id"])
    for person, order in zip(people, orders, strict=True):
        person.order_becomes(order["id"], status="confirmed", payment_status="paid")
    everything_works(world, payment)
    groups: Any = payment.bus.xinfo_groups(EVENTS)
    assert [group["name"] for group in groups] == [GROUP.encode()]


@pytest.mark.parametrize("statistics", ["as they are", "of an empty table"])
def test_a_backlog_is_claimed_in_no_time_by_a_session_that_has_claimed_from_an_empty_table(
    world: World, statistics: str
) -> None:
    with psycopg.connect(world.stack.postgres.url, prepare_threshold=0) as session:
        session.execute("LOCK TABLE outbox IN EXCLUSIVE MODE")  # other relays wait, and the rows are never committed
        for _ in range(10):  # after some calls PostgreSQL keeps the plan
            session.execute(CLAIM).fetchall()
        if statistics == "of an empty table":
            session.execute("UPDATE pg_class SET reltuples = 0, relpages = 900 WHERE relname = 'outbox'")
        session.execute(BACKLOG)
        begin = time.monotonic()
        claimed = [len(session.execute(CLAIM).fetchall()) for _ in range(3)]
        seconds = time.monotonic() - begin
        session.rollback()
    assert claimed == [200] * 3
    assert seconds < 0.5
