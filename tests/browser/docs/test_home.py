"""The page at `/` in a real browser."""

import pytest
from playwright.sync_api import expect

from tests.browser.docs.conftest import OpenPage
from tests.support.world import World


def test_the_page_leads_to_dashboard_documentation_and_document(open_page: OpenPage, world: World) -> None:
    page = open_page()
    page.goto(f"{world.url}/")
    links = page.get_by_role("link").evaluate_all(
        "links => links.map(a => [a.querySelector('strong').innerText, a.href])"
    )
    assert dict(links) == {
        "Dashboard": f"{world.url}/dashboard",
        "API documentation": f"{world.url}/api/doc",
        "OpenAPI document": f"{world.url}/api/schema",
    }
    page.get_by_role("link", name="API documentation").click()
    expect(page.locator(".opblock").first).to_be_visible()


@pytest.mark.parametrize("width", [320, 390, 1440])
def test_the_page_has_its_style_and_fits_the_screen(open_page: OpenPage, world: World, width: int) -> None:
    page = open_page(viewport={"width": width, "height": 800})
    page.goto(f"{world.url}/")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    for link in page.get_by_role("link").all():
        box = link.bounding_box()
        assert box is not None
        assert box["height"] >= 44
        assert box["x"] >= 16
