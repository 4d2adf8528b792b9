"""GET /analytics/top-products and /analytics/bought-together."""

import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import Any

import pytest

from compose.stack import Stack
from tests.support.invariants import check_invariants
from tests.support.past_orders import Line, PastOrder, insert
from tests.support.reports import report, table
from tests.support.world import Person, Sandbox, World

DAYS = ("2004-05-01", "2004-06-01")
FILE = {"from": DAYS[0], "to": DAYS[1]}


@dataclass
class Shop:
    """Two vendors; the first has a product whose name and sku a spreadsheet would run."""

    admin: Person
    vendor: Person
    vendor_id: str
    other_id: str
    mug: str
    bowl: str
    book: str


@pytest.fixture(scope="module")
def shop(stack: Stack, sandbox: Sandbox) -> Iterator[Shop]:
    """Yield a shop with three sales in May 2004, one in April that is cancelled in May, and one that is never paid."""
    with closing(World(stack, stack.url, sandbox)) as world:
        word = uuid.uuid4()
        first, second = f"v-1-{word}", f"@v-2-{word}"
        mug, bowl, book = (f"{kind}-{word}" for kind in ("=mug", "bowl", "book"))

        def placed(day: str, *lines: Line, currency: str = "CHW") -> PastOrder:
            return PastOrder(currency, f"{day}T10:00:00Z", list(lines))

        insert(
            world,
            [
                placed("2004-04-30", Line(first, mug, 1, 900, name="Old mug")).confirm("2004-04-30T12:00:00Z")
                .cancel("2004-05-02T12:00:00Z", "vendor", first),
                placed(
                    "2004-05-03", Line(first, mug, 2, 1000, name="Mug"), Line(first, bowl, 1, 1500), Line(second, book, 1, 700)
                ).confirm("2004-05-03T12:00:00Z"),
                placed("2004-05-04", Line(first, mug, 1, 1000, name="+Mug", sku="-M"), Line(second, book, 3, 700)).confirm(
                    "2004-05-04T12:07:00Z"
                ),
                placed("2004-05-05", Line(first, mug, 5, 100), currency="JPY").confirm("2004-05-05T12:00:00Z"),
                placed("2004-05-06", Line(first, bowl, 100, 1500)),
            ],
        )  # fmt: skip
        yield Shop(world.admin(), world.vendor(first), first, second, mug, bowl, book)
        check_invariants(world)


def test_products_have_their_sales_and_what_was_cancelled_in_the_range(shop: Shop) -> None:
    found = report(shop.vendor, "top-products", *DAYS)
    assert list(found) == ["from", "to", "timezone", "results"]
    of_mug, of_bowl, in_yen = found["results"]
    assert list(of_mug.items()) == [
        *(
            ("currency", "CHW"),
            ("product_id", shop.mug),
            ("vendor_id", shop.vendor_id),
            ("name", "+Mug"),
            ("sku", "-M"),
        ),
        *(("orders", 2), ("quantity", 3), ("gross", "30.00"), ("discount", "0.00"), ("cancelled_quantity", 1)),
        *(("cancelled", "9.00"), ("returned_quantity", 0), ("returned", "0.00"), ("revenue", "21.00")),
    ]
    assert (of_bowl["product_id"], of_bowl["orders"], of_bowl["revenue"]) == (shop.bowl, 1, "15.00")
    assert (in_yen["currency"], in_yen["gross"], in_yen["cancelled"]) == ("JPY", "500", "0")


def test_a_product_of_the_range_may_have_a_cancellation_alone(shop: Shop) -> None:
    [row] = report(shop.vendor, "top-products", "2004-05-02", "2004-05-03")["results"]
    assert (row["orders"], row["gross"], row["cancelled"], row["revenue"]) == (0, "0.00", "9.00", "-9.00")
    assert row["name"] == "Old mug", "that of the latest sale up to the end of the range"


@pytest.mark.parametrize(("by", "first"), [("revenue", "book"), ("quantity", "book"), ("orders", "mug")])
def test_the_largest_comes_first(shop: Shop, by: str, first: str) -> None:
    found = report(shop.admin, "top-products", *DAYS, by=by, currency="CHW")["results"]
    expected = {"orders": {"=mug": 2, "book": 2, "bowl": 1}, "quantity": {"book": 4, "=mug": 3, "bowl": 1}}
    expected["revenue"] = {"book": 28, "=mug": 21, "bowl": 15}
    names = [row["product_id"].split("-")[0] for row in found]
    assert [(name, int(float(row[by]))) for name, row in zip(names, found, strict=True)] == list(expected[by].items())
    assert names[0].removeprefix("=") == first


def test_the_limit_is_for_each_currency(shop: Shop) -> None:
    found = report(shop.vendor, "top-products", *DAYS, limit=1)["results"]
    assert [(row["currency"], row["product_id"]) for row in found] == [("CHW", shop.mug), ("JPY", shop.mug)]
    assert report(shop.vendor, "top-products", *DAYS, currency="USD")["results"] == []


def test_vendors_see_their_own_products_alone_and_admins_those_of_a_vendor(shop: Shop) -> None:
    own = report(shop.vendor, "top-products", *DAYS)
    assert {row["vendor_id"] for row in own["results"]} == {shop.vendor_id}
    assert report(shop.admin, "top-products", *DAYS, vendor_id=shop.vendor_id) == own
    everything = report(shop.admin, "top-products", *DAYS, currency="CHW", limit=100)["results"]
    assert {row["vendor_id"] for row in everything} == {shop.vendor_id, shop.other_id}


def test_nothing_of_another_vendor_is_in_any_report_of_a_vendor(shop: Shop) -> None:
    for name in ("sales", "top-products", "bought-together", "funnel", "coupons"):
        for format_ in ("json", "csv"):
            query = {**FILE, "format": format_, **({"product_id": shop.mug} if name == "bought-together" else {})}
            answer = shop.vendor.get(f"/analytics/{name}", params=query)
            assert answer.status_code == 200
            assert shop.other_id not in answer.text
            assert shop.book not in answer.text


def test_bought_together_has_the_other_products_of_the_same_sales(shop: Shop) -> None:
    found = report(shop.admin, "bought-together", *DAYS, product_id=shop.mug)
    assert list(found) == ["from", "to", "timezone", "orders", "results"]
    assert found["orders"] == 3
    assert [list(row.items()) for row in found["results"]] == [
        [
            *(("product_id", shop.book), ("vendor_id", shop.other_id), ("name", "Mug"), ("orders", 2)),
            ("share", "0.6667"),
        ],
        [("product_id", shop.bowl), ("vendor_id", shop.vendor_id), ("name", "Mug"), ("orders", 1), ("share", "0.3333")],
    ]
    assert len(report(shop.admin, "bought-together", *DAYS, product_id=shop.mug, limit=1)["results"]) == 1


def test_a_vendor_sees_its_own_products_bought_together(shop: Shop) -> None:
    own = report(shop.vendor, "bought-together", *DAYS, product_id=shop.mug)
    assert (own["orders"], [row["product_id"] for row in own["results"]]) == (3, [shop.bowl])
    assert report(shop.admin, "bought-together", *DAYS, product_id=shop.mug, vendor_id=shop.vendor_id) == own
    foreign = report(shop.vendor, "bought-together", *DAYS, product_id=shop.book)
    assert (foreign["orders"], foreign["results"]) == (0, [])


def test_text_that_a_spreadsheet_would_run_is_escaped_in_files_and_nothing_else(shop: Shop) -> None:
    header, *lines = table(shop.admin, "top-products", "top-products_2004-05-01_2004-06-01.csv", currency="CHW", **FILE)
    rows = [dict(zip(header, line, strict=True)) for line in lines]
    assert header == list(report(shop.admin, "top-products", *DAYS)["results"][0])
    assert [row["name"] for row in rows] == ["Mug", "'+Mug", "Mug"]
    assert [row["product_id"] for row in rows] == [shop.book, f"'{shop.mug}", shop.bowl]
    assert [row["vendor_id"] for row in rows] == [f"'{shop.other_id}", shop.vendor_id, shop.vendor_id]
    assert rows[1]["sku"] == "'-M"
    header, *lines = table(
        shop.vendor,
        "top-products",
        "top-products_2004-05-02_2004-05-03.csv",
        **{"from": "2004-05-02", "to": "2004-05-03"},
    )
    assert lines[0][header.index("revenue")] == "-9.00"


def test_the_file_of_bought_together_has_the_results(shop: Shop) -> None:
    query: dict[str, Any] = {**FILE, "product_id": shop.mug}
    assert table(shop.vendor, "bought-together", "bought-together_2004-05-01_2004-06-01.csv", **query) == [
        ["product_id", "vendor_id", "name", "orders", "share"],
        [shop.bowl, shop.vendor_id, "Mug", "1", "0.3333"],
    ]
