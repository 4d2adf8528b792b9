"""The parameters of reports: what is refused, by which pointer, and for which role."""

import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from tests.support.lists import refused
from tests.support.problem import problem
from tests.support.reports import FOR_ADMINS, REPORTS, REQUIRED, report
from tests.support.world import World

HOSTILE = [
    "",
    "\0",
    "x" * 5000,
    "é",
    "1;DROP",
    "-1",
    "1e9",
    "0",
    "101",
    "9" * 400,
    "null",
    "%",
    "a,b",
    "../..",
    "[]",
    "１",
]
RANGED = [name for name in REPORTS if name != "cohorts"]
BOUNDS = [
    *("now", "2026-10", "2026-10-24T22:01:00Z", "2026-10-24T22:00:00.5Z", "2026-10-24T22:00:00", "0001-01-01"),
    *("9999-12-31", "9999-12-31T23:45:00-23:45", "0001-01-01T00:00:00+14:00", "2026-02-30", "2026-W01-1"),
]
ZONES = ["Europe", "europe/paris", "../../etc/passwd", "posix/Europe/Paris", "right/UTC", "+02:00", "Z", "localtime"]


def refused_pointers(world: World, name: str, **query: Any) -> list[str]:
    return refused(world.admin(), f"/analytics/{name}", **{**REQUIRED.get(name, {}), **query})


@pytest.mark.parametrize("name", REPORTS)
def test_customers_have_no_reports_and_vendors_none_of_all_orders(world: World, name: str) -> None:
    query = REQUIRED.get(name, {})
    problem(world.customer().get(f"/analytics/{name}", params={"colour": "red"}), 403, "permission_denied")
    vendor = world.vendor("v-reports").get(f"/analytics/{name}", params=query)
    assert vendor.status_code == (403 if name in FOR_ADMINS else 200)
    assert world.admin().get(f"/analytics/{name}", params=query).status_code == 200


@pytest.mark.parametrize("name", REPORTS)
def test_unknown_and_repeated_parameters_are_refused(world: World, name: str) -> None:
    assert refused_pointers(world, name, colour="red") == ["/colour"]
    assert refused_pointers(world, name, format=["csv", "csv"]) == ["/format"]
    assert refused_pointers(world, name, to=["2026-10", "2026-10"]) == ["/to"]
    assert refused_pointers(world, name, **{"from": ["2026-10", "2026-10"]}) == ["/from"]
    for format_ in ("xml", "CSV", "", "csv,json"):
        assert refused_pointers(world, name, format=format_) == ["/format"]
    for other in ("cursor", "ordering", "at", "From"):
        assert refused_pointers(world, name, **{other: "1"}) == [f"/{other}"]


@pytest.mark.parametrize("name", [name for name in REPORTS if name not in FOR_ADMINS])
def test_a_vendor_names_no_vendor_not_even_itself(world: World, name: str) -> None:
    vendor_id = f"v-{uuid.uuid4()}"
    query = {**REQUIRED.get(name, {}), "vendor_id": vendor_id}
    assert refused(world.vendor(vendor_id), f"/analytics/{name}", **query) == ["/vendor_id"]
    assert report(world.admin(), name, **query)


def test_each_report_has_its_own_parameters(world: World) -> None:
    own = {
        "sales": {"interval": "week", "currency": "EUR", "vendor_id": "v"},
        "top-products": {"by": "orders", "limit": "100", "currency": "EUR", "vendor_id": "v"},
        "bought-together": {"product_id": "p", "limit": "50", "vendor_id": "v"},
        "customers": {"interval": "hour", "from": "2026-10-01", "to": "2026-10-02"},
        "cohorts": {},
        "funnel": {"vendor_id": "v"},
        "coupons": {"limit": "100", "currency": "EUR", "vendor_id": "v"},
        "payments": {"interval": "month", "currency": "EUR"},
    }
    names = {name for query in own.values() for name in query} - {"from", "to"}
    for name, query in own.items():
        assert report(world.admin(), name, **query)
        for other in names - query.keys():
            assert refused_pointers(world, name, **{other: "1"}) == [f"/{other}"], name
    assert refused_pointers(world, "cohorts", timezone="UTC") == ["/timezone"]
    assert refused(world.admin(), "/analytics/bought-together") == ["/product_id"]


@pytest.mark.parametrize(
    ("name", "parameter", "values"),
    [
        ("sales", "interval", ["", "year", "DAY", "day,week", "quarter"]),
        ("sales", "currency", ["", "eur", "EURO", "XXX", "EUR,USD"]),
        ("sales", "timezone", ZONES),
        ("top-products", "by", ["", "gross", "Revenue"]),
        ("top-products", "limit", ["0", "101", "-1", "1.0", "", "+1", "١", "1e1"]),
        ("bought-together", "limit", ["0", "51"]),
        ("bought-together", "product_id", ["", "\0", "x" * 101]),
        ("coupons", "limit", ["0", "101"]),
        ("funnel", "vendor_id", ["", "\0", "x" * 101]),
    ],
)
def test_other_values_are_refused(world: World, name: str, parameter: str, values: list[str]) -> None:
    for value in values:
        assert refused_pointers(world, name, **{parameter: value}) == [f"/{parameter}"], value


@pytest.mark.parametrize("name", RANGED)
def test_other_bounds_are_refused(world: World, name: str) -> None:
    for bound in BOUNDS:
        assert refused_pointers(world, name, **{"from": bound}) == ["/from"], bound
        assert refused_pointers(world, name, to=bound) == ["/to"], bound
    assert refused_pointers(world, name, **{"from": "2026-10-25", "to": "2026-10-25"}) == ["/from"]
    assert refused_pointers(world, name, **{"from": "2016-10-25", "to": "2026-10-26"}) == ["/from"]


def test_a_range_of_too_many_rows_or_dates_is_refused(world: World) -> None:
    for name in ("sales", "customers", "payments"):
        years = {"from": "2016-10-25", "to": "2026-10-25"}
        assert refused_pointers(world, name, **years) == ["/interval"]
        assert report(world.admin(), name, interval="week", **years)
    quarter = {"from": "2026-07-25", "to": "2026-10-25"}
    assert report(world.admin(), "bought-together", product_id="p", **quarter)
    assert refused_pointers(world, "bought-together", **{**quarter, "to": "2026-10-26"}) == ["/from"]
    assert refused_pointers(world, "cohorts", **{"from": "2023-01", "to": "2026-01"}) == ["/from"]
    assert refused_pointers(world, "cohorts", **{"from": "2026-01", "to": "2025-12"}) == ["/from"]
    assert refused_pointers(world, "cohorts", **{"from": "2026-01-01"}) == ["/from"]


def test_a_plus_that_arrives_as_a_space_is_a_plus(world: World) -> None:
    answer = world.admin().get("/analytics/sales?from=2026-10-25T00:00:00+02:00&to=2026-10-27&timezone=Europe/Paris")
    assert (answer.status_code, answer.json()["from"]) == (200, "2026-10-25T00:00:00+02:00")


def test_the_range_is_answered_as_it_was_understood(world: World) -> None:
    found = report(world.admin(), "sales", timezone="Asia/Kathmandu")
    assert found["from"].endswith("T00:00:00+05:45")
    assert found["to"].endswith("T00:00:00+05:45")
    assert report(world.admin(), "sales", "2026-10-01", "2026-10-02")["from"] == "2026-10-01T00:00:00Z"
    assert (
        report(world.admin(), "sales", "2026-10-01", "2026-10-02", timezone="Zulu")["to"] == "2026-10-02T00:00:00+00:00"
    )


@pytest.mark.parametrize("name", REPORTS)
def test_no_value_of_any_parameter_is_an_error_of_the_service(world: World, name: str) -> None:
    admin = world.admin()
    names = ("from", "to", "timezone", "format", "interval", "by", "limit", "currency", "vendor_id", "product_id", "\0")
    for parameter in names:
        for value in HOSTILE:
            answer = admin.get(f"/analytics/{name}", params={**REQUIRED.get(name, {}), parameter: value})
            assert answer.status_code in (200, 400), (parameter, value, answer.text)
    for raw in (
        "from=%ED%A0%80",
        "timezone=%FF",
        "product_id=%C0%80",
        "vendor_id=%ED%A0%80",
        "%ED%A0%80=1",
        "&&=&;",
        "limit",
    ):
        answer = admin.get(f"/analytics/{name}?{raw}")
        assert answer.status_code in (200, 400), (raw, answer.text)


def test_reports_that_hang_leave_other_requests_their_threads(world: World) -> None:
    """Two at a time in each process: the others wait, and are refused when it takes too long."""
    admin, customer = world.admin(), world.customer()

    def ask(_: int) -> httpx.Response:
        return httpx.get(
            f"{world.url}/api/v1/analytics/payments",
            headers={"Authorization": str(admin.http.headers["Authorization"])},
            timeout=30,
            trust_env=False,
            verify=False,
        )

    with psycopg.connect(world.stack.postgres.url) as connection, ThreadPoolExecutor(30) as threads:
        connection.execute("LOCK TABLE analytics_payments")
        waiting = [threads.submit(ask, number) for number in range(30)]
        for _ in range(20):
            answer = customer.get("/orders")
            assert (answer.status_code, answer.elapsed.total_seconds() < 1) == (200, True)
        answers = [each.result() for each in waiting]
    codes = {(answer.status_code, answer.json()["code"]) for answer in answers}
    assert codes <= {(503, "dependency_unavailable"), (503, "overloaded")}
    assert (503, "overloaded") in codes
    assert report(admin, "payments"), "the next one is served"
