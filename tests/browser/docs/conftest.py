"""The documentation page and the page at `/` in Chromium. After each test its windows are checked."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, expect

from tests.support.docs_page import DocsPage
from tests.support.world import PATIENCE_SECONDS, World

REFUSED = "Failed to load resource: the server responded with a status of 4"
"""Chromium's console message for a response with an error status."""

OpenPage = Callable[..., Page]

expect.set_options(timeout=PATIENCE_SECONDS * 1000)


@pytest.fixture
def open_page(browser: Browser, world: World) -> Iterator[OpenPage]:
    """Open blank pages, each in a context of its own with these settings.

    After the test: the console has no message, every request was sent to the service, which had everything that the pages
    themselves need, and the browser keeps no cookie and nothing in its storage.
    """
    contexts: list[BrowserContext] = []
    messages: list[str] = []
    requests: list[str] = []
    missing: list[str] = []

    def note(message: ConsoleMessage) -> None:
        if not message.text.startswith(REFUSED):
            messages.append(message.text)

    def open_page(**settings: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1300, "height": 1600}, **settings})
        contexts.append(context)
        page = context.new_page()
        page.on("console", note)
        page.on("pageerror", lambda error: messages.append(str(error)))
        page.on("request", lambda request: requests.append(request.url))
        page.on("response", lambda response: missing.append(response.url) if response.status == 404 else None)
        return page

    yield open_page
    kept = [context.storage_state(indexed_db=True) for context in contexts]
    for context in contexts:
        context.close()
    assert messages == []
    assert [url for url in requests if not url.startswith((f"{world.url}/", "data:"))] == []
    assert [url for url in missing if "/api/v1/" not in url] == []
    assert kept == [{"cookies": [], "origins": []}] * len(contexts)


@pytest.fixture
def page(open_page: OpenPage, world: World) -> DocsPage:
    """Return the documentation page, loaded."""
    page = DocsPage(open_page(), world.url)
    page.open()
    return page
