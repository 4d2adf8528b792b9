"""The forms of a new coupon and of a batch: the fields of the kind and the role, refusals at their fields."""

import uuid
from typing import Any

import pytest
from playwright.sync_api import Route, expect

from orders.coupons.rules import Kind
from orders.coupons.terms import DEFAULTS, FOREIGN
from tests.support.coupons import a_code, coupon, read
from tests.support.dashboard_page import Dashboard, OpenDashboard
from tests.support.world import Person, World

SHOWN_FIELDS = """() => [...document.querySelectorAll("[data-testid^=coupon-field-]")]
    .map((field) => field.dataset.testid.replace("coupon-field-", ""))"""

NEW = "/dashboard/coupons/new"


def fields(dashboard: Dashboard) -> set[str]:
    return set(dashboard.page.evaluate(SHOWN_FIELDS))


def fill(dashboard: Dashboard, **values: str) -> None:
    for name, value in values.items():
        field = dashboard.hook(f"coupon-field-{name}")
        if name in ("kind", "currency", "funded_by"):
            field.select_option(value)
        else:
            field.fill(value)


@pytest.fixture
def vendor(world: World) -> Person:
    """Return a vendor with no coupon."""
    return world.vendor(f"v-{uuid.uuid4()}")


@pytest.mark.parametrize("role", ["vendor", "admin"])
def test_the_form_has_the_apis_fields_of_the_kind_and_the_role(dashboard: Dashboard, world: World, role: str) -> None:
    dashboard.sign_in(world.admin() if role == "admin" else world.vendor("v-1"), NEW)
    hidden = set() if role == "admin" else {"vendor_id", "funded_by"}
    for kind in Kind:
        fill(dashboard, kind=kind)
        assert fields(dashboard) == {*DEFAULTS, "code"} - set(FOREIGN[kind]) - hidden
        assert dashboard.focused() != "BODY"
    dashboard.click("batch-new")
    assert fields(dashboard) == {*DEFAULTS} - set(FOREIGN[kind]) - hidden


def test_every_field_reaches_the_api(open_dashboard: OpenDashboard, world: World) -> None:
    admin, code = world.admin(), a_code()
    dashboard = open_dashboard(timezone_id="Asia/Tokyo").sign_in(admin, NEW)
    fill(dashboard, code=code.lower(), name="  Tea time ", kind="buy_x_get_y", currency="EUR", funded_by="platform")
    fill(dashboard, buy_quantity="2", get_quantity="1", percent="50", vendor_id="v-1")
    fill(dashboard, product_ids="p-1\n p 2 \n\n", get_product_ids="p-9", minimum_spend="30", maximum_discount="5.5")
    fill(dashboard, usage_limit="100", per_customer_limit="2", budget="1000.00")
    fill(dashboard, starts_at="2098-01-01T09:30", ends_at="2099-01-01T00:00")
    for name in ("first_order_only", "stackable", "is_active"):
        dashboard.hook(f"coupon-field-{name}").click()
    dashboard.click("coupon-save")
    assert code in dashboard.toast("ok")
    expect(dashboard.main).to_have_attribute("data-page", "coupon")
    assert dashboard.page.url.endswith(f"/dashboard/coupons/{code}")
    expected: dict[str, Any] = {
        "kind": "buy_x_get_y",
        "percent": "50.00",
        "amount": None,
        "buy_quantity": 2,
        "get_quantity": 1,
        "currency": "EUR",
        "vendor_id": "v-1",
        "product_ids": ["p-1", "p 2"],
        "get_product_ids": ["p-9"],
        "funded_by": "platform",
        "minimum_spend": "30.00",
        "maximum_discount": "5.50",
        "first_order_only": True,
        "stackable": True,
        "usage_limit": 100,
        "per_customer_limit": 2,
        "budget": "1000.00",
        "starts_at": "2098-01-01T00:30:00Z",
        "ends_at": "2098-12-31T15:00:00Z",
        "is_active": False,
        "name": "Tea time",
    }
    assert read(admin, code).items() >= expected.items()
    assert expected.keys() == DEFAULTS.keys()


def test_what_is_left_empty_has_the_apis_defaults(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.sign_in(vendor, NEW)
    fill(dashboard, percent="12.5")
    dashboard.hook("coupon-field-percent").press("Enter")
    dashboard.toast("ok")
    [made] = vendor.get("/coupons").json()["results"]
    assert (made["percent"], made["funded_by"], made["state"]) == ("12.50", "vendor", "active")
    assert dashboard.page.url.endswith(f"/{made['code']}")


def test_money_has_the_decimals_of_the_chosen_currency(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.expects("status of 400")
    dashboard.sign_in(vendor, NEW)
    fill(dashboard, kind="fixed_amount", amount="2.50", code=a_code())
    dashboard.click("coupon-save")
    expect(dashboard.hook("field-error-currency")).to_be_visible()
    amount = dashboard.hook("coupon-field-amount")
    for currency, zero in {"EUR": "0.00", "KWD": "0.000", "JPY": "0"}.items():
        fill(dashboard, currency=currency)
        expect(amount).to_have_attribute("placeholder", zero)
        expect(dashboard.page.get_by_label(f"Amount off in {currency}")).to_have_count(1)
    dashboard.click("coupon-save")
    expect(dashboard.hook("field-error-amount")).to_contain_text("JPY has 0 decimals")
    assert dashboard.focused() == "coupon-field-amount"
    fill(dashboard, amount="250")
    dashboard.click("coupon-save")
    dashboard.toast("ok")
    expect(dashboard.hook("field-error-amount")).to_have_count(0)
    assert vendor.get("/coupons").json()["results"][0]["amount"] == "250"


def test_refused_input_is_explained_at_its_field(dashboard: Dashboard, world: World) -> None:
    dashboard.expects("status of 400", "status of 409")
    taken = coupon(world.admin())["code"]
    dashboard.sign_in(world.admin(), NEW)
    fill(
        dashboard, code="-", usage_limit="many", product_ids="p-1\np-1", funded_by="vendor", ends_at="2020-01-01T00:00"
    )
    dashboard.click("coupon-save")
    for name in ("code", "usage_limit", "product_ids"):  # each by itself, before the rules across fields
        expect(dashboard.hook(f"field-error-{name}")).to_be_visible()
        expect(dashboard.hook(f"coupon-field-{name}")).to_have_attribute("aria-invalid", "true")
    assert dashboard.focused() == "coupon-field-code"
    fill(dashboard, code=taken, usage_limit="", product_ids="")
    dashboard.click("coupon-save")
    for name in ("percent", "funded_by", "ends_at"):
        expect(dashboard.hook(f"field-error-{name}")).to_be_visible()
    expect(dashboard.hook("field-error-code")).not_to_be_visible()
    fill(dashboard, percent="10", funded_by="", ends_at="")
    dashboard.click("coupon-save")
    expect(dashboard.hook("field-error-code")).to_contain_text(taken)
    assert dashboard.focused() == "coupon-field-code"


def test_a_batch_is_made_and_its_codes_are_saved(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.expects("status of 400")
    coupon(vendor)  # not one of the batch
    dashboard.sign_in(vendor, "/dashboard/coupons")
    dashboard.click("batch-new")
    fill(dashboard, percent="10.00", name="Spring")
    dashboard.hook("batch-prefix").fill("-")
    dashboard.click("batch-save")
    expect(dashboard.hook("field-error-count")).to_be_visible()
    expect(dashboard.hook("field-error-prefix")).to_be_visible()
    dashboard.hook("batch-count").fill("23")
    dashboard.hook("batch-prefix").fill("tea-")
    dashboard.click("batch-save")
    assert "23 codes" in dashboard.toast("ok")
    expect(dashboard.hook("batch-codes")).to_have_attribute("data-value", "23")
    expect(dashboard.rows).to_have_count(20)
    with dashboard.page.expect_download() as download:
        dashboard.click("batch-csv")
    assert download.value.suggested_filename == "coupons.csv"
    lines = download.value.path().read_text().splitlines()
    assert len(lines) == 24
    assert all(line.startswith("TEA-") for line in lines[1:])
    batch_id = dashboard.hook("batch").get_attribute("data-id")
    made = vendor.get("/coupons", params={"batch_id": batch_id}).json()["results"]
    assert {(one["usage_limit"], one["name"]) for one in made} == {(1, "Spring")}


def test_a_batch_whose_answer_is_lost_is_made_once(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.expects("Failed to load resource")

    def lose(route: Route) -> None:
        route.fetch()
        route.abort()

    dashboard.sign_in(vendor, f"{NEW}?batch=1")
    fill(dashboard, percent="10.00")
    dashboard.hook("batch-count").fill("2")
    dashboard.page.route("**/coupon-batches", lose, times=1)
    dashboard.click("batch-save")
    assert "cannot be reached" in dashboard.toast("error")
    dashboard.click("batch-save")
    dashboard.toast("ok")
    assert len(vendor.get("/coupon-batches").json()["results"]) == 1

    dashboard.click("batch-new")
    fill(dashboard, percent="10.00")
    dashboard.hook("batch-count").fill("2")
    dashboard.click("batch-save")
    expect(dashboard.hook("batch")).to_be_visible()
    assert len(vendor.get("/coupon-batches").json()["results"]) == 2


def test_a_coupon_is_made_by_keyboard_alone(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.sign_in(vendor, "/dashboard/coupons")
    keyboard = dashboard.page.keyboard
    dashboard.hook("coupon-new-link").focus()
    keyboard.press("Enter")
    dashboard.ready()
    assert dashboard.focused() == "H1"
    seen = []
    code = a_code()
    for text in ("", code, "By hand", "Percentage", "15"):
        keyboard.press("Tab")
        keyboard.type(text)
        seen.append(dashboard.focused())
    assert seen == ["batch-new", *(f"coupon-field-{name}" for name in ("code", "name", "kind", "percent"))]
    keyboard.press("Enter")
    dashboard.toast("ok")
    expect(dashboard.main).to_have_attribute("data-page", "coupon")
    assert dashboard.focused() == "H1"
    assert read(vendor, code)["name"] == "By hand"
