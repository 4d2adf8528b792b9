"""The browser: Debian's Chromium, operated by Playwright; its headless shell takes half of the processor time of the whole.

It is closed when the tests leave this package: Playwright's event loop runs in the main thread, where other tests run theirs.
"""

import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.support.dashboard_page import Dashboard, OpenDashboard
from tests.support.world import World

CHROMIUM = shutil.which("chromium-headless-shell") or shutil.which("chromium")


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Yield Chromium, or skip the test where there is none."""
    if CHROMIUM is None:
        pytest.skip("no browser here: apt-get install chromium-headless-shell")
    arguments = ["--disable-dev-shm-usage", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=arguments)
        yield browser
        browser.close()


@pytest.fixture
def open_dashboard(browser: Browser, world: World) -> Iterator[OpenDashboard]:
    """Yield a function that opens a window of the dashboard; all are checked after the test."""
    opened: list[Dashboard] = []

    def open_window(url: str = world.url, **context: Any) -> Dashboard:
        opened.append(Dashboard(browser, url, **context))
        return opened[-1]

    yield open_window
    try:
        for window in opened:
            window.check()
    finally:
        for window in opened:
            window.close()


@pytest.fixture
def dashboard(open_dashboard: OpenDashboard) -> Dashboard:
    """Return a window of the dashboard."""
    return open_dashboard()
