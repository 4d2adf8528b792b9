"""The reports: what is asked for, what is shown, and what is saved, against the API's own answers."""

import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Locator, Page, Route, expect

from compose.stack import Stack
from tests.support.dashboard_page import Dashboard, OpenDashboard, scrolls_sideways
from tests.support.past_sales import DATES, LONG_NAME, MARKUP, PastSales, sell_in_the_past
from tests.support.reports import report
from tests.support.world import Person, Sandbox, World

ADDRESS = "/dashboard/analytics"
MAY = f"{ADDRESS}?range=custom&from={DATES['from']}&to={DATES['to']}&timezone=UTC"
IN_MAY = {"from": "2018-05-01", "to": "2018-06-01", "timezone": "UTC"}
BEFORE_MAY = {"from": "2018-03-31", "to": "2018-05-01", "timezone": "UTC"}

SALES = {"report": "sales", "interval": "day", "currency": "EUR"}
FIGURES: dict[str, dict[str, Any]] = {
    "chart-sales": SALES,
    "chart-orders": SALES,
    "chart-top-products": {"report": "top-products", "currency": "EUR", "limit": 10},
    "chart-funnel": {"report": "funnel"},
    "chart-coupons": {"report": "coupons", "currency": "EUR", "limit": 10},
}
FIGURES_OF_ADMINS: dict[str, dict[str, Any]] = {
    "chart-customers": {"report": "customers", "interval": "day"},
    "chart-payments": {"report": "payments", "interval": "day", "currency": "EUR"},
    "chart-cohorts": {"report": "cohorts", "from": "2017-06", "to": "2018-05"},
}
KPIS = ("revenue", "orders", "items", "average_order")

CELLS = """table => [...table.tBodies[0].rows].map(row => Object.fromEntries(
    [...row.cells].map(cell => [cell.dataset.testid.replace("cell-", ""), cell.dataset.value ?? null])))"""
TOGETHER = """() => {
    const asked = performance.getEntriesByType("resource").filter(({ name }) => name.includes("/api/v1/analytics/"));
    return Math.max(...asked.map(({ startTime: at }) => asked.filter((o) => o.startTime <= at && at < o.responseEnd).length));
}"""


@pytest.fixture(scope="module")
def past(stack: Stack, sandbox: Sandbox) -> Iterator[PastSales]:
    with closing(World(stack, stack.url, sandbox)) as world:
        yield sell_in_the_past(world)


def figure(dashboard: Dashboard, name: str) -> Locator:
    return dashboard.hook(name)


def table(dashboard: Dashboard, name: str) -> list[dict[str, str | None]]:
    """Open the table of a figure, and return the API's strings in its cells."""
    toggle = dashboard.hook(f"{name}-table-toggle")
    if toggle.get_attribute("aria-expanded") == "false":
        toggle.click()
    expect(dashboard.hook(f"{name}-table")).to_be_visible()
    cells: list[dict[str, str | None]] = dashboard.hook(f"{name}-table").evaluate(CELLS)
    return cells


def choose(dashboard: Dashboard, control: str, value: str) -> None:
    dashboard.hook(control).select_option(value)
    dashboard.ready()


def query(dashboard: Dashboard) -> dict[str, str]:
    """Return the choices in the address."""
    return {name: values[0] for name, values in parse_qs(urlsplit(dashboard.page.url).query).items()}


def asked(dashboard: Dashboard, name: str) -> list[dict[str, str]]:
    """Return the parameters with which a report was asked for."""
    addresses = [urlsplit(one.url) for one in dashboard.requests if f"/analytics/{name}?" in one.url]
    return [{key: values[0] for key, values in parse_qs(address.query).items()} for address in addresses]


def rows_of(person: Person, name: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the rows of a report as its table has them."""
    body = report(person, name, **parameters)
    if name == "funnel":
        return [
            {"step": step, "orders": orders, **body["times"].get(step, {})} for step, orders in body["steps"].items()
        ]
    if name == "cohorts":
        return [
            {"month": cohort["month"], "offset": offset, "customers": customers}
            for cohort in body["results"]
            for offset, customers in enumerate(cohort["active"])
        ]
    return list(body["results"])


def written(value: Any) -> str | None:
    """Return a value of the API as its text."""
    return value if value is None or isinstance(value, str) else json.dumps(value)


def change(now: str, before: str) -> str:
    """Return the change in percent with one decimal."""
    percent = (Decimal(now) - Decimal(before)) / abs(Decimal(before)) * 100
    return str(percent.quantize(Decimal("0.1"), ROUND_HALF_UP))


def problem(route: Route, status: int, code: str, wait: int) -> None:
    """Answer a request as an overloaded service does."""
    body = {"status": status, "code": code, "title": code, "detail": "Too many requests.", "request_id": "r-1"}
    headers = {"Retry-After": str(wait), "X-Request-ID": "r-1", "Content-Type": "application/problem+json"}
    route.fulfill(status=status, headers=headers, body=json.dumps(body))


def serious(page: Page) -> list[str]:
    """Return axe's serious and critical findings."""
    found = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html']}" for one in found if one["impact"] in ("serious", "critical")]


def test_key_figures_are_the_apis_with_their_change_against_as_many_days_before(
    dashboard: Dashboard, past: PastSales
) -> None:
    dashboard.sign_in(past.vendor, MAY)
    [now] = [row for row in report(past.vendor, "sales", **IN_MAY)["totals"] if row["currency"] == "EUR"]
    [before] = report(past.vendor, "sales", **BEFORE_MAY)["totals"]
    assert (now["revenue"], before["revenue"]) == ("21.60", "30.00")
    for name in KPIS:
        tile = dashboard.hook(f"kpi-{name}")
        expect(tile).to_have_attribute("data-value", str(now[name]))
        expected = change(str(now[name]), str(before[name]))
        expect(dashboard.hook(f"kpi-{name}-change")).to_have_attribute("data-value", expected)
    expect(dashboard.hook("kpi-revenue")).to_have_attribute("data-currency", "EUR")
    expect(dashboard.hook("kpi-revenue")).to_contain_text("€21.60")
    expect(dashboard.hook("kpi-revenue-change")).to_contain_text("-28.0%")

    choose(dashboard, "currency", "JPY")
    expect(dashboard.hook("kpi-revenue")).to_have_attribute("data-value", "1234")
    expect(dashboard.hook("kpi-revenue")).to_contain_text("¥1,234")
    for name in KPIS:
        expect(dashboard.hook(f"kpi-{name}-change")).to_have_attribute("data-value", "none")


@pytest.mark.parametrize("role", ["vendor", "admin"])
def test_each_figure_has_a_caption_a_drawing_with_a_sentence_a_table_of_the_apis_rows_and_its_file(
    dashboard: Dashboard, past: PastSales, role: str
) -> None:
    person = past.vendor if role == "vendor" else past.admin
    figures = FIGURES if role == "vendor" else FIGURES | FIGURES_OF_ADMINS
    dashboard.sign_in(person, MAY)
    expect(dashboard.page.locator("figure")).to_have_count(len(figures))
    for name, parameters in figures.items():
        shown = figure(dashboard, name)
        assert shown.evaluate("element => element.tagName") == "FIGURE"
        expect(shown.locator("figcaption h2")).not_to_be_empty()
        drawing = shown.get_by_role("img")
        expect(drawing).to_be_visible()
        assert len(str(drawing.get_attribute("aria-label")).split()) > 5
        expect(dashboard.hook(f"{name}-table")).to_be_hidden()

        times = {} if parameters["report"] == "cohorts" else IN_MAY
        asked_for = {**times, **{key: value for key, value in parameters.items() if key != "report"}}
        cells, rows = table(dashboard, name), rows_of(person, parameters["report"], asked_for)
        assert rows
        assert cells == [{field: written(row.get(field)) for field in cells[0]} for row in rows], name
        expect(dashboard.hook(f"{name}-table").locator("caption")).not_to_be_empty()

        file = person.get(f"/analytics/{parameters['report']}", params={**asked_for, "format": "csv"})
        with dashboard.page.expect_download() as download:
            dashboard.hook(f"{name}-csv").click()
        assert f'"{download.value.suggested_filename}"' in file.headers["content-disposition"]
        assert download.value.path().read_bytes() == file.content
    dashboard.ready()


def test_each_report_is_asked_for_once_and_two_at_most_at_a_time(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.admin, MAY)
    addresses = [line for line in dashboard.api_requests() if "/analytics/" in line]
    assert len(addresses) == len(set(addresses)) == 8  # those of the figures, and the sales of the range before
    assert dashboard.page.evaluate(TOGETHER) <= 2


def test_the_choices_stand_in_the_address_which_opens_the_same_view(
    dashboard: Dashboard, open_dashboard: OpenDashboard, past: PastSales
) -> None:
    dashboard.sign_in(past.vendor, ADDRESS)
    assert dashboard.hook("range").input_value() == "30d"
    expect(dashboard.hook("range-from")).to_be_hidden()
    choose(dashboard, "range", "7d")
    choose(dashboard, "range", "custom")
    assert dashboard.hook("range-from").input_value() < dashboard.hook("range-to").input_value()
    dashboard.hook("range-from").fill(DATES["from"])
    dashboard.hook("range-to").fill(DATES["to"])
    dashboard.ready()
    choose(dashboard, "interval", "week")
    choose(dashboard, "currency", "JPY")
    choose(dashboard, "timezone", "Asia/Kathmandu")
    chosen = {"interval": "week", "currency": "JPY", "timezone": "Asia/Kathmandu"}
    assert query(dashboard) == {"range": "custom", **DATES, **chosen}
    assert asked(dashboard, "sales")[-1]["to"] == "2018-05-01"  # of the range before
    expected = {"from": "2018-05-01", "to": "2018-06-01", "interval": "week", "timezone": "Asia/Kathmandu"}
    assert expected in asked(dashboard, "sales")  # both dates inclusive
    rows = table(dashboard, "chart-sales")
    assert [row["start"] for row in rows][:2] == ["2018-05-01T00:00:00+05:45", "2018-05-07T00:00:00+05:45"]

    other = open_dashboard().sign_in(past.vendor, dashboard.page.url.removeprefix(dashboard.url))
    for control, value in {**chosen, "range": "custom", **{f"range-{end}": at for end, at in DATES.items()}}.items():
        assert other.hook(control).input_value() == value
    assert table(other, "chart-sales") == rows

    dashboard.page.go_back()
    dashboard.ready()
    assert dashboard.hook("timezone").input_value() == "UTC" or "timezone" not in query(dashboard)
    assert dashboard.hook("currency").input_value() == "JPY"
    dashboard.page.go_back()
    dashboard.ready()
    assert dashboard.hook("currency").input_value() == "EUR"


def test_ranges_end_today_in_the_browsers_time_zone_unless_another_is_chosen(
    open_dashboard: OpenDashboard, past: PastSales
) -> None:
    zone = "Pacific/Kiritimati" if datetime.now(UTC).hour >= 12 else "Pacific/Pago_Pago"  # its date is another one now
    dashboard = open_dashboard(timezone_id=zone).sign_in(past.vendor, ADDRESS)
    assert dashboard.hook("timezone").input_value() == zone
    days = {"today": 1, "7d": 7, "30d": 30, "90d": 90}
    for name, count in days.items():
        choose(dashboard, "range", name)
        tomorrow = datetime.now(ZoneInfo(zone)).date() + timedelta(days=1)
        first = tomorrow - timedelta(days=count)
        assert (first.isoformat(), tomorrow.isoformat(), zone) in bounds(dashboard)
        assert ((first - timedelta(days=count)).isoformat(), first.isoformat(), zone) in bounds(dashboard)
    choose(dashboard, "range", "12m")
    choose(dashboard, "timezone", "UTC")
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    assert (a_year_before(tomorrow).isoformat(), tomorrow.isoformat(), "UTC") in bounds(dashboard)


def bounds(dashboard: Dashboard) -> list[tuple[str, str, str]]:
    return [(one["from"], one["to"], one["timezone"]) for one in asked(dashboard, "sales")]


def a_year_before(day: date) -> date:
    leap_day = (day.month, day.day) == (2, 29)
    return day.replace(year=day.year - 1, day=28 if leap_day else day.day)


def test_the_intervals_are_those_that_the_api_can_answer(dashboard: Dashboard, past: PastSales) -> None:
    intervals = {"2018-06-14": ["hour", "day", "week", "month"], "2018-06-15": ["day", "week", "month"]}
    for last, offered in intervals.items():
        dashboard.sign_in(past.vendor, f"{ADDRESS}?range=custom&from=2018-05-01&to={last}&interval=hour&timezone=UTC")
        options = dashboard.hook("interval").locator("option").all()
        assert [option.get_attribute("value") for option in options] == offered
        to = (date.fromisoformat(last) + timedelta(days=1)).isoformat()
        for interval in ("hour", "day", "week", "month"):
            answer = past.vendor.get("/analytics/sales", params={"from": "2018-05-01", "to": to, "interval": interval})
            assert (answer.status_code == 200) == (interval in offered)
    assert dashboard.hook("interval").input_value() == "day"


def test_currencies_are_those_of_the_range_and_one_of_a_link_has_its_own_rows(
    dashboard: Dashboard, past: PastSales
) -> None:
    dashboard.sign_in(past.vendor, MAY)
    options = [option.get_attribute("value") for option in dashboard.hook("currency").locator("option").all()]
    assert (options, dashboard.hook("currency").input_value()) == (["EUR", "JPY"], "EUR")
    dashboard.sign_in(past.vendor, f"{MAY}&currency=KWD")
    assert dashboard.hook("currency").input_value() == "KWD"
    expect(dashboard.hook("kpi-revenue")).to_have_attribute("data-value", "0.000")
    expect(figure(dashboard, "chart-sales").get_by_test_id("empty")).to_be_visible()


def test_a_range_without_sales_is_compared_with_the_one_before_and_its_figures_say_why_they_are_empty(
    dashboard: Dashboard, past: PastSales
) -> None:
    dashboard.sign_in(past.vendor, f"{ADDRESS}?range=custom&from=2018-06-01&to=2018-06-30&timezone=UTC")
    expect(dashboard.hook("kpi-revenue")).to_have_attribute("data-value", "0.00")
    expect(dashboard.hook("kpi-orders-change")).to_have_attribute("data-value", "-100.0")
    for name in FIGURES:
        expect(figure(dashboard, name).get_by_test_id("empty")).to_be_visible()
        expect(dashboard.hook(f"{name}-csv")).to_be_hidden()
    assert serious(dashboard.page) == []

    dashboard.sign_in(past.vendor, f"{ADDRESS}?range=custom&from=2018-09-01&to=2018-09-30&timezone=UTC")
    expect(dashboard.hook("currency")).to_be_disabled()
    for name, value in {"revenue": "none", "orders": "0", "items": "0", "average_order": "none"}.items():
        expect(dashboard.hook(f"kpi-{name}")).to_have_attribute("data-value", value)
        expect(dashboard.hook(f"kpi-{name}-change")).to_have_attribute("data-value", "none")


def test_an_admin_sees_a_vendors_reports_as_the_vendor_does(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.admin, MAY)
    whole = table(dashboard, "chart-sales")
    dashboard.hook("vendor").fill(past.vendor_id)
    dashboard.ready()
    assert query(dashboard)["vendor"] == past.vendor_id
    own = rows_of(past.vendor, "sales", {**IN_MAY, "currency": "EUR"})
    assert [row["revenue"] for row in table(dashboard, "chart-sales")] == [row["revenue"] for row in own]
    assert table(dashboard, "chart-sales") != whole
    expect(dashboard.page.locator("#vendors option").first).to_be_attached()


def test_a_vendor_has_no_choice_of_vendors(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.vendor, f"{MAY}&vendor=v-other")
    expect(dashboard.hook("vendor")).to_have_count(0)
    for name in FIGURES_OF_ADMINS:
        expect(figure(dashboard, name)).to_have_count(0)


def test_rows_that_are_not_complete_are_drawn_apart(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.vendor, f"{MAY}&interval=week")
    complete = [row["complete"] for row in table(dashboard, "chart-sales")]
    assert complete == ["false", "true", "true", "true", "false"]
    dashes = """canvas => Chart.getChart(canvas).data.datasets.map(({ segment }) =>
        [0, 1, 2, 3].map(at => Boolean(segment.borderDash({ p0DataIndex: at, p1DataIndex: at + 1 }))))"""
    drawn = figure(dashboard, "chart-sales").locator("canvas").evaluate(dashes)
    assert drawn == [[True, False, False, True]] * 2
    fills = "canvas => Chart.getChart(canvas).data.datasets[0].backgroundColor"
    first, second, *_, last = figure(dashboard, "chart-orders").locator("canvas").evaluate(fills)
    assert first == last != second
    expect(figure(dashboard, "chart-sales")).to_contain_text("not complete")


def test_a_figure_loads_fails_and_tries_again_by_itself(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.expects("status of 429", "status of 503")
    answers = iter([(429, "rate_limited", 60), (503, "overloaded", 60)])
    held: list[Route] = []

    def refuse(route: Route) -> None:
        following = next(answers, None)
        if following:
            problem(route, *following)
        else:
            held.append(route)

    dashboard.page.route("**/analytics/funnel?*", refuse)
    dashboard.page.clock.install()
    dashboard.sign_in(past.vendor, MAY)
    funnel = figure(dashboard, "chart-funnel")
    expect(funnel.get_by_test_id("error")).to_contain_text("Too many requests.")
    expect(funnel.get_by_test_id("error-code")).to_have_text("rate_limited")
    expect(funnel.get_by_test_id("error-request-id")).to_have_text("r-1")
    expect(figure(dashboard, "chart-sales").get_by_role("img")).to_be_visible()
    expect(dashboard.hook("error")).to_have_count(1)
    dashboard.page.clock.fast_forward(60_000)  # of Retry-After
    expect(funnel.get_by_test_id("error-code")).to_have_text("overloaded")
    assert serious(dashboard.page) == []

    funnel.get_by_test_id("retry").click()
    expect(funnel.get_by_test_id("loading")).to_be_visible()
    expect(dashboard.main).to_have_attribute("aria-busy", "true")
    expect(dashboard.page.locator("html")).to_have_attribute("data-ready", "false")
    held[0].continue_()
    dashboard.ready()
    expect(funnel.get_by_role("img")).to_be_visible()


def test_a_refused_range_says_why_and_a_refused_file_too(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.expects("status of 400", "status of 429")
    dashboard.sign_in(past.vendor, f"{ADDRESS}?range=custom&from=2018-05-31&to=2018-05-01&timezone=UTC")
    expect(figure(dashboard, "chart-sales").get_by_test_id("error")).to_contain_text("must be before")
    dashboard.sign_in(past.vendor, MAY)
    dashboard.page.route("**/analytics/*format=csv*", lambda route: problem(route, 429, "rate_limited", 9))
    dashboard.hook("chart-sales-csv").click()
    assert "Too many requests." in dashboard.toast("error")


def test_drawings_follow_the_systems_colours(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.vendor, MAY)
    canvas = figure(dashboard, "chart-sales").locator("canvas")
    pixels = "canvas => canvas.toDataURL()"
    light = canvas.evaluate(pixels)
    dashboard.page.emulate_media(color_scheme="dark")
    dashboard.page.wait_for_function(
        "([canvas, light]) => canvas.toDataURL() !== light", arg=[canvas.element_handle(), light]
    )
    dashboard.page.emulate_media(color_scheme="light")
    dashboard.page.wait_for_function(
        "([canvas, light]) => canvas.toDataURL() === light", arg=[canvas.element_handle(), light]
    )


def test_what_people_wrote_is_text(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.vendor, MAY)
    names = {row["name"] for row in table(dashboard, "chart-top-products")}
    assert {MARKUP, LONG_NAME} <= names
    expect(dashboard.page.locator("main img")).to_have_count(0)


def test_the_charts_come_when_the_page_is_opened_and_questions_end_with_it(dashboard: Dashboard, world: World) -> None:
    dashboard.sign_in(world.vendor("v-without-orders"))
    assert not any(one.url.endswith("/vendor/chart.js") for one in dashboard.requests)
    held: list[Route] = []
    dashboard.page.route("**/api/v1/analytics/*", lambda route: held.append(route))
    with dashboard.page.expect_request("**/api/v1/analytics/*"):
        dashboard.hook("nav-analytics").click()
    expect(dashboard.main).to_have_attribute("data-page", "analytics")
    assert dashboard.focused() == "H1"
    with dashboard.page.expect_event("requestfailed"):
        dashboard.hook("nav-board").click()
    dashboard.ready()
    assert len(held) <= 2
    assert any(one.url.endswith("/vendor/chart.js") for one in dashboard.requests)


def test_everything_is_reached_and_opened_by_keyboard(dashboard: Dashboard, past: PastSales) -> None:
    dashboard.sign_in(past.admin, MAY)
    dashboard.hook("range").focus()
    controls = ["range", "range-from", "range-to", "interval", "currency", "timezone", "vendor"]
    seen: list[str] = []
    for _ in range(20):  # a date has several parts
        seen.append(dashboard.focused())
        dashboard.page.keyboard.press("Tab")
        if dashboard.focused() == "chart-sales-csv":
            break
    assert list(dict.fromkeys(seen)) == [*controls, "chart-sales-table-toggle"]
    dashboard.page.keyboard.press("Shift+Tab")
    dashboard.page.keyboard.press("Enter")
    expect(dashboard.hook("chart-sales-table")).to_be_visible()
    expect(dashboard.hook("chart-sales-table-toggle")).to_have_attribute("aria-expanded", "true")
    assert dashboard.focused() == "chart-sales-table-toggle"
    dashboard.page.keyboard.press("Enter")
    expect(dashboard.hook("chart-sales-table")).to_be_hidden()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible_on_a_screen_and_on_a_phone_where_only_tables_scroll_sideways(
    open_dashboard: OpenDashboard, past: PastSales, scheme: str
) -> None:
    dashboard = open_dashboard(color_scheme=scheme).sign_in(past.admin, f"{MAY}&interval=week")
    for name in ("chart-sales", "chart-top-products", "chart-funnel"):
        table(dashboard, name)
    assert serious(dashboard.page) == []
    dashboard.page.set_viewport_size({"width": 360, "height": 740})
    assert serious(dashboard.page) == []
    assert not scrolls_sideways(dashboard.page)
    for name in ("range", "currency", "chart-sales-csv", "chart-sales-table-toggle"):
        box = dashboard.hook(name).bounding_box()
        assert box and box["height"] >= 44
    dashboard.page.set_viewport_size({"width": 320, "height": 740})
    assert not scrolls_sideways(dashboard.page)
