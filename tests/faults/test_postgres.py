"""PostgreSQL that stops, terminates all connections, and falls silent between a commit and its response (P1, P2, P9, P10)."""

import signal
import time
import uuid
from random import Random

import httpx
import pytest

from tests.support.checkout_load import BUDGET_SECONDS, Client, Load
from tests.support.fleet import Fleet
from tests.support.invariants import check_at_rest
from tests.support.world import Person, World


@pytest.mark.long
def test_no_order_is_lost_when_postgresql_crashes_and_restarts(fleet: Fleet, world: World, rng: Random) -> None:
    server = fleet.stack.postgres
    with Load(world, fleet.urls, rng) as load:
        load.run(rng.uniform(0.5, 1.5))
        server.process.kill(signal.SIGQUIT)  # an "immediate shutdown": the next start recovers as after a crash
        load.run(2)
        server.start()
        load.run(1)
    load.check()


def test_no_order_is_lost_when_postgresql_repeatedly_terminates_all_connections(
    fleet: Fleet, world: World, rng: Random
) -> None:
    everyone = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'order-service'"
    ended = 0
    with Load(world, fleet.urls, rng) as load:
        for _ in range(5):
            load.run(rng.uniform(0.1, 0.5))
            ended += len(world.sql(everyone))
    assert ended
    load.check()


def test_a_checkout_whose_commit_gets_no_response_places_one_order(fleet: Fleet, world: World) -> None:
    ada, note = world.shopper(), str(uuid.uuid4())
    with fleet.postgres.losing_the_answer_to(note.encode()) as trap:
        answer = ada.checkout({"note": note}, key="k")
    assert trap.sprung.is_set()
    assert answer.status_code == 201, answer.text
    again = ada.checkout({"note": note}, key="k")
    assert (again.status_code, again.json()) == (201, answer.json())
    assert len(world.sql("SELECT id FROM orders WHERE customer_id = %s", ada.id)) == 1
    ada.order_becomes(answer.json()["id"], status="confirmed")
    check_at_rest(world, answer.json()["id"])
    assert world.sandbox.ledger("product", answer.json()["id"])["releases"] == 0


def test_a_checkout_with_a_coupon_whose_commit_gets_no_response_takes_one_use(fleet: Fleet, world: World) -> None:
    ada, note = world.shopper(), str(uuid.uuid4())
    once = world.coupon(usage_limit=1, per_customer_limit=1, first_order_only=True)
    with fleet.postgres.losing_the_answer_to(note.encode(), b"COMMIT") as trap:
        answer = ada.checkout({"note": note, "coupon_code": once}, key="k")
    assert trap.sprung.is_set()
    assert answer.status_code == 201, answer.text
    assert ada.checkout({"note": note, "coupon_code": once}, key="k").json() == answer.json()
    assert world.admin().get(f"/coupons/{once}").json()["times_used"] == 1
    ada.order_becomes(answer.json()["id"], status="confirmed")
    check_at_rest(world, answer.json()["id"])
    assert world.sandbox.ledger("product", answer.json()["id"])["releases"] == 0


def test_a_cancellation_whose_commit_gets_no_response_cancels_once(fleet: Fleet, world: World, client: Client) -> None:
    ada, reason = world.shopper(), str(uuid.uuid4())
    order_id = ada.place()["id"]
    with fleet.postgres.losing_the_answer_to(reason.encode(), b"COMMIT") as trap:
        answer = client.ask("POST", f"/orders/{order_id}/cancel", ("customer", ada.id), {"reason": reason})
    assert trap.sprung.is_set()
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")
    assert _trail(ada, order_id).count("order.cancelled") == 1
    check_at_rest(world, order_id)


def test_a_cancellation_succeeds_though_its_commit_gets_no_response(fleet: Fleet, world: World) -> None:
    ada, reason = world.shopper(), str(uuid.uuid4())
    order_id = ada.place()["id"]
    with fleet.postgres.losing_the_answer_to(reason.encode(), b"COMMIT"):
        answer = ada.post(f"/orders/{order_id}/cancel", {"reason": reason})
    assert (answer.status_code, answer.json()["status"]) == (200, "cancelled")


def test_a_payment_event_whose_commit_gets_no_response_counts_once(fleet: Fleet, world: World) -> None:
    ada, event_id = world.shopper(price=1000), str(uuid.uuid4())
    world.sandbox.payments(behaviour="manual")
    try:
        order_id = ada.place()["id"]
        with fleet.postgres.losing_the_answer_to(event_id.encode(), b"COMMIT") as trap:
            world.sandbox.pay(order_id, "capture", amount_minor=2000, currency="EUR", event_id=event_id)
            assert trap.sprung.wait(10)
        ada.order_becomes(order_id, status="confirmed", payment_status="paid")
    finally:
        world.sandbox.payments(behaviour="capture", capture_after=0.3)
    check_at_rest(world, order_id)
    assert _trail(ada, order_id).count("payment.paid") == 1
    assert world.sql("SELECT count(*) AS n FROM payment_events WHERE event_id = %s", event_id) == [{"n": 1}]


@pytest.mark.long
def test_every_response_comes_within_the_budget_while_postgresql_stalls(fleet: Fleet, world: World) -> None:
    ada = world.shopper()
    order_id = ada.place()["id"]
    with fleet.postgres.stalled("down"):
        reading = _timed(ada, "GET", f"/orders/{order_id}")
        placing = _timed(ada, "POST", "/orders", {"Idempotency-Key": "k"})
    assert (reading[0], placing[0]) == (503, 503)
    assert max(reading[1], placing[1]) < BUDGET_SECONDS, (reading, placing)


def _timed(person: Person, method: str, path: str, headers: dict[str, str] | None = None) -> tuple[int, float]:
    """Return status and seconds of a response; status 0 when none came within 20 s."""
    start = time.monotonic()
    try:
        status = person.http.request(method, f"/api/v1{path}", headers=headers, json={}).status_code
    except httpx.ReadTimeout:
        status = 0
    return status, time.monotonic() - start


def _trail(person: Person, order_id: str) -> list[str]:
    return [entry["type"] for entry in person.get(f"/orders/{order_id}/history").json()["results"]]
