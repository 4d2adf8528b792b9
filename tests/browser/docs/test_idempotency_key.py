"""The Idempotency-Key on `/api/doc`: a new one for each order, the same one for each retry."""

import re

import pytest
from playwright.sync_api import expect

from tests.browser.docs.conftest import OpenPage
from tests.support.docs_page import DocsPage
from tests.support.world import Person, World

PLACE = "Customers-place_order"
UUID4 = re.compile(r"^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$")
NEW, LAST = "New key", "Use the last key"


def press(page: DocsPage, name: str) -> None:
    page.operation(PLACE).get_by_role("button", name=name).click()


@pytest.fixture
def customer(page: DocsPage, world: World) -> Person:
    """Return a customer with a full cart, whose token is on the page."""
    customer = world.shopper()
    page.authorise(str(customer.http.headers["Authorization"]).removeprefix("Bearer "))
    page.unfold(PLACE)
    expect(page.key(PLACE)).to_have_value(UUID4)
    return customer


def test_each_opening_of_an_endpoint_fills_in_a_new_key(page: DocsPage) -> None:
    seen = set()
    for _ in range(2):
        page.unfold(PLACE)
        expect(page.key(PLACE)).to_have_value(UUID4)
        seen.add(page.key(PLACE).input_value())
        page.row(PLACE).click()
    page.unfold(PLACE)
    press(page, "Cancel")
    expect(page.key(PLACE)).to_be_disabled()
    press(page, "Try it out")
    expect(page.key(PLACE)).to_be_enabled()
    seen.add(page.key(PLACE).input_value())
    assert len(seen) == 3


def test_the_next_order_has_another_key(page: DocsPage, customer: Person, world: World) -> None:
    first = page.key(PLACE).input_value()
    status, one = page.execute(PLACE)
    assert status == 201
    expect(page.key(PLACE)).not_to_have_value(first)
    expect(page.key(PLACE)).to_have_value(UUID4)
    world.sandbox.put_cart(customer.id, [{"product_id": world.product(), "quantity": 1}])
    status, another = page.execute(PLACE)
    assert (status, another["id"] != one["id"]) == (201, True)


def test_the_last_key_repeats_the_request(page: DocsPage, customer: Person) -> None:
    expect(page.operation(PLACE).get_by_role("button", name=LAST)).to_have_count(0)
    first = page.key(PLACE).input_value()
    _, placed = page.execute(PLACE)
    press(page, LAST)
    expect(page.key(PLACE)).to_have_value(first)
    status, again = page.execute(PLACE)
    assert (status, again) == (201, placed)
    expect(page.operation(PLACE).locator(".live-responses-table")).to_contain_text("idempotent-replayed: true")
    assert len(customer.get("/orders").json()["results"]) == 1


def test_a_refused_request_keeps_its_key_until_a_new_one_is_asked_for(
    page: DocsPage, customer: Person, world: World
) -> None:
    world.sandbox.put_cart(customer.id, [])
    key = page.key(PLACE).input_value()
    assert page.execute(PLACE)[0] == 422
    expect(page.key(PLACE)).to_have_value(key)
    press(page, NEW)
    expect(page.key(PLACE)).not_to_have_value(key)
    expect(page.key(PLACE)).to_have_value(UUID4)


def test_a_key_of_ones_own_is_sent(page: DocsPage, customer: Person) -> None:
    status, placed = page.execute(PLACE, **{"Idempotency-Key": "my-own"})
    assert status == 201
    assert customer.checkout(key="my-own").json() == placed


def test_keys_are_filled_in_where_the_page_is_not_a_secure_context(open_page: OpenPage, world: World) -> None:
    """crypto.randomUUID exists over TLS and on localhost only."""
    page = DocsPage(open_page(), world.url)
    page.page.add_init_script("delete Crypto.prototype.randomUUID")
    page.open()
    page.unfold(PLACE)
    expect(page.key(PLACE)).to_have_value(UUID4)
