"""The dashboard in a browser, operated through its hooks: the values of `data-testid` in the contract."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, ConsoleMessage, Locator, Page, Request, expect

from tests.support.world import Person, World

PATIENCE_MS = 15_000
DESKTOP, PHONE = {"width": 1280, "height": 800}, {"width": 360, "height": 740}

expect.set_options(timeout=PATIENCE_MS)

STORED = """async () => [
    document.cookie, ...Object.keys(localStorage), ...Object.keys(sessionStorage), ...(await indexedDB.databases()),
    ...(await caches.keys()), ...(await navigator.serviceWorker.getRegistrations()),
].filter(Boolean).length"""

VIOLATIONS = """addEventListener("securitypolicyviolation",
    (event) => console.error(`policy: ${event.violatedDirective} ${event.blockedURI}`))"""


def token(person: Person) -> str:
    """Return the token of a person."""
    return str(person.http.headers["Authorization"]).removeprefix("Bearer ")


class Dashboard:
    """One window with a context of its own, from the first request on under observation."""

    def __init__(self, browser: Browser, url: str, **context: Any) -> None:
        self.url = url
        self.context = browser.new_context(base_url=url, **{"viewport": DESKTOP, "reduced_motion": "reduce", **context})
        self.context.set_default_timeout(PATIENCE_MS)
        self.context.add_init_script(VIOLATIONS)
        self.page: Page = self.context.new_page()
        self.errors: list[str] = []
        self.requests: list[Request] = []
        self.expected: list[str] = []
        self.page.on("console", self._on_console)
        self.page.on("pageerror", lambda error: self.errors.append(str(error.stack)))
        self.context.on("request", lambda request: self.requests.append(request))

    def _on_console(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.errors.append(message.text)

    def open(self, path: str = "/dashboard") -> "Dashboard":
        """Load an address as a new document: nobody is signed in."""
        self.page.goto(path)
        self.ready()
        return self

    def sign_in(self, person: Person, path: str = "/dashboard") -> "Dashboard":
        """Open an address, and sign in."""
        self.open(path)
        self.give_token(token(person))
        self.page.wait_for_selector("main:not([data-page=sign-in])")
        self.ready()
        return self

    def give_token(self, text: str) -> None:
        self.hook("token-input").fill(text)
        self.hook("sign-in-submit").click()

    def ready(self) -> None:
        """Wait until no answer is waited for."""
        self.page.wait_for_selector("html[data-ready=true]", state="attached")

    def hook(self, name: str) -> Locator:
        return self.page.get_by_test_id(name)

    def click(self, name: str) -> None:
        """Click the only element of a hook, and wait for what it asks for."""
        self.hook(name).click()
        self.ready()

    @property
    def main(self) -> Locator:
        return self.page.locator("main")

    @property
    def rows(self) -> Locator:
        return self.hook("row")

    def row(self, record_id: str) -> Locator:
        return self.page.locator(f'[data-testid=row][data-id="{record_id}"]')

    def ids(self) -> list[str]:
        """Return the ids of the rows, in their order."""
        return [str(row.get_attribute("data-id")) for row in self.rows.all()]

    def toast(self, kind: str) -> str:
        """Wait for the outcome of an action, and return its words."""
        shown = self.page.locator(f'[data-testid=toast][data-kind="{kind}"]')
        expect(shown).to_be_visible()
        return str(shown.text_content())

    def focused(self) -> str:
        """Return the hook of the element with the focus, or its tag."""
        return str(self.page.evaluate("document.activeElement.dataset.testid ?? document.activeElement.tagName"))

    def api_requests(self) -> list[str]:
        """Return the API's addresses that were requested so far, with their methods."""
        return [f"{one.method} {one.url.removeprefix(self.url)}" for one in self.requests if "/api/v1/" in one.url]

    @contextmanager
    def hidden(self) -> Iterator[None]:
        """Hide the window, as another tab in front of it does."""
        self._set_visibility("hidden")
        yield
        self._set_visibility("visible")

    def _set_visibility(self, state: str) -> None:
        self.page.evaluate(
            """state => {
                Object.defineProperty(document, "visibilityState", { value: state, configurable: true });
                Object.defineProperty(document, "hidden", { value: state === "hidden", configurable: true });
                document.dispatchEvent(new Event("visibilitychange"));
            }""",
            state,
        )

    def expects(self, *texts: str) -> None:
        """Allow console messages with these texts: the browser reports each refused request."""
        self.expected += texts

    def check(self) -> None:
        """Check what holds for every page: no errors, nothing stored, no other origin."""
        unexpected = [text for text in self.errors if not any(part in text for part in self.expected)]
        assert unexpected == []
        foreign = [one.url for one in self.requests if not one.url.startswith((f"{self.url}/", "data:", "blob:"))]
        assert foreign == []
        assert self.context.cookies() == []
        if self.page.url.startswith(self.url):
            assert self.page.evaluate(STORED) == 0

    def close(self) -> None:
        self.context.close()


OpenDashboard = Callable[..., Dashboard]
"""Opens a window: of another server with `url`, else with options of Playwright's `new_context`."""


def scrolls_sideways(page: Page) -> bool:
    """Return whether the document is wider than the window."""
    return bool(page.evaluate("document.documentElement.scrollWidth > document.documentElement.clientWidth"))


def number_in(text: str | None) -> int:
    """Return the first number in a text."""
    found = re.search(r"\d+", text or "")
    assert found, text
    return int(found[0])


def vendor_page(world: World, part: str) -> str:
    """Return the address of a vendor order."""
    return f"/dashboard/vendor-orders/{part}"
