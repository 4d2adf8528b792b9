"""`/api/doc` in a real browser: what it shows, what it sends, and what it forgets."""

import os
import shutil
import subprocess
from typing import Any

import pytest
from playwright.sync_api import expect

from tests.browser.docs.conftest import OpenPage
from tests.support.docs_page import DocsPage
from tests.support.market import Market
from tests.support.world import Person, World

PLACE, READ, STREAM = "Customers-place_order", "Customers-read_order", "Customers-stream_order"
SUMMARY = "Vendors-summarize_vendor_orders"


def token(person: Person) -> str:
    return str(person.http.headers["Authorization"]).removeprefix("Bearer ")


@pytest.fixture
def document(world: World) -> dict[str, Any]:
    """Return the OpenAPI document."""
    return dict(world.admin().http.get("/api/schema").json())


def operations_of(document: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the operations by their names on the page, in its order."""
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    return {
        f"{operation['tags'][0]}-{operation['operationId']}": operation
        for tag in document["tags"]
        for operation in operations
        if operation["tags"] == [tag["name"]]
    }


def test_every_endpoint_is_on_the_page_in_its_group(page: DocsPage, document: dict[str, Any]) -> None:
    assert page.operations() == list(operations_of(document))


def test_every_closed_row_names_the_roles_that_may_call_its_endpoint(page: DocsPage, document: dict[str, Any]) -> None:
    for name, operation in operations_of(document).items():
        assert page.row(name).get_attribute("aria-expanded") == "false"
        assert page.row(name).locator(".role").all_inner_texts() == (operation["x-roles"] or ["everyone"]), name
    expect(page.row(READ).get_by_text("customer")).to_be_visible()
    expect(page.row(READ)).to_have_accessible_name("GET /api/v1/orders/{order_id} customer admin Read an order")


def test_the_browser_revalidates_its_copy_of_the_page_which_still_works(open_page: OpenPage, world: World) -> None:
    page = DocsPage(open_page(), world.url)
    network = page.page.context.new_cdp_session(page.page)
    network.send("Network.enable")
    sent, received = {}, {}
    network.on("Network.requestWillBeSent", lambda event: sent.update({event["requestId"]: event["request"]["url"]}))
    network.on(
        "Network.responseReceivedExtraInfo", lambda event: received.update({event["requestId"]: event["statusCode"]})
    )
    page.open()
    sent.clear()
    received.clear()
    page.open()
    page.unfold(PLACE)
    statuses = {sent[each]: status for each, status in received.items() if each in sent}
    assert statuses == {f"{page.url}/api/doc": 304, f"{page.url}/api/schema": 304}  # the assets are kept for an hour


def test_a_customer_places_an_order_and_reads_it_back(page: DocsPage, world: World) -> None:
    page.authorise(token(world.shopper(name="Stoneware mug", price=1850)))

    status, placed = page.execute(PLACE)
    assert (status, placed["status"], placed["total"]) == (201, "pending", "37.00")

    status, read = page.execute(READ, order_id=placed["id"])
    assert (status, read["number"]) == (200, placed["number"])


def test_the_wrong_role_is_refused_on_the_page(page: DocsPage, world: World) -> None:
    page.authorise(token(world.vendor("v-1")))
    status, problem = page.execute(PLACE)
    assert (status, problem["code"]) == (403, "permission_denied")


def test_the_token_is_gone_after_a_reload_and_was_never_stored(page: DocsPage, world: World) -> None:
    page.authorise(token(world.vendor("v-1")))
    assert page.execute(SUMMARY)[0] == 200
    assert page.page.context.storage_state(indexed_db=True) == {"cookies": [], "origins": []}
    assert page.page.evaluate("[localStorage.length, sessionStorage.length, location.search]") == [0, 0, ""]
    page.open()
    status, problem = page.execute(SUMMARY)
    assert (status, problem["code"]) == (401, "not_authenticated")


def test_the_browser_is_asked_not_to_remember_the_token(page: DocsPage) -> None:
    page.page.get_by_role("button", name="Authorize", exact=True).click()
    expect(page.page.get_by_role("dialog").get_by_role("textbox")).to_have_attribute("autocomplete", "off")


def test_error_examples_are_folded_until_they_are_opened(page: DocsPage) -> None:
    errors = page.unfold(PLACE).locator(".response.error")
    codes = ["400", "401", "403", "409", "413", "415", "422", "429", "500", "503"]
    assert errors.locator(".response-col_status").all_inner_texts() == codes
    shown = page.operation(PLACE).get_by_text('"status": 409')
    expect(errors.filter(has_text="out_of_stock").first).to_be_visible()
    expect(page.operation(PLACE).locator(".microlight")).to_have_count(1)  # the order of the 201

    fold = page.operation(PLACE).get_by_role("button", name="Examples of 409")
    expect(fold).to_have_attribute("aria-expanded", "false")
    fold.press("Enter")
    expect(fold).to_have_attribute("aria-expanded", "true")
    expect(shown).to_be_visible()
    expect(page.operation(PLACE).locator(".microlight")).to_have_count(2)
    examples = page.operation(PLACE).locator(".error-examples .examples-select-element")
    examples.select_option("out_of_stock")
    expect(page.operation(PLACE).locator(".error-examples").get_by_text('"shortages"')).to_be_visible()

    expect(fold).to_be_focused()
    fold.press("Enter")
    expect(page.operation(PLACE).locator(".microlight")).to_have_count(1)


def test_a_stream_has_no_execute_but_a_command_that_reads_it(page: DocsPage, world: World) -> None:
    block = page.unfold(STREAM)
    expect(block.get_by_role("button", name="Execute")).to_have_count(0)
    expect(block.get_by_role("button", name="Try it out")).to_have_count(0)
    expect(page.unfold("Vendors-stream_vendor_order").get_by_role("button", name="Execute")).to_have_count(0)
    expect(page.unfold(READ).get_by_role("button", name="Execute")).to_be_visible()

    command = str(block.locator(".stream-hint code").first.text_content())
    assert command.startswith("curl ")
    if shutil.which("curl") is None:
        pytest.skip("no curl here: apt-get install curl")
    sale = Market(world, 1000, 333).place()
    names = {"TOKEN": token(sale.market.customer), "ORDER_ID": sale.id, "no_proxy": "*"}
    with subprocess.Popen(
        ["sh", "-c", f"exec {command}"], env={**os.environ, **names}, stdout=subprocess.PIPE, text=True
    ) as curl:
        assert curl.stdout
        event = next(line for line in curl.stdout if line.startswith("data:"))
        curl.terminate()
    assert '"order.placed"' in event


def test_the_page_is_light_or_dark_as_the_system_is(open_page: OpenPage, world: World) -> None:
    page = DocsPage(open_page(color_scheme="light"), world.url)
    page.open()
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.page.evaluate(background) == "rgb(255, 255, 255)"
    page.page.emulate_media(color_scheme="dark")
    assert page.page.evaluate(background) == "rgb(20, 23, 26)"
    expect(page.page.locator("html.dark-mode")).to_have_count(1)


def test_the_header_leads_to_the_endpoints_and_to_the_services_other_pages(page: DocsPage) -> None:
    links = page.page.get_by_role("banner").get_by_role("link")
    page.page.set_viewport_size({"width": 390, "height": 700})
    links.filter(has_text="Endpoints").click()
    expect(page.row(PLACE)).to_be_in_viewport()
    assert dict(links.evaluate_all("links => links.map(link => [link.innerText, link.href])")) == {
        "Order Service": f"{page.url}/",
        "Endpoints": f"{page.url}/api/doc#operations",
        "Dashboard": f"{page.url}/dashboard",
        "OpenAPI document": f"{page.url}/api/schema",
    }
