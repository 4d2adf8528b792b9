"""WCAG 2.2 AA as far as it can be measured: axe on every state, keyboard, targets, narrow and enlarged windows."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any, Literal

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.support.dashboard_page import DESKTOP, PHONE, Dashboard, OpenDashboard, scrolls_sideways, vendor_page
from tests.support.market import Market
from tests.support.world import World

LONG = "An uncommonly-long-name-without-any-place-where-a-line-could-end-" * 3
SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
TARGET_PX = 44

TARGETS = """() => [...document.querySelectorAll("a[href], button, input, select, summary")].flatMap((element) => {
    const around = element.type === "checkbox" ? element.closest("label") ?? element : element;
    const { width, height } = around.getBoundingClientRect();
    const isInText = element.tagName === "A" && !["tile", "button", "brand"].some((name) => element.classList.contains(name))
        && !element.closest("nav");
    const isShown = element.checkVisibility() && !element.matches(".skip-link");
    return isShown && !isInText && height < 44 ? [`${element.outerHTML} ${width} x ${height}`] : [];
})"""

State = Callable[[Dashboard, Market], None]


def act(dashboard: Dashboard, market: Market, action: str, path: str = "/dashboard") -> None:
    dashboard.sign_in(market.vendors[0], path)
    dashboard.rows.first.get_by_test_id(f"action-{action}").click()


def signed_out(dashboard: Dashboard, market: Market) -> None:
    dashboard.open()


def refused_token(dashboard: Dashboard, market: Market) -> None:
    dashboard.open()
    dashboard.give_token("abc.def.ghi")
    expect(dashboard.hook("sign-in-error")).to_be_visible()


def board(dashboard: Dashboard, market: Market) -> None:
    dashboard.sign_in(market.vendors[0])


def board_with_selection(dashboard: Dashboard, market: Market) -> None:
    board(dashboard, market)
    dashboard.hook("select-page").check()


def board_without_rows(dashboard: Dashboard, market: Market) -> None:
    dashboard.sign_in(market.vendors[0], "/dashboard?tab=cancelled&q=nothing")


def board_with_error(dashboard: Dashboard, market: Market) -> None:
    dashboard.sign_in(market.vendors[0], "/dashboard?created_after=yesterday")


def board_while_loading(dashboard: Dashboard, market: Market) -> None:
    board(dashboard, market)
    dashboard.page.route("**/api/v1/vendor-orders?*", lambda route: None)
    dashboard.hook("tile-shipped").click()
    expect(dashboard.hook("loading")).to_be_visible()
    expect(dashboard.main).to_have_attribute("aria-busy", "true")


def shipping(dashboard: Dashboard, market: Market) -> None:
    act(dashboard, market, "ship", "/dashboard?tab=processing")
    dashboard.click("ship-submit")
    expect(dashboard.hook("field-error-carrier")).to_be_visible()


def cancelling(dashboard: Dashboard, market: Market) -> None:
    act(dashboard, market, "cancel")


def vendor_order(dashboard: Dashboard, market: Market) -> None:
    shipped = market.vendors[0].get("/vendor-orders?status=shipped").json()["results"][0]
    dashboard.sign_in(market.vendors[0], vendor_page(market.world, shipped["id"]))


def vendor_order_for_an_admin(dashboard: Dashboard, market: Market) -> None:
    shipped = market.vendors[0].get("/vendor-orders?status=shipped").json()["results"][0]
    dashboard.sign_in(market.admin, vendor_page(market.world, shipped["id"]))
    dashboard.page.locator("summary").first.click()


def toast(dashboard: Dashboard, market: Market) -> None:
    vendor_order(dashboard, market)
    dashboard.hook("copy-address").click()
    expect(dashboard.hook("toast")).to_be_visible()


def not_found(dashboard: Dashboard, market: Market) -> None:
    dashboard.sign_in(market.vendors[0], "/dashboard/nowhere")


def forbidden(dashboard: Dashboard, market: Market) -> None:
    dashboard.sign_in(market.vendors[0], "/dashboard/orders")


STATES: list[State] = [
    signed_out,
    refused_token,
    board,
    board_with_selection,
    board_without_rows,
    board_with_error,
    board_while_loading,
    shipping,
    cancelling,
    vendor_order,
    vendor_order_for_an_admin,
    toast,
    not_found,
    forbidden,
]


@pytest.fixture
def market(world: World) -> Market:
    """Return a market with long texts and an order to accept, one in processing and one shipped."""
    market = Market(world, 1999, 333, name=LONG, sku="LONG-" * 10)
    address = {"name": LONG[:90], "line1": LONG[:90], "city": LONG[:60], "country": "FR", "postal_code": "75001"}
    _, processing, shipped = market.sell_many(3, {"shipping_address": address})
    processing.do(0, "accept")
    shipped.do(0, "accept", "ship")
    return market


@contextmanager
def each_look(dashboard: Dashboard) -> Iterator[Callable[[], Iterator[str]]]:
    """Yield a generator function that takes the window through both widths and both colour schemes."""

    def looks() -> Iterator[str]:
        for width, viewport in (("phone", PHONE), ("desktop", DESKTOP)):
            dashboard.page.set_viewport_size(viewport)  # type: ignore[arg-type]
            for scheme in SCHEMES:
                dashboard.page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                yield f"{width}, {scheme}"

    yield looks


def violations(dashboard: Dashboard) -> list[Any]:
    """Return what axe finds serious or critical."""
    found = Axe().run(dashboard.page).response["violations"]
    return [
        (one["id"], [(node["html"], node["failureSummary"]) for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    dashboard: Dashboard, market: Market, state: State
) -> None:
    dashboard.expects("status of 40")
    state(dashboard, market)
    with each_look(dashboard) as looks:
        for look in looks():
            assert violations(dashboard) == [], look
            assert not scrolls_sideways(dashboard.page), look
    dashboard.page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    assert dashboard.page.evaluate(TARGETS) == []
    dashboard.page.set_viewport_size({"width": 320, "height": 200})  # 1280 x 800 at 400 %
    assert not scrolls_sideways(dashboard.page)


def test_on_a_phone_each_row_is_a_card_with_named_values(open_dashboard: OpenDashboard, market: Market) -> None:
    dashboard = open_dashboard(viewport=PHONE)
    board(dashboard, market)
    row = dashboard.rows.first
    names = [
        row.get_by_test_id(f"cell-{field}").evaluate("cell => getComputedStyle(cell, '::before').content")
        for field in ("order_number", "items", "total", "country", "created_at", "status", "available_actions")
    ]
    assert [name.split('"')[1] for name in names] == [
        *("Order", "Items", "Total", "Country", "Placed", "Status", "Actions")
    ]
    lefts = {row.get_by_test_id(f"cell-{field}").bounding_box()["x"] for field in ("items", "total", "status")}  # type: ignore[index]
    assert len(lefts) == 1, "the values stand below each other"
    expect(dashboard.page.get_by_role("table")).to_have_count(1)
    expect(dashboard.page.get_by_role("columnheader", name="Total")).to_have_count(1)


def test_an_order_is_accepted_and_shipped_by_keyboard_alone(dashboard: Dashboard, market: Market) -> None:
    page, press = dashboard.page, dashboard.page.keyboard.press
    dashboard.open()
    assert dashboard.focused() == "H1"
    press("Tab")
    page.keyboard.insert_text(str(market.vendors[0].http.headers["Authorization"]).removeprefix("Bearer "))
    press("Enter")
    page.wait_for_selector("main[data-page=board]")
    dashboard.ready()
    assert dashboard.focused() == "H1"
    tab_until(dashboard, "action-accept")
    press("Enter")
    expect(dashboard.rows.first).to_have_attribute("data-status", "processing")
    dashboard.ready()
    assert dashboard.focused() == "action-ship", "the focus stays in the row"
    press("Enter")
    assert dashboard.focused() == "ship-carrier"
    page.keyboard.type("DHL")
    press("Tab")
    page.keyboard.type("JD0146")
    press("Enter")
    expect(dashboard.rows.first).to_have_attribute("data-status", "shipped")
    assert dashboard.focused() == "action-deliver"


def tab_until(dashboard: Dashboard, hook: str) -> None:
    """Press Tab until an element has the focus; each on the way shows it, and they follow as they are seen."""
    seen: list[tuple[float, float]] = []
    for _ in range(60):
        dashboard.page.keyboard.press("Tab")
        outline, middle, left = dashboard.page.evaluate(
            """() => {
                const { top, bottom, left } = document.activeElement.getBoundingClientRect();
                const middle = scrollY + (bottom - top > 100 ? top : (top + bottom) / 2);  // of a region: its beginning
                return [getComputedStyle(document.activeElement).outlineStyle, middle, left];
            }"""
        )
        assert outline != "none", dashboard.focused()
        seen.append((middle, left))
        if dashboard.focused() == hook:
            break
    assert dashboard.focused() == hook
    for (middle, left), (next_middle, next_left) in pairwise(seen):
        is_beside = abs(next_middle - middle) < 30
        assert next_left >= left if is_beside else next_middle > middle, (
            "the order of the focus is the one that is seen"
        )


@pytest.mark.parametrize("scheme", SCHEMES)
def test_with_forced_colours_the_state_is_still_told(
    open_dashboard: OpenDashboard, market: Market, scheme: Literal["light", "dark"]
) -> None:
    dashboard = open_dashboard(forced_colors="active", color_scheme=scheme)
    board(dashboard, market)
    current = dashboard.hook("tile-to-accept").evaluate("tile => getComputedStyle(tile).outlineStyle")
    other = dashboard.hook("tile-shipped").evaluate("tile => getComputedStyle(tile).outlineStyle")
    assert (current, other) == ("solid", "none")
    expect(dashboard.rows.first.get_by_test_id("cell-status")).to_have_text("Pending")


def test_nothing_moves_for_people_who_asked_for_less_motion(dashboard: Dashboard, market: Market) -> None:
    board(dashboard, market)
    market.sell()
    dashboard.page.wait_for_selector("[data-testid=row][data-new]")
    assert dashboard.page.evaluate("document.getAnimations().length") == 0
