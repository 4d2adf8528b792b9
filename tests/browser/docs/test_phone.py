"""`/api/doc` on a phone: nothing but code and tables scrolls sideways, and every control can be reached and hit."""

import pytest
from playwright.sync_api import expect

from tests.browser.docs.conftest import OpenPage
from tests.support.docs_page import DocsPage
from tests.support.world import World

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True}
PLACE = "Customers-place_order"
OPENED = [
    PLACE,
    "Customers-list_orders",
    "Customers-stream_order",
    "Vendors-ship_vendor_order",
    "Coupons-create_coupon",
]

TOO_WIDE = """() => [...document.querySelectorAll("body *")]
    .filter(element => element.scrollWidth > element.clientWidth + 1 && element.clientWidth > 1)
    .filter(element => ["auto", "scroll"].includes(getComputedStyle(element).overflowX))
    .filter(element => !element.matches("pre, textarea, input, select, :has(> table), .json-schema-2020-12"))
    .map(element => element.outerHTML.slice(0, 120))"""
"""The elements that scroll sideways, except code and tables."""

OUT_OF_REACH = """([height]) => [...document.querySelectorAll("#swagger-ui :is(a, button, input, select, textarea)")]
    .filter(element => element.checkVisibility({visibilityProperty: true}) && !element.closest("pre"))
    .filter(element => element.getClientRects().length === 1 && !element.matches(".swagger-ui__skip-link, p a, h3 a"))
    .map(element => [element, element.getBoundingClientRect()])
    .filter(([_, box]) => box.left < 0 || box.right > innerWidth || box.height < height)
    .map(([element, box]) => `${box.left} ${box.right} ${box.height} ${element.outerHTML.slice(0, 120)}`)"""
"""The controls that are beyond an edge of the screen or less than `height` high, links in a text aside."""


@pytest.fixture
def phone(open_page: OpenPage, world: World) -> DocsPage:
    page = DocsPage(open_page(**PHONE), world.url)
    page.open()
    return page


def assert_fits(page: DocsPage) -> None:
    assert page.page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.page.evaluate(TOO_WIDE) == []


def test_the_list_of_endpoints_fits(phone: DocsPage) -> None:
    assert_fits(phone)
    assert phone.page.evaluate(OUT_OF_REACH, [44]) == []
    expect(phone.row("Operations-metrics").get_by_text("everyone")).to_be_visible()


def test_opened_endpoints_fit(phone: DocsPage) -> None:
    for name in OPENED:
        phone.unfold(name)
    phone.operation(PLACE).get_by_role("button", name="Examples of 409").tap()
    assert_fits(phone)
    assert phone.page.evaluate(OUT_OF_REACH, [24]) == []


def test_a_request_can_be_sent_and_its_response_read(phone: DocsPage, world: World) -> None:
    phone.authorise(str(world.shopper(name="M" * 120).http.headers["Authorization"]).removeprefix("Bearer "))
    assert phone.execute(PLACE)[0] == 201
    assert_fits(phone)
    assert phone.page.evaluate(OUT_OF_REACH, [24]) == []


def test_the_dialog_for_the_token_fits(phone: DocsPage) -> None:
    phone.page.get_by_role("button", name="Authorize", exact=True).tap()
    expect(phone.page.get_by_role("dialog").get_by_role("textbox")).to_be_in_viewport(ratio=1)
    expect(phone.page.get_by_role("button", name="Apply credentials")).to_be_in_viewport(ratio=1)
    assert_fits(phone)
