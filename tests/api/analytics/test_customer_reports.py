"""GET /analytics/customers and /analytics/cohorts, in years in which no other test sells."""

from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass

import pytest

from compose.stack import Stack
from tests.support.invariants import check_invariants
from tests.support.past_orders import Line, PastOrder, insert
from tests.support.reports import report, table
from tests.support.world import Person, Sandbox, World

DAYS = ("2006-03-30", "2006-04-02")


@dataclass
class Visits:
    admin: Person
    counts: list[int]
    """Customers by their number of sales that came with the fixture."""


@pytest.fixture(scope="module")
def visits(stack: Stack, sandbox: Sandbox) -> Iterator[Visits]:
    """Yield one customer with three sales, one with one, one with twelve in April, and one that never paid."""
    with closing(World(stack, stack.url, sandbox)) as world:
        admin = world.admin()

        def sales(*times: str) -> list[PastOrder]:
            orders = [PastOrder("BHD", at, [Line("v", "p", 1, 100)]) for at in times]
            for order in orders:
                order.customer_id = orders[0].customer_id
            return [order.confirm(order.placed_at) for order in orders]

        before = counts(admin)
        insert(
            world,
            [
                *sales("2006-03-30T10:00:00Z", "2006-03-30T11:00:00Z", "2006-05-01T00:00:00Z"),
                *sales("2006-03-31T23:59:59.999Z"),
                *sales(*(f"2006-04-01T{hour:02}:00:00Z" for hour in range(12))),
                PastOrder("BHD", "2006-03-30T10:00:00Z", [Line("v", "p", 1, 100)]),
            ],
        )
        yield Visits(admin, [after - one for after, one in zip(counts(admin), before, strict=True)])
        check_invariants(world)


def counts(admin: Person) -> list[int]:
    found = report(admin, "customers", *DAYS)["order_counts"]
    assert [row["orders"] for row in found] == [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]
    return [row["customers"] for row in found]


def test_new_customers_are_counted_with_their_first_sale_ever(visits: Visits) -> None:
    found = report(visits.admin, "customers", *DAYS)
    assert list(found) == ["from", "to", "timezone", "results", "totals", "order_counts"]
    figures = ("orders", "new_customers", "repeat_orders", "repeat_rate")
    assert list(found["results"][0]) == ["start", "end", "complete", *figures]
    rows = [tuple(row[name] for name in ("start", *figures)) for row in found["results"]]
    assert rows == [
        ("2006-03-30T00:00:00Z", 2, 1, 1, "0.5000"),
        ("2006-03-31T00:00:00Z", 1, 1, 0, "0.0000"),
        ("2006-04-01T00:00:00Z", 12, 1, 11, "0.9167"),
    ]
    assert found["totals"] == {"orders": 15, "new_customers": 3, "repeat_orders": 12, "repeat_rate": "0.8000"}
    later = report(visits.admin, "customers", "2006-05-01", "2006-05-03")
    assert [row["repeat_rate"] for row in later["results"]] == ["1.0000", None]


def test_customers_are_counted_by_their_number_of_sales(visits: Visits) -> None:
    assert visits.counts == [1, 0, 1, 0, 0, 0, 0, 0, 0, 1]


def test_cohorts_have_the_customers_of_a_month_and_those_who_came_back(visits: Visits) -> None:
    found = report(visits.admin, "cohorts", "2006-03", "2006-04")
    assert list(found) == ["from", "to", "results"]
    assert (found["from"], found["to"]) == ("2006-03", "2006-04")
    march, april = found["results"]
    assert (march["month"], march["customers"], march["active"][:4]) == ("2006-03", 2, [2, 0, 1, 0])
    assert (april["month"], april["customers"], april["active"][:3]) == ("2006-04", 1, [1, 0, 0])
    assert len(march["active"]) == len(april["active"]) + 1


def test_cohorts_are_those_of_the_last_twelve_months_unless_given(visits: Visits) -> None:
    found = report(visits.admin, "cohorts")
    assert len(found["results"]) == 12
    assert [len(row["active"]) for row in found["results"]] == list(range(12, 0, -1))
    assert all(row["customers"] == row["active"][0] for row in found["results"])
    future = report(visits.admin, "cohorts", "2099-11", "2099-12")["results"]
    assert future == [{"month": month, "customers": 0, "active": [0]} for month in ("2099-11", "2099-12")]


def test_the_files_have_rows_of_customers_and_a_line_for_each_month_and_offset(visits: Visits) -> None:
    header, *lines = table(
        visits.admin, "customers", "customers_2006-03-30_2006-04-02.csv", **dict(zip(("from", "to"), DAYS, strict=True))
    )
    assert header == ["start", "end", "complete", "orders", "new_customers", "repeat_orders", "repeat_rate"]
    assert lines[0] == ["2006-03-30T00:00:00Z", "2006-03-31T00:00:00Z", "true", "2", "1", "1", "0.5000"]
    header, *lines = table(
        visits.admin, "cohorts", "cohorts_2006-03_2006-04.csv", **{"from": "2006-03", "to": "2006-04"}
    )
    assert header == ["month", "offset", "customers"]
    assert lines[:3] == [["2006-03", "0", "2"], ["2006-03", "1", "0"], ["2006-03", "2", "1"]]
    assert {line[0] for line in lines} == {"2006-03", "2006-04"}
