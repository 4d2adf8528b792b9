"""The measurable criteria of WCAG 2.2 AA, checked on the open page of the dashboard."""

from typing import Any, Literal

from axe_playwright_python.sync_playwright import Axe

from tests.support.dashboard_page import DESKTOP, PHONE, Dashboard, scrolls_sideways

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")

TARGETS = """() => [...document.querySelectorAll("a[href], button, input, select, summary")].flatMap((element) => {
    const around = element.type === "checkbox" ? element.closest("label") ?? element : element;
    const { width, height } = around.getBoundingClientRect();
    const isInText = element.tagName === "A" && !["tile", "button", "brand"].some((name) => element.classList.contains(name))
        && !element.closest("nav");
    const isShown = element.checkVisibility() && !element.matches(".skip-link");
    return isShown && !isInText && height < 44 ? [`${element.outerHTML} ${width} x ${height}`] : [];
})"""


def check_accessibility(dashboard: Dashboard) -> None:
    """Check both widths in both colour schemes by axe, the height of targets on a phone, and 400 % zoom."""
    page = dashboard.page
    for viewport in (DESKTOP, PHONE):
        page.set_viewport_size(viewport)  # type: ignore[arg-type]
        for scheme in SCHEMES:
            page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
            assert violations(dashboard) == [], (viewport, scheme)
            assert not scrolls_sideways(page), viewport
    assert page.evaluate(TARGETS) == []
    page.set_viewport_size({"width": 320, "height": 200})  # 1280 x 800 at 400 %
    assert not scrolls_sideways(page)


def violations(dashboard: Dashboard) -> list[Any]:
    """Return what axe finds serious or critical."""
    found = Axe().run(dashboard.page).response["violations"]
    return [
        (one["id"], [(node["html"], node["failureSummary"]) for node in one["nodes"]])
        for one in found
        if one["impact"] in ("serious", "critical")
    ]
