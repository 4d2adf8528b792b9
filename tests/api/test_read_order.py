"""GET /api/v1/orders/{id}: one order, for its customer and admins."""

import uuid

import pytest

from tests.support.problem import problem
from tests.support.world import World


def test_a_customer_reads_an_own_order(either_world: World) -> None:
    ada = either_world.shopper()
    placed = ada.checkout({"note": "hi"})
    answer = ada.get(f"/orders/{placed.json()['id']}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    assert answer.headers["etag"] == placed.headers["etag"] == '"1"'
    assert answer.json() == placed.json()


def test_an_admin_reads_any_order(either_world: World) -> None:
    ada = either_world.shopper()
    order = ada.place()
    answer = either_world.admin().get(f"/orders/{order['id']}")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    assert answer.json() == order


def test_a_transition_changes_version_and_tag(either_world: World) -> None:
    ada = either_world.shopper(price=1000)
    order = ada.place()
    either_world.sandbox.pay(order["id"], "capture", amount_minor=2000, currency="EUR")
    paid = ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    answer = ada.get(f"/orders/{order['id']}", headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.headers["etag"]) == (200, f'"{paid["version"]}"')
    assert paid["version"] > 1
    assert paid["updated_at"] > order["updated_at"]
    moving = ("status", "payment_status", "version", "updated_at", "available_actions")
    assert {**paid, **{name: order[name] for name in moving}} == order


@pytest.mark.parametrize("tags", ['"1"', 'W/"1"', '"7", "1"', '"7",W/"1"', "*"])
def test_a_current_copy_gets_304(either_world: World, tags: str) -> None:
    ada = either_world.shopper()
    order = ada.place()
    answer = ada.get(f"/orders/{order['id']}", headers={"If-None-Match": tags})
    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["etag"] == '"1"'
    assert answer.headers["x-request-id"]


@pytest.mark.parametrize("tags", ['"2"', 'W/"2"', '"2", "3"', "1", '"11"', "", ",", '"', '"*"', b"\xff\xfe"])
def test_another_value_of_if_none_match_gets_the_order(either_world: World, tags: str | bytes) -> None:
    ada = either_world.shopper()
    order = ada.place()
    answer = ada.get(f"/orders/{order['id']}", headers={"If-None-Match": tags})
    assert (answer.status_code, answer.json()) == (200, order)


def test_a_foreign_a_missing_and_a_malformed_order_get_the_same_404(either_world: World) -> None:
    order = either_world.shopper().place()
    bob = either_world.customer()
    ids = [order["id"], str(uuid.uuid4()), str(uuid.UUID(int=0)), "1", "x" * 300, order["id"][:-1], "%00", "é", "'--"]
    answers = [problem(bob.get(f"/orders/{order_id}"), 404, "not_found") for order_id in ids]
    itself = dict.fromkeys(("instance", "request_id"))
    assert [answer | itself for answer in answers] == [answers[0] | itself] * len(ids)


def test_a_tag_does_not_reveal_a_foreign_order(either_world: World) -> None:
    order = either_world.shopper().place()
    bob = either_world.customer()
    problem(bob.get(f"/orders/{order['id']}", headers={"If-None-Match": "*"}), 404, "not_found")


def test_a_missing_order_is_404_for_an_admin_too(either_world: World) -> None:
    problem(either_world.admin().get(f"/orders/{uuid.uuid4()}"), 404, "not_found")


def test_vendors_do_not_read_orders(either_world: World) -> None:
    order = either_world.shopper(vendor="v-7").place()
    vendor = either_world.vendor("v-7")
    problem(vendor.get(f"/orders/{order['id']}"), 403, "permission_denied")
    problem(vendor.get(f"/orders/{uuid.uuid4()}"), 403, "permission_denied")
