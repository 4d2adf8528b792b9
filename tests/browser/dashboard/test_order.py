"""The page of one order, for admins: all values, the vendors' parts with their actions, the history."""

import time
import uuid

import pytest
from playwright.sync_api import Locator, expect

from tests.support.accessibility import check_accessibility
from tests.support.dashboard_page import Dashboard, OpenDashboard, scrolls_sideways
from tests.support.market import SHIPMENT, Market, Sale
from tests.support.world import Person, World, eventually

LIVE_SECONDS = 5
CAUGHT_UP_SECONDS = 2


def address(sale: Sale) -> str:
    return f"/dashboard/orders/{sale.id}"


def part(dashboard: Dashboard, sale: Sale, vendor: int) -> Locator:
    """Return the row of one vendor's part."""
    return dashboard.hook("vendor-orders").locator(f'[data-testid=row][data-id="{sale.parts[vendor]}"]')


def entries(dashboard: Dashboard) -> list[tuple[str, str]]:
    """Return sequence and type of each entry of the history."""
    found = dashboard.hook("timeline-entry").all()
    return [(str(one.get_attribute("data-sequence")), str(one.get_attribute("data-type"))) for one in found]


def trail(sale: Sale) -> list[tuple[str, str]]:
    return [(str(entry["sequence"]), str(entry["type"])) for entry in sale.trail()]


@pytest.fixture
def market(world: World) -> Market:
    return Market(world, 1000, 2000, name="Stoneware mug", sku="STN-1")


@pytest.fixture
def elsewhere(second_world: World, market: Market) -> Person:
    """Return the first vendor at another server process."""
    return second_world.vendor(market.vendor_ids[0])


def test_the_page_has_every_value_of_the_order(open_dashboard: OpenDashboard, world: World, market: Market) -> None:
    code = world.coupon()
    sale = market.sell({"coupon_code": code, "note": "Ring <b>twice</b>"})
    order = market.admin.order(sale.id)
    dashboard = open_dashboard(locale="de-DE", timezone_id="Asia/Tokyo")
    dashboard.sign_in(market.admin, address(sale))
    expect(dashboard.page.locator("h1")).to_have_text(f"Order {order['number']}")
    for hook, value in {
        "order-number": order["number"],
        "order-status": "confirmed",
        "payment-status": "paid",
        "order-total": "54.00",
        "order-discount": "6.00",
        "field-subtotal": "60.00",
        "order-customer": order["customer_id"],
        "order-created_at": order["created_at"],
        "order-version": str(order["version"]),
    }.items():
        expect(dashboard.hook(hook)).to_have_attribute("data-value", value)
    expect(dashboard.hook("order-total")).to_have_text("54,00\N{NO-BREAK SPACE}€")
    expect(dashboard.hook("order-coupon")).to_have_attribute("data-code", code)
    expect(dashboard.hook("order-coupon")).to_contain_text("6,00")
    expect(dashboard.hook("order-note")).to_have_text("Ring <b>twice</b>")
    for text in (order["shipping_address"]["name"], order["shipping_address"]["line1"], "France"):
        expect(dashboard.hook("field-shipping_address")).to_contain_text(text)
    assert "GMT+9" in str(dashboard.hook("order-created_at").get_attribute("title"))
    expect(dashboard.page.get_by_role("table", name="Items").get_by_test_id("row")).to_have_count(2)
    for vendor in (0, 1):
        row, shown = part(dashboard, sale, vendor), sale.part(vendor)
        expect(row).to_have_attribute("data-status", "pending")
        expect(row).to_have_attribute("data-version", str(shown["version"]))
        expect(row.get_by_test_id("cell-total")).to_have_attribute("data-value", shown["total"])
    assert entries(dashboard) == trail(sale)


def test_the_history_says_who_and_why_and_on_opening_the_data_and_the_request(
    dashboard: Dashboard, market: Market
) -> None:
    sale = market.place()
    answer = sale.cancel(market.admin, {"reason": "<i>fraud</i>"}, X_Request_ID="the-request")
    assert answer.status_code == 200
    dashboard.sign_in(market.admin, address(sale))
    entry = dashboard.page.locator('[data-testid=timeline-entry][data-type="order.cancelled"]')
    expect(entry.get_by_test_id("timeline-actor")).to_have_text(f"admin {market.admin.id}")
    expect(entry.get_by_test_id("timeline-reason")).to_have_text("<i>fraud</i>")
    expect(entry.get_by_test_id("timeline-data")).to_be_hidden()
    entry.locator("summary").click()
    expect(entry.get_by_test_id("timeline-data")).to_contain_text('"reason": "<i>fraud</i>"')
    expect(entry.get_by_test_id("timeline-request-id")).to_have_text("the-request")


def test_the_vendors_parts_are_accepted_shipped_delivered_and_cancelled(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 400")
    sale = market.sell()
    dashboard.sign_in(market.admin, address(sale))
    first, second = part(dashboard, sale, 0), part(dashboard, sale, 1)
    assert [button.get_attribute("data-testid") for button in first.get_by_role("button").all()] == [
        "action-accept",
        "action-cancel",
    ]
    first.get_by_test_id("action-accept").click()
    expect(first).to_have_attribute("data-status", "processing")
    expect(dashboard.hook("order-status")).to_have_attribute("data-value", "processing")
    first.get_by_test_id("action-ship").click()
    dashboard.click("ship-submit")
    expect(dashboard.hook("field-error-carrier")).to_be_visible()
    for field, hook in (
        ("carrier", "ship-carrier"),
        ("tracking_number", "ship-tracking-number"),
        ("tracking_url", "ship-tracking-url"),
    ):
        dashboard.hook(hook).fill(SHIPMENT[field])
    dashboard.click("ship-submit")
    expect(first).to_have_attribute("data-status", "shipped")
    link = first.get_by_role("link", name=SHIPMENT["tracking_number"])
    expect(link).to_have_attribute("href", SHIPMENT["tracking_url"])
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    second.get_by_test_id("action-cancel").click()
    dashboard.click("confirm-yes")
    expect(second).to_have_attribute("data-status", "cancelled")
    expect(second.get_by_role("button")).to_have_count(0)
    expect(dashboard.hook("order-status")).to_have_attribute("data-value", "shipped")
    first.get_by_test_id("action-deliver").click()
    expect(dashboard.hook("order-status")).to_have_attribute("data-value", "delivered")
    expect(dashboard.hook("action-cancel")).to_have_count(0)
    eventually(lambda: entries(dashboard) == trail(sale), "the history")


def test_the_order_is_cancelled_with_a_reason(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    dashboard.sign_in(market.admin, address(sale))
    cancel = dashboard.page.get_by_role("button", name=f"Cancel order {sale.placed['number']}", exact=True)
    cancel.click()
    dashboard.page.keyboard.press("Escape")
    expect(dashboard.hook("confirm-dialog")).to_have_count(0)
    assert dashboard.focused() == "action-cancel"
    cancel.click()
    dashboard.hook("confirm-reason").fill("sold out")
    dashboard.click("confirm-yes")
    expect(dashboard.hook("order-status")).to_have_attribute("data-value", "cancelled")
    for vendor in (0, 1):
        expect(part(dashboard, sale, vendor)).to_have_attribute("data-status", "cancelled")
    expect(dashboard.hook("action-cancel")).to_have_count(0)
    expect(dashboard.page.locator('[data-type="order.cancelled"]').get_by_test_id("timeline-reason")).to_have_text(
        "sold out"
    )
    expect(dashboard.hook("payment-status")).to_have_attribute("data-value", "refunded")


def test_what_others_do_appears_within_5_s_without_reloading(
    dashboard: Dashboard, market: Market, elsewhere: Person
) -> None:
    sale = market.sell()
    dashboard.sign_in(market.admin, address(sale))
    summary = dashboard.hook("timeline-entry").first.locator("summary")
    summary.click()
    before = time.monotonic()
    assert elsewhere.post(f"/vendor-orders/{sale.parts[0]}/accept").status_code == 200
    expect(part(dashboard, sale, 0)).to_have_attribute("data-status", "processing")
    expect(part(dashboard, sale, 0).get_by_test_id("action-ship")).to_be_visible()
    expect(dashboard.hook("order-status")).to_have_attribute("data-value", "processing")
    eventually(lambda: entries(dashboard) == trail(sale), "the history")
    assert time.monotonic() - before < LIVE_SECONDS
    assert dashboard.focused() == "SUMMARY"
    expect(dashboard.hook("live")).to_have_attribute("data-state", "live")


def test_a_hidden_page_asks_nothing_and_has_caught_up_2_s_after_it_is_seen_again(
    dashboard: Dashboard, market: Market
) -> None:
    sale = market.sell()
    dashboard.sign_in(market.admin, address(sale))
    with dashboard.hidden():
        expect(dashboard.hook("live")).to_have_attribute("data-state", "paused")
        asked = len(dashboard.api_requests())
        sale.do(0, "accept")
        sale.do(1, "accept", "ship")
        assert len(dashboard.api_requests()) == asked
    seen = time.monotonic()
    expect(part(dashboard, sale, 1)).to_have_attribute("data-status", "shipped")
    eventually(lambda: entries(dashboard) == trail(sale), "the history")
    assert time.monotonic() - seen < CAUGHT_UP_SECONDS


def test_without_a_connection_the_page_says_so_and_catches_up_without_loss(
    dashboard: Dashboard, market: Market
) -> None:
    dashboard.expects("ERR_INTERNET_DISCONNECTED")
    sale = market.sell()
    dashboard.sign_in(market.admin, address(sale))
    dashboard.context.set_offline(True)
    expect(dashboard.hook("live")).to_have_attribute("data-state", "offline")
    sale.do(0, "accept", "ship", "deliver")
    dashboard.context.set_offline(False)
    expect(part(dashboard, sale, 0)).to_have_attribute("data-status", "delivered")
    expect(dashboard.hook("live")).to_have_attribute("data-state", "live")
    eventually(lambda: entries(dashboard) == trail(sale), "the history")


def test_a_part_that_has_changed_meanwhile_is_read_anew_instead(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 412")
    sale = market.sell()
    dashboard.sign_in(market.admin, address(sale))
    part(dashboard, sale, 0).get_by_test_id("action-cancel").click()
    sale.do(0, "accept")
    dashboard.click("confirm-yes")
    assert "is processing now, no longer pending" in dashboard.toast("error")
    expect(part(dashboard, sale, 0)).to_have_attribute("data-status", "processing")


def test_an_order_that_does_not_exist_is_an_error_with_the_request_id(dashboard: Dashboard, world: World) -> None:
    dashboard.expects("status of 404")
    dashboard.sign_in(world.admin(), f"/dashboard/orders/{uuid.uuid4()}")
    expect(dashboard.hook("error-code")).to_have_text("not_found")
    assert dashboard.hook("error-request-id").text_content()
    asked = len(dashboard.api_requests())
    dashboard.click("retry")
    assert len(dashboard.api_requests()) > asked
    expect(dashboard.hook("error-code")).to_have_text("not_found")


def test_the_page_links_to_the_vendors_parts_the_coupons_and_the_customers_orders(
    dashboard: Dashboard, world: World, market: Market
) -> None:
    code = world.coupon()
    sale = market.sell({"coupon_code": code})
    dashboard.sign_in(market.admin, address(sale))
    expect(dashboard.hook("order-coupon").get_by_role("link")).to_have_attribute("href", f"/dashboard/coupons/{code}")
    part(dashboard, sale, 0).get_by_role("link", name=market.vendor_ids[0]).click()
    expect(dashboard.main).to_have_attribute("data-page", "vendor-order")
    dashboard.page.go_back()
    dashboard.click("customer-orders")
    expect(dashboard.main).to_have_attribute("data-page", "orders")
    assert dashboard.ids() == [sale.id]


def test_an_order_in_yen_with_long_texts_fits_a_narrow_phone(open_dashboard: OpenDashboard, world: World) -> None:
    name = "<img src=x onerror=alert(1)>" + "Donaudampfschifffahrt" * 8
    customer = world.customer([(world.product(1999, currency="JPY", name=name[:200], sku="S" * 64), 2)], "JPY")
    placed = customer.place({"note": "N" * 500})
    dashboard = open_dashboard(viewport={"width": 320, "height": 640})
    dashboard.sign_in(world.admin(), f"/dashboard/orders/{placed['id']}")
    expect(dashboard.hook("order-total")).to_have_attribute("data-value", "3998")
    expect(dashboard.hook("order-total")).to_have_text("¥3,998")
    expect(dashboard.hook("order-discount")).to_have_attribute("data-value", "0")
    expect(dashboard.hook("order-expires_at")).to_have_attribute("data-value", placed["expires_at"])
    assert dashboard.page.locator("main img").count() == 0
    assert not scrolls_sideways(dashboard.page)


@pytest.mark.parametrize("state", ["all parts", "an error"])
def test_the_page_is_accessible_with(dashboard: Dashboard, world: World, market: Market, state: str) -> None:
    dashboard.expects("status of 404")
    sale = market.sell({"coupon_code": world.coupon(), "note": "Ring twice"})
    sale.do(0, "accept", "ship")
    dashboard.sign_in(market.admin, address(sale) if state == "all parts" else f"/dashboard/orders/{uuid.uuid4()}")
    for summary in dashboard.page.locator("summary").all():
        summary.click()
    check_accessibility(dashboard)
