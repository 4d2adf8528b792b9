"""The actions of a vendor on the board: each one with its answer, its refusals, and conflicts with others."""

from collections.abc import Callable

import pytest
from playwright.sync_api import Route, expect

from tests.support.dashboard_page import Dashboard, OpenDashboard
from tests.support.market import Market, Sale
from tests.support.server import server
from tests.support.world import World


@pytest.fixture
def market(world: World) -> Market:
    return Market(world, 1000, 333, name="Stoneware mug")


def on_the_board(dashboard: Dashboard, market: Market, sale: Sale, tab: str = "to-accept") -> Callable[[str], None]:
    """Open a list, and return a function that clicks an action of the sale's row."""
    dashboard.sign_in(market.vendors[0], f"/dashboard?tab={tab}")

    def click(action: str) -> None:
        dashboard.row(sale.parts[0]).get_by_test_id(f"action-{action}").click()

    return click


def fill_in_shipment(dashboard: Dashboard, carrier: str, tracking_number: str, tracking_url: str = "") -> None:
    dashboard.hook("ship-carrier").fill(carrier)
    dashboard.hook("ship-tracking-number").fill(tracking_number)
    dashboard.hook("ship-tracking-url").fill(tracking_url)


def test_a_row_has_the_actions_that_the_api_names(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    on_the_board(dashboard, market, sale)
    row = dashboard.row(sale.parts[0])
    for action in ("accept", "ship", "deliver", "cancel"):
        named = action in sale.part(0)["available_actions"]
        expect(row.get_by_test_id(f"action-{action}")).to_have_count(int(named))


def test_an_order_is_accepted_with_its_version_and_its_row_stays_in_place(dashboard: Dashboard, market: Market) -> None:
    sale, other = market.sell_many(2)
    click = on_the_board(dashboard, market, sale)
    version = sale.part(0)["version"]
    with dashboard.page.expect_request("**/accept") as sent:
        click("accept")
    assert sent.value.all_headers()["if-match"] == f'"{version}"'
    assert "processing" in dashboard.toast("ok")
    expect(dashboard.row(sale.parts[0])).to_have_attribute("data-status", "processing")
    expect(dashboard.row(sale.parts[0])).to_have_attribute("data-version", str(version + 1))
    expect(dashboard.row(sale.parts[0]).get_by_test_id("action-ship")).to_be_visible()
    expect(dashboard.hook("tile-to-accept")).to_have_attribute("data-value", "1")
    expect(dashboard.hook("tile-processing")).to_have_attribute("data-value", "1")
    assert dashboard.ids() == [sale.parts[0], other.parts[0]]
    dashboard.page.mouse.move(5, 5)
    dashboard.hook("filter-q").focus()  # nobody uses the rows any more
    expect(dashboard.row(sale.parts[0])).to_have_count(0)


def test_nothing_is_shown_as_done_before_the_api_has_said_so(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    click = on_the_board(dashboard, market, sale)
    held: list[Route] = []
    dashboard.page.route("**/accept", lambda route: held.append(route))
    click("accept")
    button = dashboard.row(sale.parts[0]).get_by_test_id("action-accept")
    expect(button).to_be_disabled()
    expect(button).to_have_attribute("aria-busy", "true")
    expect(dashboard.row(sale.parts[0])).to_have_attribute("data-status", "pending")
    expect(dashboard.page.locator("html")).to_have_attribute("data-ready", "false")
    held[0].continue_()
    expect(dashboard.row(sale.parts[0])).to_have_attribute("data-status", "processing")


def test_refused_input_of_a_shipment_is_shown_at_its_field(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 400")
    sale = market.sell()
    sale.do(0, "accept")
    click = on_the_board(dashboard, market, sale, "processing")
    click("ship")
    expect(dashboard.hook("ship-dialog")).to_be_visible()
    dashboard.ready()
    fill_in_shipment(dashboard, "", "x" * 101, "http://carrier.example/1")
    dashboard.click("ship-submit")
    for name in ("carrier", "tracking_number", "tracking_url"):
        expect(dashboard.hook(f"field-error-{name}")).to_be_visible()
    expect(dashboard.hook("ship-carrier")).to_have_attribute("aria-invalid", "true")
    assert dashboard.focused() == "ship-carrier"
    assert sale.part(0)["status"] == "processing"

    fill_in_shipment(dashboard, "DHL", "JD0146", "https://carrier.example/1")
    dashboard.page.keyboard.press("Enter")
    expect(dashboard.hook("ship-dialog")).to_have_count(0)
    expect(dashboard.row(sale.parts[0])).to_have_attribute("data-status", "shipped")
    assert sale.part(0)["tracking_url"] == "https://carrier.example/1"


def test_a_shipment_needs_no_link(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept")
    click = on_the_board(dashboard, market, sale, "processing")
    click("ship")
    fill_in_shipment(dashboard, "DHL", "JD0146")
    dashboard.hook("ship-submit").click()
    dashboard.toast("ok")
    assert (sale.part(0)["status"], sale.part(0)["tracking_url"]) == ("shipped", None)


def test_a_dialog_that_is_left_does_nothing_and_gives_the_focus_back(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    click = on_the_board(dashboard, market, sale)
    for leave in (
        lambda: dashboard.page.keyboard.press("Escape"),
        lambda: dashboard.hook("confirm-no").click(),
        lambda: dashboard.page.keyboard.press("Enter"),  # the focus is on "no"
    ):
        click("cancel")
        expect(dashboard.hook("confirm-dialog")).to_be_visible()
        leave()
        expect(dashboard.hook("confirm-dialog")).to_have_count(0)
        assert dashboard.focused() == "action-cancel"
    assert sale.part(0)["status"] == "pending"


def test_a_cancellation_is_confirmed_first(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    click = on_the_board(dashboard, market, sale)
    click("cancel")
    expect(dashboard.hook("confirm-reason")).to_have_count(0)  # the API takes none here
    dashboard.hook("confirm-yes").click()
    assert "cancelled" in dashboard.toast("ok")
    expect(dashboard.row(sale.parts[0])).to_have_attribute("data-status", "cancelled")
    assert sale.part(0)["status"] == "cancelled"


def test_a_shipped_order_is_delivered(dashboard: Dashboard, market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept", "ship")
    click = on_the_board(dashboard, market, sale, "shipped")
    click("deliver")
    dashboard.toast("ok")
    expect(dashboard.hook("tile-delivered")).to_have_attribute("data-value", "1")
    assert sale.part(0)["status"] == "delivered"


@pytest.mark.parametrize(
    ("before", "action", "words"),
    [
        (("accept",), "accept", "processing"),  # done by a colleague: the same action again changes nothing
        (("cancel",), "accept", "is cancelled now, no longer pending"),
        (("accept", "ship"), "cancel", "is shipped now, no longer pending"),
    ],
)
def test_after_a_change_by_somebody_else_the_row_is_read_anew_and_the_message_says_what_has_changed(
    dashboard: Dashboard, market: Market, before: tuple[str, ...], action: str, words: str
) -> None:
    dashboard.expects("status of 409", "status of 412")
    sale = market.sell()
    click = on_the_board(dashboard, market, sale)
    row = dashboard.row(sale.parts[0])
    row.hover()
    dashboard.context.route("**/vendor-orders?*", lambda route: None)  # the list does not hear of it first
    done = sale.do(0, *before)
    click(action)
    if action == "cancel":
        dashboard.hook("confirm-yes").click()
    is_repeated = before == (action,)
    assert words in dashboard.toast("ok" if is_repeated else "error")
    expect(row).to_have_attribute("data-status", done["status"])
    expect(row).to_have_attribute("data-version", str(done["version"]))
    assert sale.part(0)["version"] == done["version"]


def test_a_shipment_that_meets_a_change_by_somebody_else_is_not_sent_over_it(
    dashboard: Dashboard, market: Market
) -> None:
    dashboard.expects("status of 409", "status of 412")
    sale = market.sell()
    sale.do(0, "accept")
    click = on_the_board(dashboard, market, sale, "processing")
    click("ship")
    fill_in_shipment(dashboard, "UPS", "1Z")
    sale.do(0, "ship")
    dashboard.hook("ship-submit").click()
    assert "is shipped now, no longer processing" in dashboard.toast("error")
    expect(dashboard.hook("ship-dialog")).to_have_count(0)
    assert sale.part(0)["carrier"] == "DHL"


def test_several_orders_are_accepted_and_each_refusal_is_named(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("status of 409", "status of 412")
    first, refused, third, left = market.sell_many(4)
    dashboard.sign_in(market.vendors[0])
    expect(dashboard.hook("bulk-accept")).to_be_hidden()
    dashboard.hook("select-page").check()
    dashboard.row(left.parts[0]).get_by_test_id("select-row").uncheck()
    refused.do(0, "cancel")
    dashboard.click("bulk-accept")
    result = dashboard.hook("bulk-result")
    expect(result).to_have_attribute("data-accepted", "2")
    expect(result).to_have_attribute("data-refused", "1")
    expect(result.get_by_role("listitem")).to_have_count(1)
    expect(result).to_contain_text(refused.part(0)["order_number"])
    statuses = [sale.part(0)["status"] for sale in (first, refused, third, left)]
    assert statuses == ["processing", "cancelled", "processing", "pending"]
    expect(dashboard.hook("bulk-accept")).to_be_hidden()


def test_beyond_the_rate_limit_the_page_tries_again_by_itself(world: World, open_dashboard: OpenDashboard) -> None:
    with server(world.stack, "limited board", RATE_LIMITS="read=3/9") as url:
        dashboard = open_dashboard(url)
        dashboard.expects("status of 429")
        dashboard.sign_in(world.vendor(f"v-{world.customer().id}"))  # takes all three
        dashboard.click("tile-shipped")
        expect(dashboard.hook("error-code")).to_have_text("rate_limited")
        expect(dashboard.hook("error")).to_contain_text("Trying again in")
        expect(dashboard.hook("retry")).to_be_visible()
        expect(dashboard.hook("empty")).to_be_visible()
