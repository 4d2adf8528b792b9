"""A vendor's board: counts, lists, filters in the address, pages."""

from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.dashboard_page import Dashboard, OpenDashboard
from tests.support.market import Market, Sale
from tests.support.world import World

TABS = ["to-accept", "processing", "shipped", "delivered", "cancelled", "unpaid"]


def query(dashboard: Dashboard) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(dashboard.page.url).query).items()}


@pytest.fixture
def one_of_each(world: World) -> tuple[Market, dict[str, Sale]]:
    """Return a market with one order in each state."""
    market = Market(world, 1999, 333, name="Stoneware mug")
    to_accept, processing, shipped, delivered, cancelled = market.sell_many(5)
    processing.do(0, "accept")
    shipped.do(0, "accept", "ship")
    delivered.do(0, "accept", "ship", "deliver")
    cancelled.do(0, "cancel")
    sales = dict(zip(TABS, [to_accept, processing, shipped, delivered, cancelled, market.place()], strict=True))
    return market, sales


def test_each_tile_has_the_count_of_the_api_and_shows_its_list(
    dashboard: Dashboard, one_of_each: tuple[Market, dict[str, Sale]]
) -> None:
    market, sales = one_of_each
    vendor = market.vendors[0]
    dashboard.sign_in(vendor)
    expect(dashboard.main).to_have_attribute("data-tab", "to-accept")
    waiting = vendor.get("/vendor-orders/summary").json()["oldest_waiting_at"]
    expect(dashboard.hook("oldest-waiting")).to_have_attribute("data-value", waiting)
    for tab, sale in sales.items():
        dashboard.click(f"tile-{tab}")
        expect(dashboard.hook("board")).to_have_attribute("data-tab", tab)
        expect(dashboard.hook(f"tile-{tab}")).to_have_attribute("data-value", "1")
        expect(dashboard.hook(f"tile-{tab}")).to_have_attribute("aria-current", "true")
        assert dashboard.ids() == [sale.parts[0]]
    assert dashboard.page.title().startswith("(1) Orders")


def test_a_row_has_the_apis_own_values(
    open_dashboard: OpenDashboard, one_of_each: tuple[Market, dict[str, Sale]]
) -> None:
    """Whatever the browser's locale makes of them."""
    market, sales = one_of_each
    dashboard = open_dashboard(locale="de-DE", timezone_id="Asia/Tokyo")
    dashboard.sign_in(market.vendors[0])
    part = sales["to-accept"].part(0)
    row = dashboard.row(part["id"])
    expect(row).to_have_attribute("data-status", "pending")
    expect(row).to_have_attribute("data-version", str(part["version"]))
    expect(row.get_by_test_id("cell-order_number")).to_have_text(part["order_number"])
    total = row.get_by_test_id("cell-total")
    expect(total).to_have_attribute("data-value", "39.98")
    expect(total).to_have_attribute("data-currency", "EUR")
    expect(total).to_have_text("39,98\N{NO-BREAK SPACE}€")
    expect(row.get_by_test_id("cell-items")).to_have_text("2 × Stoneware mug")
    expect(row.get_by_test_id("cell-country")).to_have_attribute("data-value", "FR")
    placed = row.get_by_test_id("cell-created_at")
    expect(placed).to_have_attribute("data-value", part["created_at"])
    assert "GMT+9" in str(placed.locator("time").get_attribute("title"))


@pytest.mark.parametrize(
    ("currency", "price", "value", "text"),
    [("JPY", 1999, "3998", "¥3,998"), ("KWD", 1999, "3.998", "KWD\N{NO-BREAK SPACE}3.998")],
)
def test_amounts_have_the_decimals_of_their_currency(
    dashboard: Dashboard, world: World, currency: str, price: int, value: str, text: str
) -> None:
    product = world.product(price, f"v-{currency}-{world.customer().id}", currency=currency)
    customer = world.customer([(product, 2)], currency)
    placed = customer.place()
    vendor = world.vendor(placed["items"][0]["vendor_id"])
    dashboard.sign_in(vendor, "/dashboard?tab=unpaid")
    total = dashboard.rows.get_by_test_id("cell-total")
    expect(total).to_have_attribute("data-value", value)
    expect(total).to_have_text(text)


def test_the_largest_amount_keeps_every_digit(dashboard: Dashboard, world: World) -> None:
    vendor_id = f"v-{world.customer().id}"
    world.customer([(world.product(9_007_199_254_740_991, vendor_id), 1)]).place()
    dashboard.sign_in(world.vendor(vendor_id), "/dashboard?tab=unpaid")
    expect(dashboard.rows.get_by_test_id("cell-total")).to_have_text("€90,071,992,547,409.91")


def test_to_accept_has_the_oldest_first_and_the_others_the_newest(dashboard: Dashboard, world: World) -> None:
    market = Market(world, 1000)
    sales = market.sell_many(4)
    dashboard.sign_in(market.vendors[0])
    assert dashboard.ids() == [sale.parts[0] for sale in sales]
    for sale in sales:
        sale.do(0, "accept")
    dashboard.click("tile-processing")
    assert dashboard.ids() == [sale.parts[0] for sale in reversed(sales)]


def test_filters_stand_in_the_address_and_back_undoes_them(dashboard: Dashboard, world: World) -> None:
    market = Market(world, 1000, name="Stoneware mug")
    first, second = market.sell_many(2)
    dashboard.sign_in(market.vendors[0])
    dashboard.hook("filter-q").fill(first.part(0)["order_number"])
    dashboard.ready()
    assert dashboard.ids() == [first.parts[0]]
    assert query(dashboard) == {"q": first.part(0)["order_number"]}
    assert dashboard.focused() == "filter-q"
    dashboard.page.go_back()
    dashboard.ready()
    assert dashboard.ids() == [first.parts[0], second.parts[0]]
    expect(dashboard.hook("filter-q")).to_have_value("")


def test_a_link_opens_the_same_view(dashboard: Dashboard, world: World) -> None:
    market = Market(world, 1000, 500)
    sale = market.sell()
    address = f"/dashboard?tab=to-accept&product_id={market.products[0]}&created_after=2026-01-01T00:00:00Z"
    dashboard.sign_in(market.vendors[0], address)
    assert dashboard.ids() == [sale.parts[0]]
    expect(dashboard.hook("filter-product_id")).to_have_value(market.products[0])
    expect(dashboard.hook("filter-created_after")).not_to_have_value("")
    dashboard.hook("filter-created_before").fill("2026-01-02T00:00")
    dashboard.ready()
    expect(dashboard.hook("empty")).to_be_visible()
    dashboard.click("filter-clear")
    assert query(dashboard) == {"tab": "to-accept"}
    assert dashboard.ids() == [sale.parts[0]]


@pytest.mark.parametrize("tab", TABS)
def test_an_empty_list_says_why_and_what_to_do(dashboard: Dashboard, world: World, tab: str) -> None:
    dashboard.sign_in(world.vendor(f"v-{world.customer().id}"), f"/dashboard?tab={tab}")
    expect(dashboard.hook("empty")).to_be_visible()
    assert str(dashboard.hook("empty").text_content()).count(".") >= 2
    assert not dashboard.page.title().startswith("(")


def test_pages_are_followed_there_and_back(dashboard: Dashboard, world: World) -> None:
    market = Market(world, 1000)
    parts = [sale.parts[0] for sale in market.sell_many(23)]
    dashboard.sign_in(market.vendors[0])
    assert dashboard.ids() == parts[:20]
    expect(dashboard.hook("previous")).to_have_count(0)
    dashboard.click("next")
    assert dashboard.ids() == parts[20:]
    expect(dashboard.hook("next")).to_have_count(0)
    assert "cursor" in query(dashboard)
    dashboard.click("previous")
    assert dashboard.ids() == parts[:20]
    dashboard.page.go_back()
    dashboard.ready()
    assert dashboard.ids() == parts[20:]
    dashboard.click("tile-processing")
    assert query(dashboard) == {"tab": "processing"}


def test_a_refused_filter_is_explained_with_its_reason(dashboard: Dashboard, world: World) -> None:
    dashboard.expects("status of 400")
    dashboard.sign_in(world.vendor("v-1"), "/dashboard?created_after=yesterday")
    expect(dashboard.hook("error")).to_contain_text("created_after")
    expect(dashboard.hook("error-code")).to_have_text("invalid")
    assert dashboard.hook("error-request-id").text_content()
    dashboard.click("filter-clear")
    expect(dashboard.hook("error")).to_have_count(0)
