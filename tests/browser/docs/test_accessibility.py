"""`/api/doc` and `/` for everyone: axe's findings, the keyboard, the focus."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.browser.docs.conftest import OpenPage
from tests.support.docs_page import DocsPage
from tests.support.world import World

PLACE, LIST, STREAM = "Customers-place_order", "Customers-list_orders", "Customers-stream_order"

KNOWN = {("scrollable-region-focusable", "pre.microlight")}
"""Swagger UI's own: long code scrolls in a box that a keyboard reaches in Chromium and Firefox, which give the focus to every
box that scrolls, and in Safari not."""


def everything_opened(page: DocsPage) -> None:
    page.execute(PLACE)
    for fold in page.operation(PLACE).locator(".fold").all():
        fold.click()
    page.unfold(LIST)
    page.unfold(STREAM)
    page.page.locator(".models-control").click()
    page.page.get_by_role("button", name="Expand all").first.click()


STATES: dict[str, Callable[[DocsPage], object]] = {
    "everything opened": everything_opened,
    "nothing found": lambda page: page.search("no such thing"),
    "dialog": lambda page: page.page.get_by_role("button", name="Authorize", exact=True).click(),
}


def findings(page: Page) -> list[str]:
    """Return axe's serious and critical findings that are not known."""
    found = []
    for violation in Axe().run(page).response["violations"]:
        for node in violation["nodes"]:
            if violation["impact"] in ("serious", "critical"):
                is_known = any(
                    violation["id"] == rule
                    and page.locator(node["target"][0]).first.evaluate(f"e => e.matches('{of}')")
                    for rule, of in KNOWN
                )
                found += [] if is_known else [f"{violation['id']}: {node['html'][:150]} {node['any']}"]
    return found


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1440, "light")])
def test_axe_finds_nothing_serious_in_any_state(open_page: OpenPage, world: World, scheme: str, width: int) -> None:
    page = DocsPage(open_page(color_scheme=scheme, viewport={"width": width, "height": 900}), world.url)
    for state, bring_about in STATES.items():
        page.open()
        bring_about(page)
        assert findings(page.page) == [], state


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_axe_finds_nothing_on_the_page_at_the_root(open_page: OpenPage, world: World, scheme: str) -> None:
    page = open_page(color_scheme=scheme)
    page.goto(f"{world.url}/")
    assert Axe().run(page).response["violations"] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_an_endpoint_is_opened_and_closed_by_keyboard_with_visible_focus(page: DocsPage, scheme: Any) -> None:
    page.page.emulate_media(color_scheme=scheme)
    page.page.get_by_label("Search the endpoints").focus()
    for _ in range(3):  # the group's name, its arrow, the first row
        page.page.keyboard.press("Tab")
    expect(page.row(PLACE)).to_be_focused()
    assert page.row(PLACE).evaluate("row => getComputedStyle(row).outlineStyle") != "none"
    page.page.keyboard.press("Enter")
    expect(page.row(PLACE)).to_have_attribute("aria-expanded", "true")
    page.page.keyboard.press("Space")
    expect(page.row(PLACE)).to_have_attribute("aria-expanded", "false")


def test_the_dialog_has_the_focus_keeps_it_and_gives_it_back(page: DocsPage) -> None:
    opener = page.page.get_by_role("button", name="Authorize", exact=True)
    opener.press("Enter")
    dialog = page.page.get_by_role("dialog", name="Authorize")
    expect(dialog.get_by_role("textbox")).to_be_focused()
    for _ in range(8):
        page.page.keyboard.press("Tab")
        assert page.page.evaluate("!document.querySelector('#swagger-ui dialog + *, header a:focus, .opblock :focus')")
    page.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(opener).to_be_focused()
