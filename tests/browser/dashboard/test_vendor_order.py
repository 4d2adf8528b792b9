"""The page of a vendor order: all that the API says of it, its address to copy and to print, its history as it happens."""

from typing import Any

import pytest
from playwright.sync_api import expect

from tests.support.dashboard_page import PHONE, Dashboard, OpenDashboard, vendor_page
from tests.support.market import Market
from tests.support.world import World

TEXTS = ["id", "order_id", "order_number", "vendor_id", "currency", "carrier", "tracking_number"]
AMOUNTS = ["subtotal", "discount", "total", "platform_discount"]
TIMES = ["created_at", "updated_at", "shipped_at", "delivered_at"]
SHOWN = [*TEXTS, *AMOUNTS, *TIMES, "status", "order_status", "tracking_url", "coupons", "shipping_address", "version"]
ELSEWHERE = ["items", "available_actions"]


@pytest.fixture
def market(world: World) -> Market:
    return Market(world, 1999, 333, name="Stoneware mug")


def own_coupon(market: Market) -> str:
    """Return the code of a coupon that the first vendor funds."""
    answer = market.vendors[0].post("/coupons", {"kind": "percentage", "percent": "10.00"})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["code"])


def test_every_field_of_the_api_is_shown_with_its_own_text(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell({"coupon_codes": [own_coupon(market)]})
    part = sale.do(0, "accept", "ship", "deliver")
    assert sorted(part) == sorted([*SHOWN, *ELSEWHERE])
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, part["id"]))
    field = {name: dashboard.hook(f"field-{name}") for name in SHOWN}
    for name in TEXTS:
        expect(field[name]).to_have_text(part[name])
    for name in [*AMOUNTS, *TIMES, "status", "order_status"]:
        expect(field[name]).to_have_attribute("data-value", part[name])
    for name in AMOUNTS:
        expect(field[name]).to_have_attribute("data-currency", "EUR")
    expect(field["version"]).to_have_attribute("data-value", str(part["version"]))
    expect(field["coupons"]).to_have_attribute("data-code", part["coupons"][0]["code"])
    expect(field["coupons"]).to_have_attribute("data-value", part["coupons"][0]["discount"])
    expect(field["tracking_url"]).to_have_attribute("href", part["tracking_url"])
    expect(field["tracking_url"]).to_have_attribute("rel", "noopener noreferrer")
    for text in filter(None, (part["shipping_address"][name] for name in ("name", "line1", "postal_code", "city"))):
        expect(field["shipping_address"]).to_contain_text(text)


def test_each_item_has_its_price_and_its_discount(dashboard: Dashboard, market: Market) -> None:
    part = market.sell({"coupon_codes": [own_coupon(market)]}).part(0)
    [item] = part["items"]
    assert item["discount"] != "0.00"
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, part["id"]))
    row = dashboard.row(item["id"])
    expect(row.get_by_test_id("cell-name")).to_have_text("Stoneware mug")
    expect(row.get_by_test_id("cell-sku")).to_have_text("MUG")
    for name in ("quantity", "unit_price", "discount", "total"):
        expect(row.get_by_test_id(f"cell-{name}")).to_have_attribute("data-value", str(item[name]))


def test_the_address_is_copied_as_it_stands_on_a_parcel(open_dashboard: OpenDashboard, market: Market) -> None:
    dashboard = open_dashboard(permissions=["clipboard-read", "clipboard-write"])
    address = {"name": "Ada Lovelace", "line1": "12 Rue <b>", "line2": "Flat 3", "city": "Paris", "country": "FR"}
    part = market.sell({"shipping_address": {**address, "postal_code": "75001", "phone": "+33 1"}}).part(0)
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, part["id"]))
    dashboard.hook("copy-address").click()
    dashboard.toast("ok")
    copied = dashboard.page.evaluate("navigator.clipboard.readText()")
    assert copied.splitlines() == ["Ada Lovelace", "12 Rue <b>", "Flat 3", "75001 Paris", "France"]


def test_the_address_is_copied_without_the_clipboard_api_too(dashboard: Dashboard, market: Market) -> None:
    """Browsers offer it to https alone."""
    part = market.sell().part(0)
    dashboard.context.add_init_script("delete Navigator.prototype.clipboard")
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, part["id"]))
    dashboard.hook("copy-address").click()
    dashboard.toast("ok")


def test_before_the_payment_there_is_no_address_and_no_action(dashboard: Dashboard, market: Market) -> None:
    sale = market.place()
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, sale.parts[0]))
    expect(dashboard.hook("copy-address")).to_have_count(0)
    expect(dashboard.page.locator("[data-testid^=action-]")).to_have_count(0)
    expect(dashboard.hook("field-shipping_address")).to_contain_text("paid")
    expect(dashboard.hook("timeline-entry")).to_have_count(0)


def test_the_order_is_taken_through_all_steps_on_its_page(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, sale.parts[0]))
    dashboard.click("action-accept")
    dashboard.hook("action-ship").click()
    dashboard.hook("ship-carrier").fill("DHL")
    dashboard.hook("ship-tracking-number").fill("JD0146")
    dashboard.click("ship-submit")
    dashboard.hook("correct-tracking").click()
    expect(dashboard.hook("ship-carrier")).to_have_value("DHL")
    dashboard.hook("ship-tracking-number").fill("JD0147")
    dashboard.click("ship-submit")
    expect(dashboard.hook("field-tracking_number")).to_have_text("JD0147")
    dashboard.click("action-deliver")
    expect(dashboard.page.locator("[data-testid^=action-], [data-testid=correct-tracking]")).to_have_count(0)
    expect(dashboard.main).to_have_attribute("data-status", "delivered")
    types = ["confirmed", "processing", "shipped", "tracking_changed", "delivered"]
    expect(dashboard.hook("timeline-entry")).to_have_count(len(types))
    entries = dashboard.hook("timeline-entry").all()
    assert [entry.get_attribute("data-type") for entry in entries] == [f"vendor_order.{word}" for word in types]
    assert [entry.get_attribute("data-sequence") for entry in entries] == ["1", "2", "3", "4", "5"]


def test_only_an_admin_sees_who_did_it_and_in_which_request(open_dashboard: OpenDashboard, market: Market) -> None:
    sale = market.sell()
    answer = sale.act(0, "accept", X_Request_ID="the-request")
    assert answer.status_code == 200
    address = vendor_page(market.world, sale.parts[0])
    for person, seen in ((market.admin, True), (market.vendors[0], False)):
        dashboard = open_dashboard().sign_in(person, address)
        entry = dashboard.page.locator('[data-testid=timeline-entry][data-sequence="2"]')
        expect(entry.get_by_test_id("timeline-actor")).to_have_attribute("data-role", "vendor")
        expect(entry.get_by_text(market.vendors[0].id)).to_have_count(int(seen))
        expect(entry.locator("summary")).to_have_count(int(seen))
        if seen:
            entry.locator("summary").click()
            expect(entry.get_by_test_id("timeline-request-id")).to_have_text("the-request")
            expect(entry.get_by_test_id("timeline-data")).to_be_visible()


def test_an_order_of_another_vendor_is_not_found(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 404")
    sale = market.sell()
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, sale.parts[1]))
    expect(dashboard.hook("error-code")).to_have_text("not_found")
    assert "Stoneware" not in dashboard.page.content()
    assert market.vendor_ids[1] not in dashboard.page.content()
    assert len([line for line in dashboard.api_requests() if sale.parts[1] in line]) == 1


@pytest.mark.parametrize("viewport", [{"width": 794, "height": 1123}, PHONE])
def test_a_printed_page_has_number_address_and_items_alone(
    open_dashboard: OpenDashboard, market: Market, viewport: Any
) -> None:
    part = market.sell().do(0, "accept")
    dashboard = open_dashboard(viewport=viewport)
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, part["id"]))
    dashboard.page.emulate_media(media="print")
    text = dashboard.page.locator("body").inner_text()
    for wanted in (part["order_number"], "Stoneware mug", "MUG", part["shipping_address"]["line1"], "France"):
        assert wanted in text
    for unwanted in ("Ship\n", "Cancel", "History", "Sign out", "Copy", "Version", "€", market.vendors[0].id):
        assert unwanted not in text, unwanted
