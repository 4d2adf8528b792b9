"""The list of all orders, for admins: filters, ordering, pages, changes by others, cancellation."""

import time
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.accessibility import check_accessibility
from tests.support.dashboard_page import PHONE, Dashboard, OpenDashboard, scrolls_sideways
from tests.support.market import Market
from tests.support.world import Person, World

LIVE_SECONDS = 5
QUESTIONS_A_MINUTE = 30
PAGE_SIZE = 20
FUTURE, PAST = "2099-01-01T00:00", "2020-01-01T00:00"


def query(dashboard: Dashboard) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(dashboard.page.url).query).items()}


def address(market: Market, **more: str) -> str:
    """Return the address of the orders with the first vendor's items: the list has those of other tests too."""
    parameters = {"vendor_id": market.vendor_ids[0], **more}
    return "/dashboard/orders?" + "&".join(f"{name}={value}" for name, value in parameters.items())


def appears(dashboard: Dashboard, order_id: str, since: float) -> None:
    """Wait for a row, which must come within 5 s of `since`."""
    expect(dashboard.row(order_id)).to_be_visible()
    assert time.monotonic() - since < LIVE_SECONDS


@pytest.fixture
def market(world: World) -> Market:
    return Market(world, 1000, 2000, name="Stoneware mug", sku="STN-1")


@pytest.fixture
def elsewhere(second_world: World, market: Market) -> Person:
    """Return the first vendor at another server process."""
    return second_world.vendor(market.vendor_ids[0])


def test_a_row_has_the_apis_own_values(open_dashboard: OpenDashboard, market: Market) -> None:
    """Whatever the browser's locale makes of them."""
    order = market.admin.order(market.sell().id)
    dashboard = open_dashboard(locale="de-DE", timezone_id="Asia/Tokyo")
    dashboard.sign_in(market.admin, address(market))
    row = dashboard.row(order["id"])
    expect(row).to_have_attribute("data-status", "confirmed")
    expect(row).to_have_attribute("data-version", str(order["version"]))
    for field in ("number", "status", "payment_status", "customer_id", "total", "created_at"):
        expect(row.get_by_test_id(f"cell-{field}")).to_have_attribute("data-value", order[field])
    expect(row.get_by_test_id("cell-total")).to_have_attribute("data-currency", "EUR")
    expect(row.get_by_test_id("cell-total")).to_have_text("60,00\N{NO-BREAK SPACE}€")
    expect(row.get_by_test_id("cell-payment_status")).to_have_text("Paid")
    expect(row.get_by_test_id("cell-items")).to_contain_text("2 × Stoneware mug")
    assert "GMT+9" in str(row.locator("time").get_attribute("title"))
    expect(dashboard.page.get_by_role("table", name="Orders")).to_be_visible()
    expect(dashboard.page.get_by_role("columnheader", name="Customer")).to_be_visible()


def test_every_filter_is_applied_on_change_and_stands_in_the_address(
    dashboard: Dashboard, world: World, market: Market
) -> None:
    paid = market.sell()
    buyer = world.customer([(market.products[0], 1)])
    unpaid = buyer.place()
    dashboard.sign_in(market.admin, address(market))
    assert dashboard.ids() == [unpaid["id"], paid.id]
    for name, value, found in (
        ("q", paid.placed["number"].lower(), [paid.id]),
        ("q", "nothing of this name", []),
        ("customer_id", buyer.id, [unpaid["id"]]),
        ("min_total", "10.01", [paid.id]),
        ("max_total", "10", [unpaid["id"]]),
        ("created_after", FUTURE, []),
        ("created_after", PAST, [unpaid["id"], paid.id]),
        ("created_before", PAST, []),
        ("created_before", FUTURE, [unpaid["id"], paid.id]),
        ("vendor_id", market.vendor_ids[1], [paid.id]),
    ):
        previous = dashboard.hook(f"filter-{name}").input_value()
        dashboard.hook(f"filter-{name}").fill(value)
        dashboard.ready()
        assert dashboard.ids() == found, (name, value)
        assert name in query(dashboard)
        expect(dashboard.hook("empty")).to_have_count(0 if found else 1)
        dashboard.hook(f"filter-{name}").fill(previous)
        dashboard.ready()
    for name, value, order_id in (("status", "confirmed", paid.id), ("payment_status", "unpaid", unpaid["id"])):
        dashboard.hook(f"filter-{name}").select_option(value)
        dashboard.ready()
        assert (dashboard.ids(), query(dashboard)[name]) == ([order_id], value)
        dashboard.page.go_back()
        dashboard.ready()
        expect(dashboard.hook(f"filter-{name}")).to_have_value("")
    dashboard.click("filter-clear")
    assert query(dashboard) == {}


def test_a_link_with_several_statuses_opens_the_same_view_and_keeps_them(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    dashboard.sign_in(market.admin, address(market, status="confirmed,shipped", min_total="1", ordering="-total"))
    assert dashboard.ids() == [sale.id]
    expect(dashboard.hook("filter-status").locator("option:checked")).to_have_text("Confirmed, Shipped")
    expect(dashboard.hook("filter-min_total")).to_have_value("1")
    expect(dashboard.hook("ordering")).to_have_value("-total")
    dashboard.hook("filter-max_total").fill("99")
    dashboard.ready()
    assert query(dashboard)["status"] == "confirmed,shipped"
    assert dashboard.ids() == [sale.id]


def test_a_refused_filter_is_explained_with_its_reason(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 400")
    dashboard.sign_in(market.admin, address(market, min_total="many"))
    expect(dashboard.hook("error")).to_contain_text("min_total")
    expect(dashboard.hook("error-code")).to_have_text("invalid")
    assert dashboard.hook("error-request-id").text_content()
    dashboard.hook("filter-min_total").fill("1")
    dashboard.ready()
    expect(dashboard.hook("empty")).to_be_visible()


def test_what_is_typed_and_undone_asks_nothing_and_the_page_is_ready_again(
    dashboard: Dashboard, market: Market
) -> None:
    dashboard.sign_in(market.admin, address(market))
    dashboard.hook("filter-q").press("x")
    dashboard.hook("filter-q").press("Backspace")
    dashboard.ready()
    assert query(dashboard) == {"vendor_id": market.vendor_ids[0]}


def test_on_a_phone_the_filters_are_folded_unless_the_address_has_them(
    open_dashboard: OpenDashboard, market: Market
) -> None:
    dashboard = open_dashboard(viewport=PHONE)
    dashboard.sign_in(market.admin, address(market))
    expect(dashboard.hook("filter-vendor_id")).to_be_visible()
    dashboard.click("nav-dead-letters")
    dashboard.click("nav-orders")
    expect(dashboard.hook("filter-q")).to_be_visible()
    expect(dashboard.hook("filter-vendor_id")).to_be_hidden()
    dashboard.page.get_by_role("button", name="More filters").click()
    expect(dashboard.hook("filter-vendor_id")).to_be_visible()


def test_orders_are_sorted_and_paged_there_and_back(dashboard: Dashboard, world: World, market: Market) -> None:
    buyers = [world.customer([(market.products[0], quantity)]) for quantity in range(1, PAGE_SIZE + 3)]
    placed = [buyer.place()["id"] for buyer in buyers]
    dashboard.sign_in(market.admin, address(market))
    assert dashboard.ids() == placed[::-1][:PAGE_SIZE]
    dashboard.hook("ordering").select_option("total")
    dashboard.ready()
    assert dashboard.ids() == placed[:PAGE_SIZE]
    expect(dashboard.hook("previous")).to_have_count(0)
    dashboard.click("next")
    assert dashboard.ids() == placed[PAGE_SIZE:]
    expect(dashboard.hook("next")).to_have_count(0)
    dashboard.click("previous")
    assert dashboard.ids() == placed[:PAGE_SIZE]
    dashboard.page.go_back()
    dashboard.ready()
    assert dashboard.ids() == placed[PAGE_SIZE:]
    dashboard.hook("ordering").select_option("-created_at")
    dashboard.ready()
    assert dashboard.ids() == placed[::-1][:PAGE_SIZE]
    assert "cursor" not in query(dashboard)


def test_what_others_do_appears_within_5_s(dashboard: Dashboard, market: Market, elsewhere: Person) -> None:
    sale = market.sell()
    dashboard.sign_in(market.admin, address(market))
    dashboard.page.mouse.move(0, 0)
    before = time.monotonic()
    new = market.place()
    appears(dashboard, new.id, before)
    expect(dashboard.row(new.id)).to_have_attribute("data-new", "true")
    assert dashboard.ids() == [new.id, sale.id]
    expect(dashboard.hook("announcer")).to_have_text("1 new order.")
    assert elsewhere.post(f"/vendor-orders/{sale.parts[0]}/accept").status_code == 200
    before = time.monotonic()
    expect(dashboard.row(sale.id)).to_have_attribute("data-status", "processing")
    assert time.monotonic() - before < LIVE_SECONDS
    expect(dashboard.row(sale.id).get_by_test_id("cell-status")).to_have_text("Processing")


def test_new_rows_wait_while_a_row_is_in_use_or_another_page_is_shown(
    dashboard: Dashboard, world: World, market: Market
) -> None:
    placed = [market.place().id for _ in range(PAGE_SIZE + 1)]
    dashboard.sign_in(market.admin, address(market))
    dashboard.row(placed[-1]).get_by_role("link").focus()
    first = market.place().id
    expect(dashboard.hook("new-rows")).to_have_text("Show 1 new order")
    assert dashboard.ids() == placed[::-1][:PAGE_SIZE]
    dashboard.click("new-rows")
    assert dashboard.ids()[:2] == [first, placed[-1]]
    dashboard.click("next")
    second = market.place().id
    expect(dashboard.hook("new-rows")).to_be_visible()
    assert dashboard.ids() == placed[:2][::-1]
    dashboard.click("new-rows")
    assert dashboard.ids()[:2] == [second, first]
    expect(dashboard.hook("new-rows")).to_be_hidden()


def test_an_order_is_cancelled_with_a_reason_and_only_while_the_api_allows_it(
    dashboard: Dashboard, market: Market
) -> None:
    shipped, sale = market.sell_many(2)
    shipped.do(0, "accept", "ship")
    dashboard.sign_in(market.admin, address(market))
    expect(dashboard.row(shipped.id).get_by_test_id("action-cancel")).to_have_count(0)
    cancel = dashboard.row(sale.id).get_by_test_id("action-cancel")
    cancel.click()
    dashboard.click("confirm-no")
    assert dashboard.focused() == "action-cancel"
    cancel.click()
    dashboard.hook("confirm-reason").fill("ordered <b>twice</b>")
    dashboard.page.keyboard.press("Enter")
    assert sale.placed["number"] in dashboard.toast("ok")
    dashboard.ready()
    expect(dashboard.row(sale.id)).to_have_attribute("data-status", "cancelled")
    expect(cancel).to_have_count(0)
    assert {entry["data"].get("reason") for entry in sale.trail()} >= {"ordered <b>twice</b>"}


def test_an_order_that_has_changed_meanwhile_is_read_anew_instead(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 412")
    sale = market.sell()
    dashboard.sign_in(market.admin, address(market))
    dashboard.row(sale.id).get_by_test_id("action-cancel").click()
    sale.do(0, "accept")
    dashboard.click("confirm-yes")
    assert "is processing now, no longer confirmed" in dashboard.toast("error")
    expect(dashboard.row(sale.id)).to_have_attribute("data-status", "processing")
    assert sale.status() == "processing"


@pytest.mark.parametrize(
    ("currency", "price", "value", "text"),
    [("JPY", 1999, "3998", "¥3,998"), ("KWD", 1999, "3.998", "KWD\N{NO-BREAK SPACE}3.998")],
)
def test_amounts_have_the_decimals_of_their_currency(
    dashboard: Dashboard, world: World, currency: str, price: int, value: str, text: str
) -> None:
    customer = world.customer([(world.product(price, currency=currency), 2)], currency)
    placed = customer.place()
    admin = world.admin()
    dashboard.sign_in(admin, f"/dashboard?customer_id={customer.id}")
    total = dashboard.row(placed["id"]).get_by_test_id("cell-total")
    expect(total).to_have_attribute("data-value", value)
    expect(total).to_have_text(text)


def test_no_page_of_an_admin_asks_more_than_30_questions_a_minute(
    open_dashboard: OpenDashboard, world: World, market: Market
) -> None:
    sale, admin, seconds = market.sell(), world.admin(), 8
    paths = [address(market), f"/dashboard/orders/{sale.id}", "/dashboard/dead-letters"]
    windows = [open_dashboard().sign_in(admin, path) for path in paths]
    windows[-1].page.wait_for_timeout(4000)  # what a list asks once, before it follows changes
    asked = [len(window.api_requests()) for window in windows]
    windows[-1].page.wait_for_timeout(seconds * 1000)
    for window, before in zip(windows, asked, strict=True):
        assert len(window.api_requests()) - before <= QUESTIONS_A_MINUTE * seconds / 60, window.page.url


def test_texts_of_any_length_and_kind_stay_texts(open_dashboard: OpenDashboard, world: World) -> None:
    name = "<img src=x onerror=alert(1)>" + "Donaudampfschifffahrtsgesellschaft" * 4
    market = Market(world, 9_007_199_254_740_991 // 2, name=name[:200], sku="S" * 64)
    sale = market.place()
    dashboard = open_dashboard(viewport={"width": 320, "height": 640})
    dashboard.sign_in(market.admin, address(market))
    expect(dashboard.row(sale.id).get_by_test_id("cell-items")).to_contain_text("<img src=x onerror=alert(1)>")
    assert dashboard.page.locator("main img").count() == 0
    assert not scrolls_sideways(dashboard.page)


@pytest.mark.parametrize("state", ["rows", "no row", "an error", "a question", "loading"])
def test_the_list_is_accessible_with(dashboard: Dashboard, market: Market, state: str) -> None:
    dashboard.expects("status of 400")
    sale = market.sell()
    sale.do(0, "accept", "ship")
    more = {"no row": {"q": "nothing"}, "an error": {"min_total": "many"}}
    open_order = market.place()
    dashboard.sign_in(market.admin, address(market, **more.get(state, {})))
    if state == "a question":
        dashboard.row(open_order.id).get_by_test_id("action-cancel").click()
    if state == "loading":
        dashboard.page.route("**/api/v1/orders?*", lambda route: None)
        dashboard.hook("ordering").select_option("total")
        expect(dashboard.hook("loading")).to_be_visible()
        expect(dashboard.main).to_have_attribute("aria-busy", "true")
    check_accessibility(dashboard)
