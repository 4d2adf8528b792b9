"""The documentation page in a browser, operated through its visible elements."""

import json
from typing import Any

from playwright.sync_api import Locator, Page, expect

SEARCH = "Search the endpoints"
KEY = "Idempotency-Key"


class DocsPage:
    """`/api/doc` of the service at `url`. Operations are named by group and id: `Customers-place_order`."""

    def __init__(self, page: Page, url: str) -> None:
        self.page, self.url = page, url

    def open(self) -> None:
        """Load it and wait until the endpoints are shown."""
        self.page.goto(f"{self.url}/api/doc")
        expect(self.page.locator(".opblock").first).to_be_visible()

    @property
    def total(self) -> int:
        """Return the number of endpoints, searched for or not."""
        return int(self.page.get_by_role("status").inner_text().split()[-2])

    def operations(self) -> list[str]:
        """Return the endpoints on the page: their groups and names."""
        ids = self.page.locator(".opblock").evaluate_all("blocks => blocks.map(block => block.id)")
        return [str(each).removeprefix("operations-") for each in ids]

    def operation(self, name: str) -> Locator:
        """Return the block of an endpoint."""
        return self.page.locator(f"#operations-{name}")

    def row(self, name: str) -> Locator:
        """Return the button that opens and closes an endpoint."""
        return self.operation(name).locator(".opblock-summary-control")

    def unfold(self, name: str) -> Locator:
        """Open an endpoint unless it is open, and wait for its content."""
        if self.row(name).get_attribute("aria-expanded") == "false":
            self.row(name).click()
        expect(self.operation(name).locator(".responses-wrapper")).to_be_visible()
        return self.operation(name)

    def key(self, name: str) -> Locator:
        """Return the field of an opened endpoint's Idempotency-Key."""
        return self.operation(name).get_by_placeholder(KEY)

    def authorise(self, token: str) -> None:
        """Paste a token into the dialog, replacing the previous one."""
        self.page.get_by_role("button", name="Authorize", exact=True).click()
        dialog = self.page.get_by_role("dialog", name="Authorize")
        logout = dialog.get_by_role("button", name="Remove authorization")
        if logout.is_visible():
            logout.click()
        dialog.get_by_role("textbox").fill(token)
        dialog.get_by_role("button", name="Apply credentials").click()
        dialog.get_by_role("button", name="Close").last.click()
        expect(dialog).to_be_hidden()

    def execute(self, name: str, **parameters: str) -> tuple[int, Any]:
        """Fill in parameters, press Execute, and read status and body off the page."""
        block = self.unfold(name)
        for parameter, value in parameters.items():
            block.get_by_placeholder(parameter).fill(value)
        if (clear := block.get_by_role("button", name="Clear")).is_visible():
            clear.click()
        block.get_by_role("button", name="Execute").click()
        response = block.locator(".live-responses-table tbody tr")
        status = response.locator(".response-col_status").inner_text().split()[0]
        return int(status), json.loads(str(response.locator(".highlight-code code").first.text_content()))

    def search(self, phrase: str) -> None:
        """Type into the search field, replacing its text."""
        self.page.get_by_label(SEARCH).fill(phrase)
