"""Idempotency-Key (contract: REST API, `POST /orders`): one key makes one order, and every response to it is the same."""

import json
import uuid
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.problem import problem, refused_input
from tests.support.world import Person, World, eventually

COPIES = 20
ADDRESS = {"name": "Ada", "line1": "1 Rue X", "city": "Lyon", "postal_code": "69001", "country": "FR"}


# --- replays ----------------------------------------------------------------------------------------------------------


def test_a_repeated_key_and_body_get_the_first_response(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 2)])
    first, again = ada.checkout({"note": "hi"}, key="k"), ada.checkout({"note": "hi"}, key="k")
    assert_replayed(first, again)
    assert "idempotent-replayed" not in first.headers
    assert again.headers["location"] == first.headers["location"]
    assert orders_of(ada) == [first.json()["id"]]
    assert either_world.stock(mug)["held"] == 2


def test_a_replay_returns_the_first_response_after_later_transitions(either_world: World) -> None:
    ada = either_world.shopper(price=1000)
    first = ada.checkout(key="k")
    order_id = first.json()["id"]
    either_world.sandbox.pay(order_id, "capture", amount_minor=2000, currency="EUR")
    confirmed = ada.order_becomes(order_id, status="confirmed", payment_status="paid")
    assert confirmed["version"] > 1
    assert_replayed(first, ada.checkout(key="k"))


def test_a_replay_returns_the_first_response_of_an_order_that_cost_nothing(either_world: World) -> None:
    ada = either_world.shopper(price=0)
    first = ada.checkout(key="k")
    assert first.json()["status"] == "confirmed"
    assert_replayed(first, ada.checkout(key="k"))


def test_a_replay_does_not_depend_on_cart_price_account_or_neighbours(
    either_world: World,
) -> None:
    sandbox, mug = either_world.sandbox, either_world.product(1000)
    ada = either_world.customer([(mug, 2)])
    first = ada.checkout(key="k")
    sandbox.put_cart(ada.id, [])
    sandbox.put_product(mug, unit_price_minor=9999, stock=0)
    sandbox.put_user(ada.id, is_active=False)
    with sandbox.fault("user", kind="status", value=500), sandbox.fault("product", kind="status", value="INTERNAL"):
        assert_replayed(first, ada.checkout(key="k"))


@pytest.mark.parametrize(
    ("first", "again"),
    [
        ({}, {"shipping_address": None, "cart_version": None, "expected_total": None, "coupon_code": None, "note": ""}),
        (
            {"shipping_address": ADDRESS},
            {"shipping_address": {**ADDRESS, "line2": "", "state": None, "phone": ""}, "note": ""},
        ),
    ],
    ids=["fields", "address"],
)
def test_a_body_with_explicit_defaults_is_the_same_body(
    either_world: World, first: dict[str, object], again: dict[str, object]
) -> None:
    ada = either_world.shopper()
    assert_replayed(ada.checkout(first, key="k"), ada.checkout(again, key="k"))
    bob = either_world.shopper()
    assert_replayed(bob.checkout(again, key="k"), bob.checkout(first, key="k"))


def test_bodies_are_compared_as_json_not_as_text(either_world: World) -> None:
    ada = either_world.shopper()
    first = ada.checkout({"note": "é", "shipping_address": ADDRESS}, key="k")
    address = json.dumps(dict(reversed(ADDRESS.items())))
    text = f'{{ "shipping_address" : {address},\n "note": "\\u00e9" }}'
    headers = {"Idempotency-Key": "k", "Content-Type": "application/json"}
    assert_replayed(first, ada.http.post("/api/v1/orders", content=text, headers=headers))


# --- other requests ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "other"),
    [
        ({}, {"note": "hi"}),
        ({"note": "hi"}, {"note": "hi "}),
        ({"expected_total": "20.00"}, {}),
        ({}, {"cart_version": 1}),
        ({}, {"coupon_code": "X"}),
        ({"shipping_address": ADDRESS}, {"shipping_address": {**ADDRESS, "city": "Nice"}}),
        ({"shipping_address": ADDRESS}, {}),
    ],
)
def test_the_same_key_with_another_body_is_refused(
    world: World, first: dict[str, object], other: dict[str, object]
) -> None:
    ada = world.shopper(price=1000)
    placed = ada.checkout(first, key="k")
    problem(ada.checkout(other, key="k"), 422, "idempotency_key_reused")
    assert_replayed(placed, ada.checkout(first, key="k"))
    assert len(orders_of(ada)) == 1


def test_another_key_is_another_order(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 2)])
    first = ada.checkout(key="k").json()
    either_world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 1}])
    second = ada.checkout(key="K").json()
    assert first["id"] != second["id"]
    assert either_world.stock(mug)["held"] == 3


def test_the_same_key_of_another_customer_is_another_order(either_world: World) -> None:
    ada, bob = either_world.shopper(), either_world.shopper()
    first, second = ada.checkout(key="k"), bob.checkout(key="k")
    assert "idempotent-replayed" not in second.headers
    assert (first.json()["customer_id"], second.json()["customer_id"]) == (ada.id, bob.id)
    assert first.json()["id"] != second.json()["id"]


# --- the key ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("headers", [{}, {"Idempotency-Key": ""}])
def test_a_checkout_needs_a_key(either_world: World, headers: dict[str, str]) -> None:
    ada = either_world.shopper()
    problem(ada.http.post("/api/v1/orders", json={}, headers=headers), 400, "idempotency_key_required")
    assert orders_of(ada) == []


@pytest.mark.parametrize(
    "key",
    ["k" * 256, "one two", "one\ttwo", "clé".encode(), "clé".encode("latin-1"), "鍵".encode()],
    ids=["256 characters", "a space", "a tab", "not ASCII", "latin-1", "far from ASCII"],
)
def test_a_key_is_up_to_255_visible_ascii_characters(either_world: World, key: str | bytes) -> None:
    ada = either_world.shopper()
    headers: Any = {"Idempotency-Key": key}
    answer = ada.http.post("/api/v1/orders", json={}, headers=headers)
    assert refused_input(answer) == ["/Idempotency-Key"]
    assert orders_of(ada) == []


@pytest.mark.parametrize("key", ["k" * 255, "".join(map(chr, range(0x21, 0x7F))), "';--", "%00"])
def test_a_key_may_hold_any_visible_ascii_character(either_world: World, key: str) -> None:
    ada = either_world.shopper()
    assert_replayed(ada.checkout(key=key), ada.checkout(key=key))


# --- refused checkouts ------------------------------------------------------------------------------------------------


def test_a_refused_checkout_can_be_repeated_under_its_key_once_the_cart_is_filled(either_world: World) -> None:
    ada, mug = either_world.customer(), either_world.product()
    problem(ada.checkout(key="k"), 422, "empty_cart")
    either_world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 1}])
    answer = ada.checkout(key="k")
    assert answer.status_code == 201
    assert "idempotent-replayed" not in answer.headers


def test_a_checkout_refused_for_stock_can_be_repeated_under_its_key_once_there_is_stock(either_world: World) -> None:
    mug = either_world.product(stock=1)
    ada = either_world.customer([(mug, 2)])
    problem(ada.checkout(key="k"), 409, "out_of_stock", "shortages")
    either_world.sandbox.put_product(mug, stock=2)
    assert ada.checkout(key="k").status_code == 201
    assert either_world.stock(mug)["held"] == 2


def test_a_refused_checkout_does_not_bind_its_key_to_its_body(either_world: World) -> None:
    ada = either_world.shopper(price=1000)
    problem(ada.checkout({"expected_total": "1.00"}, key="k"), 409, "total_changed", "current_total")
    assert ada.checkout({"expected_total": "20.00"}, key="k").status_code == 201


# --- concurrent copies ------------------------------------------------------------------------------------------------


def test_concurrent_copies_make_one_order_and_get_one_response(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 2)])
    answers = at_once([partial(ada.checkout, {"note": "hi"}, key="k")] * COPIES)
    assert_one_order(ada, answers, mug, held=2)


def test_concurrent_copies_at_two_processes_make_one_order_and_get_one_response(
    world: World, second_world: World
) -> None:
    mug = world.product()
    ada = world.customer([(mug, 2)])
    elsewhere = second_world.person("customer", ada.id)
    answers = at_once([partial(ada.checkout, key="k"), partial(elsewhere.checkout, key="k")] * (COPIES // 2))
    assert_one_order(ada, answers, mug, held=2)


def test_copies_at_two_processes_hold_the_ordered_units_even_if_the_cart_changes_meanwhile(
    world: World, second_world: World
) -> None:
    for _ in range(5):
        mug = world.product()
        ada = world.customer([(mug, 2)])
        elsewhere = second_world.person("customer", ada.id)
        change = [{"product_id": mug, "quantity": 5}]
        copies = [partial(ada.checkout, key="k"), partial(elsewhere.checkout, key="k")]
        with ThreadPoolExecutor(1) as shopping:
            shopping.submit(world.sandbox.put_cart, ada.id, change)
            answers = at_once(copies * 3)
        assert_one_order(ada, answers, mug, held=answers[0].json()["items"][0]["quantity"])


def test_a_copy_with_another_cart_leaves_the_ordered_units_held(world: World, second_world: World) -> None:
    mug, request_id = world.product(), str(uuid.uuid4())
    ada = world.customer([(mug, 5)])
    elsewhere = second_world.person("customer", ada.id)
    delay = world.sandbox.fault("product", kind="delay", value=1.5, call="ReserveStock", times=1)
    with delay, ThreadPoolExecutor(1) as one:
        late = one.submit(elsewhere.post, "/orders", Idempotency_Key="k", X_Request_ID=request_id)
        eventually(lambda: has_called_product(world, "ReserveStock", request_id), "the late copy to reserve five")
        world.sandbox.put_cart(ada.id, [{"product_id": mug, "quantity": 2}])
        assert_replayed(ada.checkout(key="k"), late.result())
    eventually(lambda: world.stock(mug)["held"] == 2, "the order to hold its own units again", seconds=5)


def test_of_two_concurrent_bodies_under_one_key_one_is_ordered_and_the_other_refused(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 2)])
    copies = [partial(ada.checkout, {"note": note}, key="k") for note in ("one", "other")]
    answers = at_once(copies * (COPIES // 2))
    placed = [answer for answer in answers if answer.status_code == 201]
    refused = [answer for answer in answers if answer.status_code != 201]
    assert (len(placed), len(refused)) == (COPIES // 2, COPIES // 2)
    assert_one_order(ada, placed, mug, held=2)
    for answer in refused:
        problem(answer, 422, "idempotency_key_reused")


def test_a_refused_body_takes_no_stock_from_a_concurrent_body_that_is_ordered(either_world: World) -> None:
    for _ in range(5):
        mug = either_world.product(1000)
        ada = either_world.customer([(mug, 2)])
        copies = [partial(ada.checkout, body, key="k") for body in ({}, {"expected_total": "1.00"})]
        at_once(copies * 3)
        assert len(orders_of(ada)) == 1
        assert either_world.stock(mug)["held"] == 2


def test_a_refused_body_takes_no_stock_from_a_body_that_is_ordered_at_another_process(
    world: World, second_world: World
) -> None:
    mug = world.product(1000)
    ada = world.customer([(mug, 2)])
    elsewhere = second_world.person("customer", ada.id)
    with ThreadPoolExecutor(1) as one, orders_blocked(world):
        first = one.submit(ada.checkout, key="k")
        eventually(lambda: world.stock(mug)["held"] == 2, "the first request to hold its stock")
        problem(elsewhere.checkout({"expected_total": "1.00"}, key="k"), 409, "total_changed", "current_total")
    assert first.result().status_code == 201
    eventually(lambda: world.stock(mug)["held"] == 2, "the order to hold its stock", seconds=5)


def test_a_late_release_does_not_end_the_hold_of_another_process(world: World, second_world: World) -> None:
    mug, request_id = world.product(1000), str(uuid.uuid4())
    ada = world.customer([(mug, 2)])
    elsewhere = second_world.person("customer", ada.id)
    with world.sandbox.fault("product", kind="delay", value=0.7, call="ReleaseStock"), ThreadPoolExecutor(1) as one:
        body, headers = {"expected_total": "1.00"}, {"Idempotency_Key": "k", "X_Request_ID": request_id}
        refused = one.submit(ada.post, "/orders", body, **headers)
        eventually(lambda: has_called_product(world, "ReleaseStock", request_id), "the refused hold to be released")
        assert elsewhere.checkout(key="k").status_code == 201
        problem(refused.result(), 409, "total_changed", "current_total")
    assert world.stock(mug)["held"] == 2


def test_a_copy_waits_for_the_first_request_in_progress(either_world: World) -> None:
    mug, request_id = either_world.product(), str(uuid.uuid4())
    ada = either_world.customer([(mug, 2)])
    with (
        either_world.sandbox.fault("product", kind="delay", value=0.4, call="ReserveStock"),
        ThreadPoolExecutor(1) as one,
    ):
        first = one.submit(ada.post, "/orders", Idempotency_Key="k", X_Request_ID=request_id)
        eventually(
            lambda: has_called_product(either_world, "ReserveStock", request_id), "the first request to be in progress"
        )
        again = ada.checkout(key="k")
    assert_replayed(first.result(), again)
    assert either_world.stock(mug)["held"] == 2


def test_a_checkout_completes_after_its_client_disconnects(either_world: World) -> None:
    mug = either_world.product()
    ada = either_world.customer([(mug, 2)])
    with either_world.sandbox.fault("product", kind="delay", value=0.5, call="ReserveStock"):
        with pytest.raises(httpx.ReadTimeout):
            ada.http.post("/api/v1/orders", json={}, headers={"Idempotency-Key": "k"}, timeout=0.2)
        eventually(lambda: orders_of(ada), "the abandoned checkout to place its order")
    answer = ada.checkout(key="k")
    assert (answer.status_code, answer.headers["idempotent-replayed"]) == (201, "true")
    assert orders_of(ada) == [answer.json()["id"]]
    assert either_world.stock(mug)["held"] == 2


def assert_replayed(first: httpx.Response, again: httpx.Response) -> None:
    """Check that `again` repeats `first` and is marked as a replay."""
    assert (first.status_code, again.status_code) == (201, 201), again.text
    assert again.json() == first.json()
    assert again.headers["etag"] == first.headers["etag"] == '"1"'
    assert again.headers["idempotent-replayed"] == "true"


def assert_one_order(customer: Person, answers: list[httpx.Response], product: str, held: int) -> None:
    """Check that all `answers` contain the customer's one order, all but one as a replay, and that Product holds it once."""
    assert Counter(answer.status_code for answer in answers) == {201: len(answers)}
    assert all(answer.json() == answers[0].json() for answer in answers)
    assert {answer.headers["etag"] for answer in answers} == {'"1"'}
    replayed = [answer for answer in answers if answer.headers.get("idempotent-replayed") == "true"]
    assert len(replayed) == len(answers) - 1
    assert orders_of(customer) == [answers[0].json()["id"]]
    # A copy that lost the race may have replaced the order's reservation; the order's own units are restored in the background.
    eventually(lambda: customer.world.stock(product)["held"] == held, f"Product to hold {held}")


def at_once(requests: Sequence[Callable[[], httpx.Response]]) -> list[httpx.Response]:
    """Return the answers to `requests`, which are all sent at the same time."""
    with ThreadPoolExecutor(len(requests)) as senders:
        return [sent.result() for sent in [senders.submit(request) for request in requests]]


@contextmanager
def orders_blocked(world: World) -> Iterator[None]:
    """Block the insertion of orders in the database for a short while; they can be read."""
    with psycopg.connect(world.stack.postgres.url) as connection:
        connection.execute("LOCK TABLE orders IN EXCLUSIVE MODE")
        yield


def orders_of(customer: Person) -> list[str]:
    """Return the ids of the customer's orders in the database."""
    rows = customer.world.sql("SELECT id FROM orders WHERE customer_id = %s", customer.id)
    return [str(row["id"]) for row in rows]


def has_called_product(world: World, call: str, request_id: str) -> bool:
    """Return whether this request has reached this call to Product."""
    calls = world.sandbox.ledger("product")["recent"]
    return any((made["call"], made["request_id"]) == (call, request_id) for made in calls)
