"""GET /analytics/sales: the example of the contract to the cent, for admins and vendors."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import pytest

from compose.stack import Stack
from tests.support.coupons import coupon
from tests.support.invariants import check_invariants
from tests.support.past_orders import Line, PastOrder, insert
from tests.support.reports import report, table
from tests.support.world import Person, Sandbox, World

CURRENCY = "CHE"
"""Which no other test sells in."""

DAYS = ("2026-10-24", "2026-10-27")
PARIS = {"timezone": "Europe/Paris", "currency": CURRENCY}
TIMES = [
    ("2026-10-24T00:00:00+02:00", "2026-10-25T00:00:00+02:00"),
    ("2026-10-25T00:00:00+02:00", "2026-10-26T00:00:00+01:00"),
    ("2026-10-26T00:00:00+01:00", "2026-10-27T00:00:00+01:00"),
]
NAMES = (
    "orders",
    "items",
    "gross",
    "discount",
    "platform_discount",
    "cancelled",
    "returned",
    "revenue",
    "average_order",
)
FIGURES: list[tuple[Any, ...]] = [
    (1, 3, "20.00", "2.00", "2.00", "0.00", "0.00", "18.00", "18.00"),
    (2, 2, "15.00", "0.00", "0.00", "0.00", "0.00", "15.00", "7.50"),
    (0, 0, "0.00", "0.00", "0.00", "7.20", "0.00", "-7.20", None),
]
TOTALS = (3, 5, "35.00", "2.00", "2.00", "7.20", "0.00", "25.80", "11.00")
OF_SECOND: list[tuple[Any, ...]] = [
    (1, 1, "8.00", "0.80", "0.80", "0.00", "0.00", "7.20", "7.20"),
    (1, 1, "5.00", "0.00", "0.00", "0.00", "0.00", "5.00", "5.00"),
    (0, 0, "0.00", "0.00", "0.00", "7.20", "0.00", "-7.20", None),
]


@dataclass
class Example:
    """The orders of the contract's example, in a currency of their own."""

    world: World
    admin: Person
    first: Person
    second: Person
    second_id: str


@pytest.fixture(scope="module")
def example(stack: Stack, sandbox: Sandbox) -> Iterator[Example]:
    """Yield the example, inserted once."""
    with closing(World(stack, stack.url, sandbox)) as world:
        first, second = f"v-1-{uuid.uuid4()}", f"v-2-{uuid.uuid4()}"
        admin = world.admin()
        ten = coupon(admin, percent="10.00")
        lines = [Line(first, "p-1", 2, 600, 120), Line(second, "p-2", 1, 800, 80)]
        insert(
            world,
            [
                PastOrder(CURRENCY, "2026-10-24T21:30:00Z", lines, coupons=[(ten, 200)])
                .confirm("2026-10-24T21:59:59Z")
                .cancel("2026-10-26T09:00:00Z", "vendor", second),
                PastOrder(CURRENCY, "2026-10-24T21:50:00Z", [Line(first, "p-1", 1, 1000)]).confirm(
                    "2026-10-24T22:00:00Z"
                ),
                PastOrder(CURRENCY, "2026-10-25T22:30:00Z", [Line(second, "p-2", 1, 500)]).confirm(
                    "2026-10-25T22:59:59.999Z"
                ),
                PastOrder(CURRENCY, "2026-10-25T12:00:00Z", [Line(first, "p-1", 1, 900)]).expire(
                    "2026-10-25T12:15:00Z"
                ),
            ],
        )
        yield Example(world, admin, world.vendor(first), world.vendor(second), second)
        check_invariants(world)


def rows(figures: list[tuple[Any, ...]]) -> list[dict[str, Any]]:
    return [
        {"currency": CURRENCY, "start": start, "end": end, "complete": True, **dict(zip(NAMES, row, strict=True))}
        for (start, end), row in zip(TIMES, figures, strict=True)
    ]


def test_the_sales_of_the_example_are_right_to_the_cent(example: Example) -> None:
    found = report(example.admin, "sales", *DAYS, **PARIS)
    assert found == {
        "from": "2026-10-24T00:00:00+02:00",
        "to": "2026-10-27T00:00:00+01:00",
        "timezone": "Europe/Paris",
        "results": rows(FIGURES),
        "totals": [{"currency": CURRENCY, **dict(zip(NAMES, TOTALS, strict=True))}],
    }
    assert list(found) == ["from", "to", "timezone", "results", "totals"]
    assert list(found["results"][0]) == ["currency", "start", "end", "complete", *NAMES]


def test_a_vendor_sees_its_own_parts_of_the_example(example: Example) -> None:
    assert report(example.second, "sales", *DAYS, **PARIS)["results"] == rows(OF_SECOND)


def test_an_admin_gets_a_vendors_report_by_vendor_id(example: Example) -> None:
    for name in ("sales", "top-products", "funnel", "coupons"):
        own = report(example.second, name, *DAYS, timezone="Europe/Paris")
        assert report(example.admin, name, *DAYS, timezone="Europe/Paris", vendor_id=example.second_id) == own


@pytest.mark.parametrize("interval", ["hour", "day", "week", "month"])
def test_the_totals_are_the_same_for_every_interval(example: Example, interval: str) -> None:
    found = report(example.admin, "sales", *DAYS, interval=interval, **PARIS)
    assert found["totals"] == [{"currency": CURRENCY, **dict(zip(NAMES, TOTALS, strict=True))}]
    assert found["results"][0]["start"] == found["from"]
    assert found["results"][-1]["end"] == found["to"]
    assert all(row["end"] == following["start"] for row, following in pairwise(found["results"]))


def test_the_hours_of_an_autumn_day_are_25(example: Example) -> None:
    found = report(example.admin, "sales", "2026-10-25", "2026-10-26", interval="hour", **PARIS)["results"]
    starts = [row["start"] for row in found]
    assert len(starts) == 25
    assert {"2026-10-25T02:00:00+02:00", "2026-10-25T02:00:00+01:00"} <= set(starts)
    assert [row["start"] for row in found if row["orders"]] == [
        "2026-10-25T00:00:00+02:00",
        "2026-10-25T23:00:00+01:00",
    ]


def test_a_row_that_the_range_cuts_off_is_incomplete(example: Example) -> None:
    found = report(example.admin, "sales", "2026-10-24T12:00:00Z", "2026-10-26T12:00:00Z", **PARIS)["results"]
    assert [row["complete"] for row in found] == [False, True, False]
    assert (found[0]["start"], found[-1]["end"]) == ("2026-10-24T14:00:00+02:00", "2026-10-26T13:00:00+01:00")


def test_a_currency_without_figures_has_empty_rows_if_it_is_requested_and_no_rows_otherwise(example: Example) -> None:
    empty = report(example.second, "sales", "2003-02-01", "2003-02-03", currency="JPY")
    assert [(row["gross"], row["average_order"]) for row in empty["results"]] == [("0", None)] * 2
    assert [row["revenue"] for row in empty["totals"]] == ["0"]
    nothing = report(example.second, "sales", "2003-02-01", "2003-02-03")
    assert (nothing["results"], nothing["totals"]) == ([], [])
    assert {row["currency"] for row in report(example.second, "sales", *DAYS)["results"]} == {CURRENCY}


def test_the_file_of_the_example_is_as_the_contract_has_it(example: Example) -> None:
    header, *lines = table(
        example.admin,
        "sales",
        "sales_2026-10-24_2026-10-27.csv",
        **dict(zip(("from", "to"), DAYS, strict=True)),
        **PARIS,
    )
    assert header == ["currency", "start", "end", "complete", *NAMES]
    assert lines == [
        [CURRENCY, *times, "true", *("" if figure is None else str(figure) for figure in figures)]
        for times, figures in zip(TIMES, FIGURES, strict=True)
    ]
