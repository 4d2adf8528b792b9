"""`/api/doc` in a real browser, from pasting a token to reading the refusal of a wrong role.

Needs Debian's packages chromium and chromium-driver; without them these tests are skipped.
"""

import json
import shutil
import uuid
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.support.world import World

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = pytest.mark.skipif(
    not (BROWSER and DRIVER), reason="no browser here: apt-get install chromium chromium-driver"
)
PATIENCE_SECONDS = 30
OPTIONS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1300,1600")


class DocsPage:
    """The page, operated through its visible elements."""

    def __init__(self, driver: webdriver.Chrome, url: str) -> None:
        self.driver, self.url = driver, url

    def open(self) -> None:
        """Load it and wait until the endpoints are shown."""
        self.driver.get(f"{self.url}/api/doc")
        self.until(self.operations)

    def operations(self) -> list[str]:
        """Return the endpoints on the page: their groups and names."""
        found = self.driver.find_elements(By.CSS_SELECTOR, ".opblock")
        return [str(block.get_attribute("id")).removeprefix("operations-") for block in found]

    def authorise(self, token: str) -> None:
        """Paste a token into the dialog, replacing the previous one."""
        self.click(".btn.authorize")
        if self.find(".auth-btn-wrapper button").text == "Logout":
            self.click(".auth-btn-wrapper button")
        self.find(".auth-container input").send_keys(token)
        self.click(".auth-btn-wrapper .authorize")
        self.click(".auth-btn-wrapper .btn-done")

    def unfold(self, operation: str) -> WebElement:
        """Open an endpoint, ready to be tried out."""
        block = self.driver.find_element(By.ID, f"operations-{operation}")
        if "is-open" not in str(block.get_attribute("class")):
            block.find_element(By.CSS_SELECTOR, ".opblock-summary-control").click()
        self.until(lambda: block.find_elements(By.CSS_SELECTOR, ".execute"))
        return block

    def execute(self, operation: str, **parameters: str) -> tuple[int, dict[str, Any]]:
        """Fill in the parameters, press Execute, and read status and body off the page."""
        block = self.unfold(operation)
        for name, value in parameters.items():
            selector = f'[data-param-name="{name.replace("_key", "-Key")}"] input'
            field = self.until(partial(block.find_elements, By.CSS_SELECTOR, selector))[0]
            self.driver.execute_script("arguments[0].select()", field)
            field.send_keys(value)
        for old in block.find_elements(By.CSS_SELECTOR, ".btn-clear"):
            old.click()
        block.find_element(By.CSS_SELECTOR, ".execute").click()
        answer = self.until(lambda: block.find_elements(By.CSS_SELECTOR, ".live-responses-table .response"))[0]
        status = self.until(lambda: answer.find_element(By.CSS_SELECTOR, ".response-col_status").text.split())[0]
        body = answer.find_element(By.CSS_SELECTOR, ".response-col_description .highlight-code code")
        return int(status), json.loads(str(body.get_attribute("textContent")))

    def search(self, phrase: str) -> None:
        """Type into the search field, replacing its text."""
        field = self.find(".operation-filter-input")
        self.driver.execute_script("arguments[0].select()", field)
        field.send_keys(phrase)

    def find(self, selector: str) -> WebElement:
        """Return the element that the selector names, once it exists."""
        return self.until(lambda: self.driver.find_elements(By.CSS_SELECTOR, selector))[0]

    def click(self, selector: str) -> None:
        self.find(selector).click()

    def until(self, look: Callable[[], Any]) -> Any:
        """Wait until `look` returns a true value, and return that."""
        return WebDriverWait(self.driver, PATIENCE_SECONDS, poll_frequency=0.1).until(lambda _: look())

    def console_messages(self) -> list[str]:
        """Return the browser's console messages, including violations of the content security policy."""
        return [entry["message"] for entry in self.driver.get_log("browser")]

    def requests(self) -> set[str]:
        """Return every address that the page has requested so far."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        return {m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"}

    def statuses(self) -> dict[str, int]:
        """Return the last status that the service sent for each address, since the last call of this or `requests`."""
        messages = [json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance")]
        sent = {
            m["params"]["requestId"]: m["params"]["request"]["url"]
            for m in messages
            if m["method"] == "Network.requestWillBeSent"
        }
        received = [m["params"] for m in messages if m["method"] == "Network.responseReceivedExtraInfo"]
        return {sent[one["requestId"]]: one["statusCode"] for one in received if one["requestId"] in sent}


@pytest.fixture(scope="module")
def driver() -> Iterator[webdriver.Chrome]:
    options = webdriver.ChromeOptions()
    options.binary_location = BROWSER or ""
    for option in OPTIONS:
        options.add_argument(option)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_page_load_timeout(PATIENCE_SECONDS)
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture
def page(driver: webdriver.Chrome, world: World) -> DocsPage:
    page = DocsPage(driver, world.url)
    page.open()
    return page


def token(person: Any) -> str:
    return str(person.http.headers["Authorization"]).removeprefix("Bearer ")


def test_the_page_loads_without_console_messages_and_from_its_own_origin_alone(page: DocsPage) -> None:
    page.unfold("Customers-place_order")
    assert page.console_messages() == []
    asked = page.requests()
    assert f"{page.url}/api/schema" in asked
    assert all(address.startswith((f"{page.url}/", "data:")) for address in asked), asked


def test_the_browser_revalidates_its_copy_of_the_page_which_still_works(page: DocsPage) -> None:
    page.statuses()
    page.open()
    page.unfold("Customers-place_order")
    assert page.console_messages() == []
    statuses = page.statuses()
    assert statuses[f"{page.url}/api/doc"] == statuses[f"{page.url}/api/schema"] == 304
    assert f"{page.url}/api/doc/swagger-ui-bundle.js" not in statuses  # kept for an hour


def test_every_endpoint_is_on_the_page_in_its_group(page: DocsPage, world: World) -> None:
    document = world.admin().http.get("/api/schema").json()
    operations = [operation for path in document["paths"].values() for operation in path.values()]
    assert page.operations() == [
        f"{operation['tags'][0]}-{operation['operationId']}"
        for tag in document["tags"]
        for operation in operations
        if operation["tags"] == [tag["name"]]
    ]


def test_a_customer_places_an_order_and_reads_it_back(page: DocsPage, world: World) -> None:
    customer = world.shopper(name="Stoneware mug", price=1850)
    page.authorise(token(customer))

    status, placed = page.execute("Customers-place_order", Idempotency_key=str(uuid.uuid4()))
    assert (status, placed["status"], placed["total"]) == (201, "pending", "37.00")

    status, read = page.execute("Customers-read_order", order_id=placed["id"])
    assert (status, read["number"]) == (200, placed["number"])
    assert page.console_messages() == []


def test_the_wrong_role_is_refused_on_the_page(page: DocsPage, world: World) -> None:
    page.authorise(token(world.vendor("v-1")))
    status, problem = page.execute("Customers-place_order", Idempotency_key=str(uuid.uuid4()))
    assert (status, problem["code"]) == (403, "permission_denied")


def test_the_token_is_still_there_after_a_reload(page: DocsPage, world: World) -> None:
    page.authorise(token(world.vendor("v-1")))
    page.open()
    status, summary = page.execute("Vendors-summarize_vendor_orders")
    assert (status, sorted(summary)) == (200, ["counts", "oldest_waiting_at", "revenue", "to_accept"])


@pytest.mark.parametrize(
    ("phrase", "found"),
    [
        ("parcels", ["Customers-track_order"]),
        ("NOT_cancellable", ["Customers-cancel_order"]),
        ("vendor processing shipped", ["Vendors-ship_vendor_order"]),
        ("/readyz", ["Operations-readyz"]),
        ("no such thing", []),
    ],
)
def test_search_finds_endpoints_by_any_of_their_words(page: DocsPage, phrase: str, found: list[str]) -> None:
    page.search(phrase)
    page.until(lambda: page.operations() == found)
