"""The search of `/api/doc`."""

from playwright.sync_api import expect

from tests.browser.docs.conftest import OpenPage
from tests.support.docs_page import DocsPage
from tests.support.world import World

FOUND = {
    "/readyz": ["Operations-readyz"],
    "check liveness": ["Operations-healthz"],
    "parcels": ["Customers-track_order"],
    "NOT_cancellable": ["Customers-cancel_order"],
    "idempotency-key": ["Customers-place_order", "Coupons-create_coupon_batch"],
    "orders Idempotent-Replayed": ["Customers-place_order"],
    "last-event-id": ["Customers-stream_order", "Vendors-stream_vendor_order"],
    "customers min_total": ["Customers-list_orders"],
    "oldest_waiting_at": ["Vendors-summarize_vendor_orders"],
    "expected_total postal_code": ["Customers-place_order", "Customers-quote"],
    "everyone": ["Operations-healthz", "Operations-readyz", "Operations-metrics"],
}
"""By path, summary, description, error code, headers, parameters, field of a response, fields of a request, role."""


def test_search_finds_endpoints_by_any_of_their_words(page: DocsPage) -> None:
    total = page.total
    for phrase, found in FOUND.items():
        page.search(phrase)
        expect(page.page.get_by_role("status"), phrase).to_have_text(f"{len(found)} of {total} endpoints")
        assert page.operations() == found
    page.search("")
    expect(page.page.get_by_role("status")).to_have_text(f"{total} endpoints")
    assert len(page.operations()) == total


def test_a_search_without_a_match_says_that_nothing_was_found(page: DocsPage) -> None:
    nothing = page.page.get_by_role("heading", name="Nothing found")
    expect(nothing).to_have_count(0)
    page.search("no such thing")
    expect(nothing).to_be_in_viewport()
    expect(page.page.get_by_role("status")).to_have_text(f"0 of {page.total} endpoints")
    assert page.operations() == []
    page.page.get_by_role("button", name="Show all endpoints").click()
    expect(nothing).to_have_count(0)
    assert len(page.operations()) == page.total
    expect(page.page.get_by_label("Search the endpoints")).to_have_value("")


def test_what_a_search_finds_is_on_the_screen(open_page: OpenPage, world: World) -> None:
    page = DocsPage(open_page(viewport={"width": 1300, "height": 500}), world.url)
    page.open()
    expect(page.row("Customers-list_orders")).not_to_be_in_viewport()
    page.search("orders")
    expect(page.row("Customers-list_orders")).to_be_in_viewport()
    page.search("")
    page.operation("Operations-metrics").scroll_into_view_if_needed()
    page.search("vendor-orders")
    expect(page.row("Vendors-list_vendor_orders")).to_be_in_viewport()
