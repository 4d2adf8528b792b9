"""Shipping address of an order: that of the request, or else the customer's default address, by the same rules."""

from typing import Any

import pytest

from tests.support.problem import problem, refused_input
from tests.support.world import Person, World

PARIS = {"name": "Ada", "line1": "1 Main St", "city": "Paris", "postal_code": "75001", "country": "FR"}
EMPTY = dict.fromkeys(("name", "line1", "line2", "city", "state", "postal_code", "country", "phone"), "")

UNCLEAN: list[tuple[dict[str, Any], str]] = [
    ({"name": "\u200d"}, "name"),
    ({"name": "\u00a0\u3000"}, "name"),
    ({"line1": "\u00ad"}, "line1"),
    ({"line1": "\u3164\u2800"}, "line1"),
    ({"city": "\ufeff"}, "city"),
    ({"city": None}, "city"),
    ({"postal_code": None}, "postal_code"),
    ({"postal_code": ""}, "postal_code"),
    ({"postal_code": "\u200b"}, "postal_code"),
    ({"country": None}, "country"),
    ({"country": "XX"}, "country"),
    ({"country": "fr"}, "country"),
    ({"name": "x" * 201}, "name"),
    ({"line2": "x" * 201}, "line2"),
    ({"state": "x" * 101}, "state"),
    ({"postal_code": "x" * 21}, "postal_code"),
    ({"phone": "x" * 5000}, "phone"),
    ({"line2": "a\0b"}, "line2"),
]
"""Invalid texts of an address, in a request and in a default address."""

NO_ADDRESS: list[Any] = [7, "1 Main St, Paris", True, [], [PARIS], {"line1": 7}, {"state": ["x"]}, {"phone": {}}]
"""Default addresses that break User's contract."""


def ids(value: object) -> str:
    return ascii(value)[:60]


def customer_with_address(world: World, default_address: Any) -> Person:
    """Return a customer with a filled cart and exactly this default address."""
    ada = world.customer([(world.product(), 1)])
    if isinstance(default_address, dict):  # the sandbox would fill in missing fields
        default_address = {**dict.fromkeys(EMPTY), **default_address}
    world.sandbox.put_user(ada.id, default_address=default_address)
    return ada


def named(answer: Any) -> list[str]:
    """Return the pointers of a 422 `address_required`."""
    errors = problem(answer, 422, "address_required", "errors")["errors"]
    assert all(error.keys() == {"pointer", "code", "detail"} and error["detail"] for error in errors)
    return [error["pointer"] for error in errors]


def test_an_address_is_returned_with_every_text_empty_where_there_is_none(either_world: World) -> None:
    ada = either_world.shopper()
    order = ada.place({"shipping_address": PARIS})
    assert order["shipping_address"] == {**EMPTY, **PARIS}
    assert ada.order(order["id"])["shipping_address"] == {**EMPTY, **PARIS}


@pytest.mark.parametrize("none", [None, ""])
def test_the_optional_texts_of_either_address_may_be_null_missing_or_empty(
    either_world: World, none: str | None
) -> None:
    given = {**PARIS, "line2": none, "state": none, "phone": none}
    assert either_world.shopper().place({"shipping_address": given})["shipping_address"] == {**EMPTY, **PARIS}
    assert customer_with_address(either_world, given).place()["shipping_address"] == {**EMPTY, **PARIS}
    assert customer_with_address(either_world, PARIS).place()["shipping_address"] == {**EMPTY, **PARIS}


def test_an_address_has_a_state(either_world: World) -> None:
    new_york = {**EMPTY, **PARIS, "city": "New York", "state": "NY", "postal_code": "10004", "country": "US"}
    assert either_world.shopper().place({"shipping_address": new_york})["shipping_address"] == new_york
    assert customer_with_address(either_world, new_york).place()["shipping_address"] == new_york


@pytest.mark.parametrize("country", ["HK", "AE", "QA"])
def test_where_a_country_has_no_postal_codes_none_is_needed(world: World, country: str) -> None:
    given = {"name": "Ada", "line1": "1 Queen's Road", "city": "Central", "country": country}
    assert world.shopper().place({"shipping_address": given})["shipping_address"] == {**EMPTY, **given}
    assert customer_with_address(world, given).place()["shipping_address"] == {**EMPTY, **given}
    kept = {**given, "postal_code": "999077"}
    assert world.shopper().place({"shipping_address": kept})["shipping_address"] == {**EMPTY, **kept}


@pytest.mark.parametrize(("wrong", "name"), UNCLEAN, ids=ids)
def test_each_invalid_text_of_a_requests_address_is_pointed_at(world: World, wrong: dict[str, Any], name: str) -> None:
    answer = world.shopper().checkout({"shipping_address": {**PARIS, **wrong}})
    assert refused_input(answer) == [f"/shipping_address/{name}"]


@pytest.mark.parametrize(("wrong", "name"), UNCLEAN, ids=ids)
def test_a_default_address_follows_the_same_rules_and_the_refusal_names_the_missing_texts(
    world: World, wrong: dict[str, Any], name: str
) -> None:
    ada = customer_with_address(world, {**PARIS, **wrong})
    assert named(ada.checkout()) == [f"/shipping_address/{name}"]
    assert ada.get("/orders").json()["results"] == []


@pytest.mark.parametrize("none", [None, {}, dict.fromkeys(EMPTY), EMPTY], ids=ids)
def test_without_any_address_the_refusal_names_every_required_text(world: World, none: Any) -> None:
    needed = [f"/shipping_address/{name}" for name in ("name", "line1", "city", "postal_code", "country")]
    assert named(customer_with_address(world, none).checkout()) == needed


@pytest.mark.parametrize("broken", [*NO_ADDRESS, *(wrong for wrong, _ in UNCLEAN)], ids=ids)
def test_an_invalid_default_address_does_not_matter_when_the_request_has_an_address(world: World, broken: Any) -> None:
    ada = customer_with_address(world, {**PARIS, **broken} if isinstance(broken, dict) else broken)
    assert ada.post("/orders/quote").status_code == 200
    assert ada.place({"shipping_address": PARIS})["shipping_address"] == {**EMPTY, **PARIS}


@pytest.mark.parametrize("broken", NO_ADDRESS, ids=ids)
def test_a_default_address_that_is_no_object_breaks_users_contract_when_it_is_needed(world: World, broken: Any) -> None:
    body = problem(customer_with_address(world, broken).checkout(), 503, "dependency_unavailable", "dependency")
    assert body["dependency"] == "user"


def test_fields_of_a_default_address_that_the_contract_does_not_name_are_ignored(world: World) -> None:
    assert customer_with_address(world, {**PARIS, "geo": [2.3, 48.8]}).place()["shipping_address"] == {**EMPTY, **PARIS}


def test_an_order_that_was_placed_before_addresses_had_a_state_has_an_empty_one(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    world.sql("UPDATE orders SET shipping_address = shipping_address - 'state' WHERE id = %s", order["id"])
    assert ada.order(order["id"]) == order
    assert ada.get("/orders").json()["results"] == [order]


@pytest.mark.parametrize("name", ["carrier", "tracking_number"])
@pytest.mark.parametrize("text", ["\u200b", "\u3164", "\u00ad"], ids=ascii)
def test_other_required_texts_need_a_visible_character_too(world: World, name: str, text: str) -> None:
    order = world.shopper().place()
    part = order["vendor_orders"][0]
    body = {"carrier": "DHL", "tracking_number": "1", name: text}
    answer = world.vendor(part["vendor_id"]).post(f"/vendor-orders/{part['id']}/ship", body)
    assert refused_input(answer) == [f"/{name}"]
