"""Changes by others appear within 5 s without a reload, and no row moves that is about to be used."""

import re
import time
from collections.abc import Callable
from itertools import pairwise

import pytest
from playwright.sync_api import Route, expect

from tests.support.dashboard_page import Dashboard, number_in, vendor_page
from tests.support.market import Market
from tests.support.world import World

SECONDS = 5
WITHIN = SECONDS * 1000


@pytest.fixture
def market(world: World) -> Market:
    return Market(world, 1000, 333, name="Stoneware mug")


@pytest.fixture
def elsewhere(second_world: World, market: Market) -> Callable[[str, str], None]:
    """Return a function with which a colleague acts on a vendor order, through another server process."""
    colleague = second_world.vendor(market.vendor_ids[0])

    def act(part: str, action: str) -> None:
        body = {"carrier": "DHL", "tracking_number": "JD"} if action == "ship" else {}
        answer = colleague.post(f"/vendor-orders/{part}/{action}", body)
        assert answer.status_code == 200, answer.text

    return act


def test_a_paid_order_appears_on_the_board_marked_as_new(dashboard: Dashboard, market: Market) -> None:
    dashboard.sign_in(market.vendors[0])
    expect(dashboard.hook("live")).to_have_attribute("data-state", "live")
    sale = market.place()
    expect(dashboard.hook("tile-unpaid")).to_have_attribute("data-value", "1", timeout=WITHIN)
    sale.pay()
    sale.confirmed()
    row = dashboard.row(sale.parts[0])
    expect(row).to_be_visible(timeout=WITHIN)
    expect(row).to_have_attribute("data-new", "true")
    expect(dashboard.hook("tile-to-accept")).to_have_attribute("data-value", "1")
    expect(dashboard.page).to_have_title(re.compile(r"^\(1\) Orders"))
    expect(dashboard.hook("announcer")).to_have_text("1 new order.")
    expect(row).not_to_have_attribute("data-new", "true", timeout=12_000)


def test_a_colleagues_action_changes_row_and_tiles(
    dashboard: Dashboard, market: Market, elsewhere: Callable[[str, str], None]
) -> None:
    sale = market.sell()
    elsewhere(sale.parts[0], "accept")
    dashboard.sign_in(market.vendors[0], "/dashboard?tab=processing")
    elsewhere(sale.parts[0], "ship")
    expect(dashboard.row(sale.parts[0])).to_have_count(0, timeout=WITHIN)
    expect(dashboard.hook("tile-shipped")).to_have_attribute("data-value", "1")


def test_no_row_moves_under_the_pointer(
    dashboard: Dashboard, market: Market, elsewhere: Callable[[str, str], None]
) -> None:
    older, newer = market.sell_many(2)
    for sale in (older, newer):
        sale.do(0, "accept")
    third = market.sell()
    dashboard.sign_in(market.vendors[0], "/dashboard?tab=processing")
    dashboard.row(older.parts[0]).get_by_test_id("cell-country").hover()
    elsewhere(third.parts[0], "accept")
    expect(dashboard.hook("new-rows")).to_be_visible(timeout=WITHIN)
    assert number_in(dashboard.hook("new-rows").text_content()) == 1
    elsewhere(newer.parts[0], "ship")
    expect(dashboard.row(newer.parts[0])).to_have_attribute("data-status", "shipped", timeout=WITHIN)
    assert dashboard.ids() == [newer.parts[0], older.parts[0]]
    dashboard.click("new-rows")
    assert dashboard.ids() == [third.parts[0], older.parts[0]]
    expect(dashboard.row(third.parts[0])).to_have_attribute("data-new", "true")
    expect(dashboard.hook("new-rows")).to_be_hidden()


def test_no_row_moves_under_the_focus_and_they_follow_when_it_leaves(
    dashboard: Dashboard, market: Market, elsewhere: Callable[[str, str], None]
) -> None:
    first, second = market.sell_many(2)
    dashboard.sign_in(market.vendors[0])
    dashboard.row(second.parts[0]).get_by_test_id("action-accept").focus()
    elsewhere(first.parts[0], "accept")
    expect(dashboard.row(first.parts[0])).to_have_attribute("data-status", "processing", timeout=WITHIN)
    assert dashboard.ids() == [first.parts[0], second.parts[0]]
    assert dashboard.focused() == "action-accept"
    dashboard.hook("filter-q").focus()
    expect(dashboard.row(first.parts[0])).to_have_count(0, timeout=WITHIN)


def test_new_rows_at_the_end_of_the_list_move_nothing(dashboard: Dashboard, market: Market) -> None:
    first = market.sell()
    dashboard.sign_in(market.vendors[0])
    dashboard.row(first.parts[0]).hover()
    second = market.sell()
    expect(dashboard.row(second.parts[0])).to_be_visible(timeout=WITHIN)


@pytest.mark.parametrize("reason", ["a row is selected", "a dialog is open", "another page is shown"])
def test_new_rows_wait_behind_a_button_while(dashboard: Dashboard, market: Market, reason: str) -> None:
    market.sell_many(21 if reason == "another page is shown" else 1)
    dashboard.sign_in(market.vendors[0])
    match reason:
        case "a row is selected":
            dashboard.hook("select-row").check()
        case "a dialog is open":
            dashboard.hook("action-cancel").click()
        case "another page is shown":
            dashboard.click("next")
    dashboard.page.mouse.move(5, 5)
    before = dashboard.ids()
    market.sell_many(2)
    expect(dashboard.hook("new-rows")).to_have_attribute("data-value", "2", timeout=WITHIN + 5000)
    assert dashboard.ids() == before
    if reason == "a dialog is open":
        dashboard.hook("confirm-no").click()
    dashboard.click("new-rows")
    assert len(dashboard.ids()) == 3


def test_the_page_of_a_vendor_order_follows_its_stream(
    dashboard: Dashboard, market: Market, elsewhere: Callable[[str, str], None]
) -> None:
    sale = market.sell()
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, sale.parts[0]))
    expect(dashboard.hook("timeline-entry")).to_have_count(1)
    elsewhere(sale.parts[0], "accept")
    expect(dashboard.hook("timeline-entry")).to_have_count(2, timeout=WITHIN)
    expect(dashboard.main).to_have_attribute("data-status", "processing", timeout=WITHIN)
    expect(dashboard.hook("action-ship")).to_be_visible()


@pytest.mark.parametrize("page", ["board", "vendor order"])
def test_a_hidden_page_asks_nothing_and_catches_up_when_it_is_seen(
    dashboard: Dashboard, market: Market, elsewhere: Callable[[str, str], None], page: str
) -> None:
    sale = market.sell()
    dashboard.sign_in(market.vendors[0], "/dashboard" if page == "board" else vendor_page(market.world, sale.parts[0]))
    with dashboard.hidden():
        expect(dashboard.hook("live")).to_have_attribute("data-state", "paused")
        dashboard.page.wait_for_timeout(500)  # what was asked before is answered
        asked = len(dashboard.api_requests())
        elsewhere(sale.parts[0], "accept")
        dashboard.page.wait_for_timeout(6000)
        assert len(dashboard.api_requests()) == asked
    if page == "board":
        expect(dashboard.hook("tile-processing")).to_have_attribute("data-value", "1", timeout=2000)
    else:
        expect(dashboard.main).to_have_attribute("data-status", "processing", timeout=2000)
        expect(dashboard.hook("timeline-entry")).to_have_count(2, timeout=2000)
        streams = [one for one in dashboard.requests if one.url.endswith("/stream")]
        assert [one.all_headers().get("last-event-id") for one in streams] == [None, "1"]
    expect(dashboard.hook("live")).to_have_attribute("data-state", "live")


@pytest.mark.parametrize("page", ["board", "vendor order"])
def test_without_a_connection_the_page_says_so_and_loses_nothing(
    dashboard: Dashboard, market: Market, elsewhere: Callable[[str, str], None], page: str
) -> None:
    dashboard.expects("ERR_INTERNET_DISCONNECTED", "ERR_NETWORK_CHANGED")
    sale = market.sell()
    dashboard.sign_in(market.vendors[0], "/dashboard" if page == "board" else vendor_page(market.world, sale.parts[0]))
    dashboard.context.set_offline(True)
    expect(dashboard.hook("live")).to_have_attribute("data-state", "offline", timeout=WITHIN)
    elsewhere(sale.parts[0], "accept")
    elsewhere(sale.parts[0], "ship")
    if page == "board":
        expect(dashboard.row(sale.parts[0])).to_have_attribute("data-status", "pending")
    dashboard.context.set_offline(False)
    expect(dashboard.hook("live")).to_have_attribute("data-state", "live", timeout=WITHIN)
    if page == "board":
        expect(dashboard.hook("tile-shipped")).to_have_attribute("data-value", "1")
    else:
        expect(dashboard.main).to_have_attribute("data-status", "shipped")
        expect(dashboard.hook("timeline-entry")).to_have_count(3)


def test_the_pauses_without_a_connection_grow(dashboard: Dashboard, market: Market) -> None:
    dashboard.expects("ERR_FAILED")
    dashboard.sign_in(market.vendors[0])
    times: list[float] = []

    def refuse(route: Route) -> None:
        times.append(time.monotonic())
        route.abort()

    dashboard.page.route("**/api/v1/**", refuse)
    dashboard.page.wait_for_timeout(17_000)
    pauses = [after - before for before, after in pairwise(times)]
    assert len(pauses) in (3, 4), pauses
    assert all(pause == pytest.approx(2**number, abs=0.6) for number, pause in enumerate(pauses)), pauses


@pytest.mark.parametrize("page", ["board", "vendor order"])
def test_a_page_asks_at_most_30_questions_a_minute_when_nothing_happens(
    dashboard: Dashboard, market: Market, page: str
) -> None:
    sale = market.sell()
    dashboard.sign_in(market.vendors[0], "/dashboard" if page == "board" else vendor_page(market.world, sale.parts[0]))
    dashboard.page.wait_for_timeout(5000)
    before = len(dashboard.api_requests())
    dashboard.page.wait_for_timeout(15_000)
    assert len(dashboard.api_requests()) - before <= 30 * 15 / 60


def test_the_first_list_is_shown_within_a_second_of_signing_in(dashboard: Dashboard, market: Market) -> None:
    market.sell_many(3)
    dashboard.open()
    dashboard.hook("token-input").fill(str(market.vendors[0].http.headers["Authorization"]).removeprefix("Bearer "))
    began = time.monotonic()
    dashboard.hook("sign-in-submit").click()
    dashboard.page.wait_for_selector("[data-testid=row]")
    assert time.monotonic() - began < 1
