"""Discounts at quote and checkout: the worked amounts of the contract (coupons, "Calculation"), and where responses show them."""

import uuid
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.support.records import pay
from tests.support.world import Person, World

Line = tuple[str, int, int]
"""Vendor, quantity, price in minor units."""


@dataclass(frozen=True)
class Worked:
    """A worked example: the terms of its coupons, the cart's lines, and each item's discount."""

    terms: list[dict[str, Any]]
    lines: list[Line]
    discounts: list[str]
    total: str
    currency: str = "EUR"
    vendors: dict[str, str] = field(default_factory=dict)


PERCENT, FIXED, BUY_GET = "percentage", "fixed_amount", "buy_x_get_y"
WORKED = {
    "15 %": Worked(
        [{"kind": PERCENT, "percent": "15.00"}],
        [("v-1", 3, 333), ("v-2", 1, 1000), ("v-1", 2, 5)],
        ["1.50", "1.50", "0.01"],
        "17.08",
        vendors={"v-1": "1.51", "v-2": "1.50"},
    ),
    "100 yen": Worked(
        [{"kind": FIXED, "amount": "100", "currency": "JPY"}],
        [("v-1", 1, 100), ("v-2", 1, 100), ("v-3", 1, 100)],
        ["34", "33", "33"],
        "200",
        "JPY",
    ),
    "1000 yen, more than the cart": Worked(
        [{"kind": FIXED, "amount": "1000", "currency": "JPY"}],
        [("v-1", 1, 300), ("v-2", 2, 200)],
        ["300", "400"],
        "0",
        "JPY",
    ),
    "12.5 % of dinars": Worked(
        [{"kind": PERCENT, "percent": "12.50"}],
        [("v-1", 1, 1001), ("v-2", 2, 333)],
        ["0.125", "0.083"],
        "1.459",
        "KWD",
    ),
    "buy 2 get 1": Worked(
        [{"kind": BUY_GET, "buy_quantity": 2, "get_quantity": 1}],
        [("v-1", 2, 1000), ("v-1", 3, 400), ("v-2", 1, 400)],
        ["0.00", "8.00", "0.00"],
        "28.00",
    ),
    "buy 2 of one, get 1 of another at half price": Worked(
        [
            {
                "kind": BUY_GET,
                "buy_quantity": 2,
                "get_quantity": 1,
                "percent": "50.00",
                "product_ids": [0],
                "get_product_ids": [1],
            }
        ],
        [("v-1", 5, 1999), ("v-1", 3, 599)],
        ["0.00", "5.99"],
        "111.93",
    ),
    "10 %, at most 5.00": Worked(
        [{"kind": PERCENT, "percent": "10.00", "maximum_discount": "5.00", "currency": "EUR"}],
        [("v-1", 1, 8000), ("v-2", 1, 4999)],
        ["3.08", "1.92"],
        "124.99",
    ),
    "one of the platform and one of a vendor": Worked(
        [
            {"kind": FIXED, "amount": "5.00", "currency": "EUR", "stackable": True},
            {"kind": PERCENT, "percent": "10.00", "vendor_id": "v-1", "stackable": True},
        ],
        [("v-1", 3, 333), ("v-2", 1, 1000)],
        ["3.37", "2.63"],
        "13.99",
        vendors={"v-1": "3.37", "v-2": "2.63"},
    ),
}


def shopper(world: World, worked: Worked) -> tuple[Person, list[str]]:
    """Return a customer with the lines in the cart, and the codes of the coupons."""
    products = [world.product(price, vendor, currency=worked.currency) for vendor, _, price in worked.lines]
    lines = [(product, quantity) for product, (_, quantity, _) in zip(products, worked.lines, strict=True)]
    codes = []
    for terms in worked.terms:
        ids = {name: [products[place] for place in terms[name]] for name in terms if name.endswith("product_ids")}
        codes.append(world.coupon(**terms | ids))
    return world.customer(lines, worked.currency), codes


@pytest.mark.parametrize("worked", WORKED.values(), ids=WORKED)
def test_a_worked_amount_is_that_of_the_quote_and_of_the_order(world: World, worked: Worked) -> None:
    ada, codes = shopper(world, worked)
    quoted = ada.post("/orders/quote", {"coupon_codes": codes}).json()
    placed = ada.place({"coupon_codes": codes, "expected_total": quoted["total"]})

    for priced in (quoted, placed):
        assert [item["discount"] for item in priced["items"]] == worked.discounts
        assert priced["total"] == worked.total
        assert priced["coupon_code"] == codes[0]
    assert placed["discount"] == quoted["discount"]
    assert placed["coupons"] == quoted["coupons"]
    discounts = {part["vendor_id"]: part["discount"] for part in placed["vendor_orders"]}
    assert worked.vendors.items() <= discounts.items()
    assert placed["status"] == ("confirmed" if float(worked.total) == 0 else "pending")


def test_a_discount_that_rounds_to_nothing_is_not_applicable(world: World) -> None:
    ada = world.customer([(world.product(4), 1)])
    code = world.coupon(percent="10.00")
    for answer in (ada.post("/orders/quote", {"coupon_code": code}), ada.checkout({"coupon_code": code})):
        assert answer.json()["reason"] == "not_applicable"


def test_coupons_are_shown_in_the_order_of_their_application_and_the_first_named_as_coupon_code(world: World) -> None:
    ada, [five, ten] = shopper(world, WORKED["one of the platform and one of a vendor"])
    placed = ada.place({"coupon_codes": [five, ten]})
    assert placed["coupon_code"] == five
    assert placed["coupons"] == [
        {"code": ten, "kind": "percentage", "discount": "1.00"},
        {"code": five, "kind": "fixed_amount", "discount": "5.00"},
    ]
    assert ada.order(placed["id"])["coupons"] == placed["coupons"]
    [listed] = ada.get("/orders").json()["results"]
    assert listed["coupons"] == placed["coupons"]
    assert all(part.keys().isdisjoint({"coupons", "platform_discount"}) for part in placed["vendor_orders"])


def test_an_order_without_a_coupon_has_none(world: World) -> None:
    placed = world.shopper().place({"coupon_codes": []})
    assert (placed["coupon_code"], placed["coupons"], placed["discount"]) == (None, [], "0.00")


def test_a_vendor_sees_its_own_coupons_and_the_platforms_part_of_its_discount_only(world: World) -> None:
    one, two = f"v-{uuid.uuid4()}", f"v-{uuid.uuid4()}"
    ada = world.customer([(world.product(333, one), 3), (world.product(1000, two), 1)])
    five = world.coupon("FIVE-" + uuid.uuid4().hex[:12], kind=FIXED, amount="5.00", currency="EUR", stackable=True)
    ten = world.coupon("TEN-" + uuid.uuid4().hex[:12], vendor_id=one, stackable=True)
    placed = ada.place({"coupon_codes": [five, ten]})

    of_one, of_two = (world.vendor(vendor).get("/vendor-orders").json()["results"][0] for vendor in (one, two))
    assert (of_one["discount"], of_one["platform_discount"], of_one["total"]) == ("3.37", "2.37", "6.62")
    assert of_one["coupons"] == [{"code": ten, "discount": "1.00"}]
    assert (of_two["discount"], of_two["platform_discount"], of_two["total"]) == ("2.63", "2.63", "7.37")
    assert of_two["coupons"] == []
    for part in (of_one, of_two):
        assert world.admin().get(f"/vendor-orders/{part['id']}").json() == part
        assert five not in str(part)
        assert placed["discount"] not in str(part)


def test_a_coupon_of_a_vendor_that_the_platform_funds_is_no_coupon_of_the_vendors(world: World) -> None:
    vendor = f"v-{uuid.uuid4()}"
    ada = world.customer([(world.product(1000, vendor), 1), (world.product(1000, "v-other"), 1)])
    code = world.coupon(vendor_id=vendor, funded_by="platform")
    placed = ada.place({"coupon_code": code})
    assert [item["discount"] for item in placed["items"]] == ["1.00", "0.00"]
    [part] = world.vendor(vendor).get("/vendor-orders").json()["results"]
    assert (part["discount"], part["platform_discount"], part["coupons"]) == ("1.00", "1.00", [])


def test_only_admins_see_the_coupons_in_the_history_of_an_order(world: World) -> None:
    ada, code = world.shopper(), world.coupon()
    order_id = ada.place({"coupon_code": code})["id"]
    entry = world.admin().get(f"/orders/{order_id}/history").json()["results"][0]
    assert entry["data"] == {"coupons": [{"code": code, "discount": "2.00"}]}
    assert "data" not in ada.get(f"/orders/{order_id}/history").json()["results"][0]
    plain = world.shopper().place()
    assert world.admin().get(f"/orders/{plain['id']}/history").json()["results"][0]["data"] == {}


def test_nothing_is_recalculated_when_a_part_is_cancelled(world: World) -> None:
    one, two = f"v-{uuid.uuid4()}", f"v-{uuid.uuid4()}"
    ada = world.customer([(world.product(1000, one), 1), (world.product(1000, two), 1)])
    code = world.coupon(kind=FIXED, amount="5.00", currency="EUR", minimum_spend="20.00")
    placed = ada.place({"coupon_code": code})
    pay(world, placed["id"])
    ada.order_becomes(placed["id"], status="confirmed")
    [part] = world.vendor(one).get("/vendor-orders").json()["results"]
    assert world.vendor(one).post(f"/vendor-orders/{part['id']}/cancel").status_code == 200
    order = ada.order(placed["id"])
    assert (order["discount"], order["total"]) == ("5.00", "15.00")
    assert [each["total"] for each in order["vendor_orders"]] == ["7.50", "7.50"]
    assert world.sql("SELECT amount FROM refunds WHERE order_id = %s", placed["id"]) == [{"amount": 750}]
