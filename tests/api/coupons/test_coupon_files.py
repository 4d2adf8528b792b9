"""`format=csv` of the lists of coupons and redemptions."""

import csv
import io
import uuid
from typing import Any

import pytest

from tests.support.coupons import LATE, batch, coupon, multiply, remove_copies, use
from tests.support.lists import refused
from tests.support.world import Person, World

COLUMNS = [
    *("code", "kind", "percent", "amount", "buy_quantity", "get_quantity", "currency", "vendor_id", "product_ids"),
    *("get_product_ids", "funded_by", "minimum_spend", "maximum_discount", "first_order_only", "stackable"),
    *("usage_limit", "per_customer_limit", "budget", "starts_at", "ends_at", "is_active", "name"),
    *("id", "times_used", "amount_used", "state", "batch_id", "version", "created_at", "updated_at"),
]
REDEMPTION_COLUMNS = [
    *("id", "order_id", "order_number", "customer_id", "vendor_order_id", "discount", "currency", "status"),
    *("reserved_at", "redeemed_at", "released_at"),
]


def table(person: Person, path: str, name: str, **query: Any) -> list[list[str]]:
    """Return the header and the lines of a list as a file with this name."""
    answer = person.get(path, params={"format": "csv", **query})
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == f'attachment; filename="{name}"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.text.endswith("\r\n")
    return list(csv.reader(io.StringIO(answer.text, newline="")))


def text(value: Any) -> str:
    """Return the cell of a JSON value."""
    if isinstance(value, list):
        return " ".join(value)
    return "" if value is None else str(value).lower() if isinstance(value, bool) else str(value)


def test_a_file_has_the_coupons_of_the_list_with_all_fields(either_world: World) -> None:
    vendor = either_world.vendor(f"v-{uuid.uuid4()}")
    coupon(vendor, "fixed_amount", name='Spring, "15"\n', budget="100.00", ends_at=LATE, is_active=False)
    coupon(vendor, "buy_x_get_y", product_ids=["a", "b"], get_product_ids=["c"], name="é")
    coupon(vendor, currency="JPY", minimum_spend="2000")
    for query in ({}, {"ordering": "code"}, {"is_active": "true"}, {"q": "t", "kind": "percentage"}):
        listed = vendor.get("/coupons", params=query).json()["results"]
        expected = [[text(row[name]) for name in COLUMNS] for row in listed]
        assert table(vendor, "/coupons", "coupons.csv", **query) == [COLUMNS, *expected]
    assert vendor.get("/coupons", params={"format": "json"}).json() == vendor.get("/coupons").json()


def test_an_empty_list_is_a_header(world: World) -> None:
    vendor = world.vendor(f"v-{uuid.uuid4()}")
    assert vendor.get("/coupons", params={"format": "csv"}).text == ",".join(COLUMNS) + "\r\n"


def test_text_that_a_spreadsheet_would_run_is_escaped_and_nothing_else(world: World) -> None:
    admin, vendor_id = world.admin(), f"@v-{uuid.uuid4()}"
    for name in ("=1+1", "-5", "plain"):
        coupon(admin, "buy_x_get_y", vendor_id=vendor_id, name=name, product_ids=["+a", "b"], get_product_ids=["=c"])
    _, *lines = table(admin, "/coupons", "coupons.csv", vendor_id=vendor_id)
    rows = [dict(zip(COLUMNS, line, strict=True)) for line in lines]
    assert [row["name"] for row in rows] == ["plain", "'-5", "'=1+1"]
    assert {(row["vendor_id"], row["product_ids"], row["get_product_ids"]) for row in rows} == {
        (f"'{vendor_id}", "'+a b", "'=c")
    }


def test_a_file_has_more_coupons_than_a_page(world: World) -> None:
    admin = world.admin()
    made = batch(admin, 4500)
    _, *lines = table(admin, "/coupons", "coupons.csv", batch_id=made["id"], ordering="code")
    found = [line[0] for line in lines]
    assert (len(found), found) == (4500, sorted(set(found)))


def test_a_file_has_the_redemptions_of_the_list(either_world: World) -> None:
    vendor, admin = either_world.vendor(f"v-{uuid.uuid4()}"), either_world.admin()
    made = coupon(vendor)
    use(either_world, made)
    use(either_world, made, "redeemed", currency="JPY")
    path, name = f"/coupons/{made['code']}/redemptions", f"redemptions_{made['code']}.csv"
    own = [column for column in REDEMPTION_COLUMNS if column != "customer_id"]
    for person, columns in ((admin, REDEMPTION_COLUMNS), (vendor, own)):
        for query in ({}, {"status": "redeemed"}, {"status": "released"}):
            listed = person.get(path, params=query).json()["results"]
            expected = [[text(row[column]) for column in columns] for row in listed]
            assert table(person, path, name, **query) == [columns, *expected]


@pytest.mark.parametrize("path", ["/coupons", "/coupons/{code}/redemptions"])
def test_pages_and_other_formats_are_refused(world: World, path: str) -> None:
    admin = world.admin()
    path = path.replace("{code}", coupon(admin)["code"])
    for format_ in ("xml", "CSV", "", "csv,json"):
        assert refused(admin, path, format=format_) == ["/format"]
    assert refused(admin, path, format=["csv", "csv"]) == ["/format"]
    assert refused(admin, path, format="csv", limit=5) == ["/limit"]
    assert refused(admin, path, format="csv", cursor="x") == ["/cursor"]
    assert refused(admin, "/coupon-batches", format="csv") == ["/format"]
    assert refused(admin, "/orders", format="csv") == ["/format"]


def test_a_file_of_more_than_a_hundred_thousand_rows_is_refused(world: World) -> None:
    vendor = world.vendor(f"v-{uuid.uuid4()}")
    vendor.http.timeout = 60
    made = coupon(vendor)
    multiply(world, made, 100_000)
    assert refused(vendor, "/coupons", format="csv") == ["/format"]
    assert len(table(vendor, "/coupons", "coupons.csv", is_active="false")) == 2
    remove_copies(world, made)  # for the other tests, which would wait for large tables
