"""Dead letters for admins: the list, page by page, and retries with their outcome in the list."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from tests.support import ids
from tests.support.payment import Payment, refund_requests, until_refunds_requested
from tests.support.records import dead_letters, hold, ledger, pay, refunds, until_done, until_stock_is, waiting
from tests.support.world import Person, World, eventually

PATH = "/admin/dead-letters"
FIELDS = {"id", "source", "reason", "message", "order_id", "attempts", "created_at"}


def shown(admin: Person, letter_id: str) -> dict[str, Any] | None:
    """Return the letter as it is listed, if it is among the newest."""
    results = admin.get(PATH, params={"limit": 100}).json()["results"]
    return next((letter for letter in results if letter["id"] == letter_id), None)


def letter_of(world: World, text: str) -> dict[str, Any]:
    """Wait for the dead letter that contains `text`, and return it."""
    (letter,) = eventually(lambda: dead_letters(world, text), "the dead letter")
    return letter


def retried(admin: Person, letter_id: str) -> None:
    """Request a retry, which must be accepted."""
    answer = admin.post(f"{PATH}/{letter_id}/retry")
    assert (answer.status_code, answer.json()) == (202, {"id": letter_id, "status": "retrying"})


def until_gone(admin: Person, letter_id: str) -> None:
    """Wait until the list no longer contains the letter."""
    eventually(lambda: shown(admin, letter_id) is None, "the letter to be deleted")


def until_tried(admin: Person, letter_id: str, attempts: int) -> dict[str, Any]:
    """Wait until the letter counts this number of attempts."""

    def look() -> dict[str, Any] | None:
        letter = shown(admin, letter_id)
        assert letter, "the letter must stay"
        return letter if letter["attempts"] == attempts else None

    return eventually(look, f"attempt {attempts}")


def test_the_list_shows_each_dead_letter_and_its_reason(world: World) -> None:
    order_id = str(uuid.uuid4())
    letter_id = world.dead_letter('{"a": "<b>&\u202e\U0001f600"}', order_id=order_id)
    letter = shown(world.admin(), letter_id)
    assert letter is not None
    assert letter.keys() == FIELDS
    assert letter["created_at"].endswith("Z")
    assert {**letter, "created_at": ""} == {
        "id": letter_id,
        "source": "payments.events",
        "reason": "a reason",
        "message": '{"a": "<b>&\u202e\U0001f600"}',
        "order_id": order_id,
        "attempts": 1,
        "created_at": "",
    }


def test_a_long_message_is_cut_and_one_that_is_no_utf_8_is_shown_as_text(world: World, payment: Payment) -> None:
    mark = uuid.uuid4().hex
    payment.send(mark.encode() + b"\xff\x00" + b"x" * 100_000)
    letter = letter_of(world, mark)
    message = (shown(world.admin(), str(letter["id"])) or {})["message"]
    assert message.startswith(f"{mark}\N{REPLACEMENT CHARACTER}\N{SYMBOL FOR NULL}xxx")
    assert len(message) == 4096


def test_the_list_is_paged_forth_and_back_newest_first(world: World) -> None:
    admin = world.admin()
    planted = [world.dead_letter() for _ in range(5)]
    first = admin.get(PATH, params={"limit": 2}).json()
    second = admin.http.get(first["next"]).json()
    third = admin.http.get(second["next"]).json()
    pages = [[letter["id"] for letter in page["results"]] for page in (first, second, third)]
    assert [*pages[0], *pages[1], pages[2][0]] == planted[::-1]
    assert first["previous"] is None
    assert [letter["id"] for letter in admin.http.get(second["previous"]).json()["results"]] == pages[0]


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 101}, {"cursor": "x"}, {"ordering": "total"}, {"source": "outbox"}], ids=str
)
def test_an_unknown_parameter_of_the_list_is_refused(world: World, query: dict[str, Any]) -> None:
    answer = world.admin().get(PATH, params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
    assert answer.json()["errors"][0]["pointer"] == f"/{next(iter(query))}"


def test_a_retry_with_a_body_is_refused(world: World) -> None:
    letter_id = world.dead_letter()
    answer = world.admin().post(f"{PATH}/{letter_id}/retry", {"now": True})
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("letter_id", [str(uuid.UUID(int=7)), "7", "x", "%00"])
def test_an_unknown_letter_is_404(world: World, letter_id: str) -> None:
    answer = world.admin().post(f"{PATH}/{letter_id}/retry")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")


def test_a_retried_message_that_is_usable_now_counts_and_its_letter_is_deleted(world: World, payment: Payment) -> None:
    """Its order was not placed in time."""
    ada, admin, key = world.shopper(), world.admin(), str(uuid.uuid4())
    order_id = ids.order_id(ada.id, key)
    payment.publish("captured", order_id)
    letter_id = str(letter_of(world, order_id)["id"])
    assert ada.checkout(key=key).json()["id"] == order_id
    retried(admin, letter_id)
    ada.order_becomes(order_id, status="confirmed", payment_status="paid")
    until_gone(admin, letter_id)
    assert len(ledger(world, order_id)) == 1
    assert admin.post(f"{PATH}/{letter_id}/retry").status_code == 404


def test_a_message_retried_twice_and_received_again_counts_once(world: World, payment: Payment) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    event = payment.event("captured", order["id"], 1000)
    letter_id = world.dead_letter(json.dumps(event), order_id=order["id"])
    payment.send(event)
    assert admin.post(f"{PATH}/{letter_id}/retry").status_code == 202
    # 404 when a subscriber has handled the first retry before the second arrives.
    assert admin.post(f"{PATH}/{letter_id}/retry").status_code in (202, 404)
    until_gone(admin, letter_id)
    assert ada.order_becomes(order["id"], payment_status="partially_paid")["status"] == "pending"
    assert len(ledger(world, order["id"])) == 1


@pytest.mark.parametrize(
    ("why", "fault"),
    [
        ("signature", {"signature": "0" * 64}),
        ("no order of this id", {"order_id": str(uuid.UUID(int=7))}),
        ("the event in USD", {"currency": "USD"}),
    ],
)
def test_a_message_that_fails_again_stays_and_counts_the_attempt(
    world: World, payment: Payment, why: str, fault: dict[str, str]
) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    event = payment.sign({**payment.event("captured", order["id"]), **fault}) | fault
    letter_id = world.dead_letter(json.dumps(event))
    for attempts in (2, 3):
        retried(admin, letter_id)
        letter = until_tried(admin, letter_id, attempts)
        assert why in letter["reason"]
    assert ledger(world, order["id"]) == []
    assert world.sql("SELECT 1 FROM payment_events WHERE event_id = %s", event["event_id"]) == [], "it isn't parked"


def test_a_failing_letter_delays_no_other(world: World, payment: Payment) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    bad = [world.dead_letter("{" * 10), world.dead_letter("[" * 60_000), world.dead_letter('"\\ud800"')]
    good = world.dead_letter(json.dumps(payment.event("captured", order["id"])))
    for letter_id in (*bad, good):
        retried(admin, letter_id)
    until_gone(admin, good)
    for letter_id in bad:
        until_tried(admin, letter_id, 2)


def test_a_failed_retry_counts_once_though_two_processes_try_it(world: World, second_world: World) -> None:
    letter_id, url = world.dead_letter("{"), world.stack.postgres.url
    waiting = "SELECT 1 FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ILIKE %s"
    with ThreadPoolExecutor(1) as thread, psycopg.connect(url) as marking, psycopg.connect(url) as holding:
        marking.execute("UPDATE dead_letters SET retrying = true WHERE id = %s", [letter_id])
        held = thread.submit(holding.execute, "SELECT id FROM dead_letters WHERE id = %s FOR UPDATE", [letter_id])
        eventually(lambda: world.sql(waiting, "SELECT id FROM dead_letters%"), "the row to be next in line")
        marking.commit()
        held.result()
        eventually(lambda: len(world.sql(waiting, "UPDATE%dead_letters%")) > 1, "both processes to have tried it")
    eventually(lambda: not world.sql(waiting, "UPDATE%dead_letters%"), "both failures in the logs")
    until_tried(second_world.admin(), letter_id, 2)


def dead_letter_of_effect(world: World, order_id: str) -> dict[str, Any]:
    """Return the dead letter of the order's effect, after a day of failures."""
    world.sql(
        "UPDATE outbox SET created_at = now() - interval '25 hours', available_at = now() WHERE order_id = %s", order_id
    )
    until_done(world, order_id)
    (letter,) = [each for each in dead_letters(world, order_id) if each["source"] == "outbox"]
    return letter


def test_a_retried_effect_is_done_and_its_letter_is_deleted(world: World) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    until_done(world, order["id"])
    with world.sandbox.fault("product", call="CommitStock", kind="status", value="INTERNAL"):
        pay(world, order["id"])
        ada.order_becomes(order["id"], status="confirmed")
        eventually(lambda: waiting(world, order["id"]) == ["commit_stock"], "the commit to fail")
        letter = dead_letter_of_effect(world, order["id"])
        retried(admin, str(letter["id"]))
        retried(admin, str(letter["id"]))
        assert waiting(world, order["id"]) == ["commit_stock"], "two retries are one"
        assert shown(admin, str(letter["id"])), "the letter stays until the retry succeeds"
    until_stock_is(world, order["id"], "COMMITTED")
    until_gone(admin, str(letter["id"]))
    assert hold(world, order["id"])["commits"] == 1


def test_a_retried_effect_that_fails_permanently_returns_to_the_same_letter(world: World) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    until_done(world, order["id"])
    with world.sandbox.fault("product", call="ReleaseStock", kind="status", value="INTERNAL"):
        assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
        eventually(lambda: waiting(world, order["id"]) == ["release_stock"], "the release to fail")
        letter = dead_letter_of_effect(world, order["id"])
        retried(admin, str(letter["id"]))
        assert dead_letter_of_effect(world, order["id"])["id"] == letter["id"]
        assert until_tried(admin, str(letter["id"]), 2)["source"] == "outbox"
    retried(admin, str(letter["id"]))
    until_stock_is(world, order["id"], "RELEASED")
    until_gone(admin, str(letter["id"]))


def test_a_retried_refund_is_requested_again_and_its_letter_is_deleted_once_it_is_made(
    world: World, payment: Payment
) -> None:
    ada, admin = world.shopper(), world.admin()
    order = ada.place()
    with world.sandbox.fault("payment", kind="deaf", call="payment.refund_requested"):
        payment.publish("captured", order["id"], 2500)
        until_refunds_requested(payment, order["id"], 1)
        refund_id = refund_requests(payment, order["id"])[0]["refund_id"]
        world.sql("UPDATE refunds SET attempts = 5 WHERE id = %s", refund_id)
        payment.publish("refund_failed", order["id"], 500, refund_id=refund_id)
        letter = letter_of(world, refund_id)
        assert (letter["source"], refunds(world, order["id"])[0]["status"]) == ("refunds", "failed")
        for times in (2, 3):
            retried(admin, str(letter["id"]))
            until_refunds_requested(payment, order["id"], times)
        assert {request["refund_id"] for request in refund_requests(payment, order["id"])} == {refund_id}
        assert shown(admin, str(letter["id"]))
        payment.publish("refunded", order["id"], 500, refund_id=refund_id)
        until_gone(admin, str(letter["id"]))
        assert refunds(world, order["id"])[0]["status"] == "refunded"
