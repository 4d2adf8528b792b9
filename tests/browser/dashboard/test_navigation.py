"""Pages, their addresses and their roles: no new document, focus on the heading, Back and Forward."""

import pytest
from playwright.sync_api import expect

from tests.support.dashboard_page import Dashboard, OpenDashboard, vendor_page
from tests.support.market import Market
from tests.support.world import World

LINKS = {
    "vendor": {"nav-board": "board", "nav-analytics": "analytics", "nav-coupons": "coupons"},
    "admin": {
        "nav-orders": "orders",
        "nav-analytics": "analytics",
        "nav-coupons": "coupons",
        "nav-dead-letters": "dead-letters",
    },
}


@pytest.mark.parametrize("role", LINKS)
def test_the_navigation_has_the_pages_of_the_role_and_loads_no_document(
    dashboard: Dashboard, world: World, role: str
) -> None:
    dashboard.sign_in(world.vendor("v-1") if role == "vendor" else world.admin())
    assert [link.get_attribute("data-testid") for link in dashboard.hook("nav").get_by_role("link").all()] == [
        *LINKS[role]
    ]
    documents = [one for one in dashboard.requests if one.resource_type == "document"]
    for link, page in LINKS[role].items():
        dashboard.click(link)
        expect(dashboard.main).to_have_attribute("data-page", page)
        expect(dashboard.page.locator("[data-testid=nav] [aria-current=page]")).to_have_attribute("data-testid", link)
        expect(dashboard.page.locator("h1")).to_have_count(1)
        assert dashboard.focused() == "H1"
    assert [one for one in dashboard.requests if one.resource_type == "document"] == documents


@pytest.mark.parametrize(
    ("role", "path"),
    [
        ("vendor", "/dashboard/orders"),
        ("vendor", "/dashboard/orders/01980c4b-7a9e-8f2d-9b3c-5d6e7f809a1b"),
        ("vendor", "/dashboard/dead-letters"),
    ],
)
def test_a_page_that_is_not_for_ones_role_is_forbidden(
    dashboard: Dashboard, world: World, role: str, path: str
) -> None:
    dashboard.sign_in(world.vendor("v-1"), path)
    expect(dashboard.hook("forbidden")).to_be_visible()
    asked = [line for line in dashboard.api_requests() if not line.endswith("/vendor-orders/summary")]
    assert asked == []


@pytest.mark.parametrize("path", ["/dashboard/nowhere", "/dashboard/orders/7", "/dashboard/orders/"])
def test_an_address_without_a_page_is_not_found(dashboard: Dashboard, world: World, path: str) -> None:
    dashboard.expects("status of 404")
    dashboard.sign_in(world.admin(), path)
    expect(dashboard.hook("not-found")).to_be_visible()
    dashboard.main.get_by_role("link").click()
    expect(dashboard.main).to_have_attribute("data-page", "orders")


def test_back_and_forward_lead_through_what_was_seen(dashboard: Dashboard, world: World) -> None:
    market = Market(world, 1000)
    sale = market.sell()
    dashboard.sign_in(market.vendors[0])
    dashboard.row(sale.parts[0]).get_by_role("link").click()
    dashboard.ready()
    expect(dashboard.main).to_have_attribute("data-page", "vendor-order")
    assert dashboard.page.url.endswith(vendor_page(world, sale.parts[0]))
    dashboard.page.go_back()
    expect(dashboard.rows).to_have_count(1)
    dashboard.page.go_forward()
    expect(dashboard.main).to_have_attribute("data-page", "vendor-order")


def test_the_skip_link_leads_past_the_navigation(dashboard: Dashboard, world: World) -> None:
    dashboard.sign_in(world.vendor("v-1"))
    dashboard.hook("skip-link").focus()
    dashboard.page.keyboard.press("Enter")
    assert dashboard.focused() == "board"
    assert "#" not in dashboard.page.url


def test_a_link_with_a_modifier_key_is_the_browsers(dashboard: Dashboard, world: World) -> None:
    dashboard.sign_in(world.vendor("v-1"))
    with dashboard.context.expect_page() as opened:
        dashboard.hook("nav-coupons").click(modifiers=["ControlOrMeta"])
    opened.value.close()
    expect(dashboard.main).to_have_attribute("data-page", "board")


def test_without_javascript_the_document_says_that_it_is_needed(open_dashboard: OpenDashboard) -> None:
    dashboard = open_dashboard(java_script_enabled=False)
    dashboard.page.goto("/dashboard")
    assert "needs JavaScript" in dashboard.page.locator("body").inner_text()
    dashboard.page.goto("about:blank")
