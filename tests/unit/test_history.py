"""The plan of a history of orders: its marketplace, its coupons, and the sections of its SQL."""

from collections import Counter
from datetime import UTC, datetime
from itertools import chain

from compose.history import PREPARATION, TABLES, Plan, sections
from compose.sandbox.catalogue import PRODUCTS_EACH, VENDORS, generated_product
from compose.sandbox.coupons import COUPONS
from compose.sandbox.seed import GENERATED, PRODUCTS


def test_the_history_is_of_products_in_stock_the_seeded_ones_first_and_each_vendor_has_as_many() -> None:
    products = Plan.of_a_year(1000).products
    assert [row for row in products if row in PRODUCTS] == list(products[: len(PRODUCTS) - 1])
    assert min(row[6] for row in products) >= 100
    assert Counter(row[1] for row in products) == {vendor_id: PRODUCTS_EACH for vendor_id, _ in VENDORS}
    assert {(row[1], row[5]) for row in products} == set(VENDORS)
    ids = [row[0] for row in (*PRODUCTS, *GENERATED)]
    assert len(set(ids)) == len({row[3] for row in (*PRODUCTS, *GENERATED)}) == len(ids)


def test_a_generated_product_is_always_the_same() -> None:
    assert generated_product("v-atelier", "EUR", 5) == generated_product("v-atelier", "EUR", 5)
    prices = [generated_product("v-atelier", "EUR", number)[4] for number in range(200)]
    assert min(prices) >= 490
    assert max(prices) <= 20 * 490
    assert len(set(prices)) > 100


def test_the_history_of_a_year_has_the_seeded_coupons_and_vendors_for_orders_of_several_vendors() -> None:
    plan = Plan.of_a_year(1000)
    assert plan.vendors == dict(VENDORS)
    assert (plan.end - plan.begin).days == 365
    assert plan.end <= datetime.now(UTC)
    codes = {coupon["code"] for coupon in plan.coupons}
    assert {coupon["code"] for coupon in COUPONS} - codes == {"BOOKS3FOR2"}, "no history has coupons of its kind"
    for currency, vendors in Counter(plan.vendors.values()).items():
        assert vendors < 4 or vendors % 4 == 0, currency


def test_every_section_of_the_sql_is_run() -> None:
    assert list(sections()) == [*chain.from_iterable(PREPARATION), *TABLES, "end"]
