"""The coupon pages in every state: what can be measured of their accessibility, with long texts."""

import uuid
from collections.abc import Callable

import pytest
from playwright.sync_api import expect

from tests.support.accessibility import check_accessibility
from tests.support.coupons import LATE, batch, coupon, use
from tests.support.dashboard_page import Dashboard
from tests.support.world import Person, World

LONG = "An-uncommonly-long-text-without-any-place-where-a-line-could-end" * 2
COUPONS = "/dashboard/coupons"

State = Callable[[Dashboard, World, Person], None]


def a_list(dashboard: Dashboard, world: World, vendor: Person) -> None:
    use(world, coupon(vendor, "fixed_amount", code="A" * 50, name=LONG[:100], budget="90071992547409.91"))
    for terms in ({"starts_at": LATE}, {"is_active": False}, {"usage_limit": 1_000_000_000, "ends_at": LATE}):
        coupon(vendor, "buy_x_get_y", **terms)
    batch(vendor, 2, name=LONG[:100])
    dashboard.sign_in(world.admin(), f"{COUPONS}?vendor_id={vendor_id(vendor)}")
    expect(dashboard.rows).to_have_count(6)


def an_empty_list(dashboard: Dashboard, world: World, vendor: Person) -> None:
    dashboard.sign_in(vendor, COUPONS)


def a_batch(dashboard: Dashboard, world: World, vendor: Person) -> None:
    made = batch(vendor, 2, name=LONG[:100])
    dashboard.sign_in(vendor, f"{COUPONS}?batch_id={made['id']}")


def a_new_coupon(dashboard: Dashboard, world: World, vendor: Person) -> None:
    dashboard.sign_in(world.admin(), f"{COUPONS}/new")
    dashboard.hook("coupon-field-percent").fill("15")
    dashboard.hook("coupon-field-vendor_id").fill("v-1")


def a_refused_batch(dashboard: Dashboard, world: World, vendor: Person) -> None:
    dashboard.sign_in(world.admin(), f"{COUPONS}/new?batch=1")
    dashboard.hook("coupon-field-kind").select_option("buy_x_get_y")
    dashboard.hook("coupon-field-product_ids").fill(f"{LONG}\n{LONG}")
    dashboard.click("batch-save")
    expect(dashboard.hook("field-error-product_ids")).to_be_visible()


def a_coupon(dashboard: Dashboard, world: World, vendor: Person) -> None:
    made = coupon(vendor, "fixed_amount", product_ids=None, name=LONG[:100])
    use(world, made, "redeemed")
    assert vendor.patch(f"/coupons/{made['code']}", {"product_ids": [LONG[:64]], "budget": "1000.00"}).is_success
    dashboard.sign_in(world.admin(), f"{COUPONS}/{made['code']}")


def a_deletion(dashboard: Dashboard, world: World, vendor: Person) -> None:
    dashboard.sign_in(vendor, f"{COUPONS}/{coupon(vendor)['code']}")
    dashboard.hook("coupon-delete").click()
    expect(dashboard.hook("confirm-dialog")).to_be_visible()


def a_missing_coupon(dashboard: Dashboard, world: World, vendor: Person) -> None:
    dashboard.sign_in(vendor, f"{COUPONS}/NONE")
    expect(dashboard.hook("error")).to_be_visible()


def vendor_id(vendor: Person) -> str:
    [row, *_] = vendor.get("/coupons").json()["results"]
    return str(row["vendor_id"])


STATES: list[State] = [
    a_list,
    an_empty_list,
    a_batch,
    a_new_coupon,
    a_refused_batch,
    a_coupon,
    a_deletion,
    a_missing_coupon,
]


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
def test_axe_finds_nothing_serious_and_nothing_scrolls_sideways(
    dashboard: Dashboard, world: World, state: State
) -> None:
    dashboard.expects("status of 40")
    state(dashboard, world, world.vendor(f"v-{uuid.uuid4()}"))
    check_accessibility(dashboard)
