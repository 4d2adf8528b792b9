"""The arithmetic and the tables of `make scaling`."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from tests.load.scaling.chart import draw
from tests.load.scaling.processes import Round, median
from tests.load.scaling.projection import needs, processes
from tests.load.scaling.report import processes_report, table_size_report, whole_order_report
from tests.load.scaling.table_size import Comparison, Database, compare
from tests.load.scaling.usage import read_statistics
from tests.load.scaling.whole_orders import WholeOrder

ONE = WholeOrder(
    orders=100,
    cpu={"service": 12.0, "worker": 2.0, "postgresql": 5.0, "redis": 0.2, "beat": 0.1, "neighbours": 3.0},
    busy=0.9,
    transactions=23,
    rows=80,
    wal_records=40_000,
    wal_images=8_000,
    tables={"orders": (800.0, 1_200.0), "order_events": (3_000.0, 1_000.0)},
    streams={"orders.events": (8.0, 3_200.0), "idle": (0.0, 0.0)},
    redis_in=6_000,
    redis_out=2_000,
    calls={"user: get": 1.0, "cart: get": 0.0},
    connections=6,
)
COST = {"milliseconds": 2.0, "cpu": 1.0, "buffers": 50.0, "reads": 0.0, "wal": 1_000.0, "page_images": 0.1}
DATABASES = [Database("small", 50_000, 4 * 10**8, 10**8), Database("large", 500_000, 4 * 10**9, 10**9)]


def one_round(rate: float, cpu: float) -> Round:
    return Round(rate, 1000 / rate, {"servers": cpu, "worker": 0.5, "postgresql": 1.0, "redis": 0.1}, 0.95, 4.5)


@pytest.mark.parametrize(("milliseconds", "count"), [(0.1, 1), (0.6, 1), (0.61, 2), (12.0, 20)])
def test_a_rate_needs_as_many_processes_as_keep_each_at_60_percent(milliseconds: float, count: int) -> None:
    assert processes(milliseconds, rate=1000) == count


def test_a_rate_multiplies_the_cost_of_one_order() -> None:
    found = {need.part: (need.one, need.all) for need in needs(ONE, rate=500)}
    assert found["server processes"] == ("12.0 ms of CPU", "10")
    assert found["PostgreSQL, CPU"] == ("5.0 ms", "2.5 cores")
    assert found["disk"] == ("6.0 KB", "259 GB a day")
    assert found["WAL, records"] == ("40.0 KB", "20 MB a second")
    assert found["Redis, traffic"] == ("8.0 KB", "4 MB a second")
    assert found["calls, user: get"] == ("1.0", "500 a second")
    assert "calls, cart: get" not in found


def test_a_stream_is_as_long_as_redis_keeps_it_at_that_rate() -> None:
    found = {need.part: need for need in needs(ONE, rate=500)}
    kept = found["stream `orders.events`"]
    assert (kept.one, kept.all) == ("8.0 entries of 400 bytes", "100,000 entries: 40 MB, the last 25 s")


def test_the_connections_are_those_of_all_processes() -> None:
    found = {need.part: need.all for need in needs(ONE, rate=500)}
    assert found["connections to PostgreSQL"] == str(10 * 4 + 2 * 2)


def test_processes_whose_checkouts_cost_more_than_at_one_are_said_to_miss_the_limit() -> None:
    page = processes_report({1: one_round(200, 2.0), 2: one_round(300, 2.1), 3: one_round(310, 2.8)})
    assert [line.split(" | ")[7] for line in page.splitlines()[2:]] == ["1.00 (met)", "1.03 (met)", "1.23 (missed)"]


def test_a_round_of_several_is_the_median_of_each_figure() -> None:
    assert median([one_round(200, 2.0), one_round(400, 9.0), one_round(250, 3.0)]) == one_round(250, 3.0)


def test_the_limit_holds_for_the_promised_calls_only() -> None:
    slower = {**COST, "milliseconds": 2.4, "cpu": 1.05}
    calls = [Comparison("page of history", COST, slower), Comparison("checkout", COST, slower)]
    lines = table_size_report(DATABASES, calls).splitlines()
    [page], [checkout] = (
        [line for line in lines if line.startswith(f"| {call} | 2")] for call in ("page of history", "checkout")
    )
    assert (
        page == "| page of history | 2.00 | 2.40 | 1.20 (missed: limit 1.1) | 1.000 | 1.050 | 1.05 (met: limit 1.1) |"
    )
    assert checkout == "| checkout | 2.00 | 2.40 | 1.20 | 1.000 | 1.050 | 1.05 |"


def test_databases_are_compared_by_the_medians_of_their_rounds() -> None:
    rounds = {
        "small": [{"page": {"cpu": value}} for value in (1.0, 9.0, 2.0)],
        "large": [{"page": {"cpu": value}} for value in (3.0, 1.0, 5.0)],
    }
    [found] = compare(rounds, "small", "large")
    assert (found.small, found.large, found.ratio("cpu")) == ({"cpu": 2.0}, {"cpu": 3.0}, 1.5)


def test_the_tables_of_a_whole_order_are_the_largest_first_and_summed_up() -> None:
    lines = whole_order_report(ONE).splitlines()
    place = lines.index("| `order_events` | 3,000 | 1,000 |")
    assert lines[place + 1 : place + 3] == ["| `orders` | 800 | 1,200 |", "| **all** | **3,800** | **2,200** |"]


def test_the_tables_of_analytics_are_one_row() -> None:
    tables = {"analytics_sales": (30.0, 10.0), "orders": (800.0, 1_200.0), "analytics_funnel": (5.0, 2.0)}
    lines = whole_order_report(replace(ONE, tables=tables)).splitlines()
    assert "| `analytics_*` | 35 | 12 |" in lines


def test_records_and_page_images_are_read_from_the_statistics_of_the_wal() -> None:
    line = "Total          1039             62531 [39.21%]       96956 [60.79%]       159487 [100%]"
    assert read_statistics(f"WAL statistics\n----\n{line}\n") == (62_531, 96_956)
    assert read_statistics("no statistics") is None


def test_the_chart_has_a_bar_for_each_part_and_a_line_at_the_limit() -> None:
    figures = {
        "processes": {size: {"cpu": one_round(200, 2.0).cpu} for size in ("1", "2", "3")},
        "orders": {"cpu": ONE.cpu},
        "tables": {
            "databases": [{"orders": 50_000}, {"orders": 500_000}],
            "calls": [{"call": "page of history", "small": COST, "large": replace_time(2.5)}],
        },
    }
    drawing = ElementTree.fromstring(draw(figures))  # noqa: S314  it was made here
    name = "{http://www.w3.org/2000/svg}"
    bars = [
        each
        for each in drawing.iter(f"{name}rect")
        if each.get("class") in tuple("abcd") and each.get("height") == "20"
    ]
    assert len(bars) == 3 * 3 + 4 + 1
    assert [each.get("class") for each in drawing.iter(f"{name}line")] == ["limit"]
    assert "1.25" in [each.text for each in drawing.iter(f"{name}text")]


def replace_time(milliseconds: float) -> dict[str, float]:
    return {**COST, "milliseconds": milliseconds}
