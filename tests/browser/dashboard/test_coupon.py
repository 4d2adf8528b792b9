"""The page of a coupon: its terms changed with their version, its end, its redemptions and its history."""

import uuid

import pytest
from playwright.sync_api import expect

from orders.coupons.rules import Kind
from orders.coupons.terms import CHANGEABLE, FOREIGN
from tests.support.coupons import LATE, batch, coupon, history, read, use
from tests.support.dashboard_page import Dashboard
from tests.support.world import Person, World

HOSTILE = "<img src=x onerror=alert(1)>"


@pytest.fixture
def vendor(world: World) -> Person:
    """Return a vendor with no coupon."""
    return world.vendor(f"v-{uuid.uuid4()}")


def page_of(code: str) -> str:
    return f"/dashboard/coupons/{code}"


def test_only_what_was_changed_is_sent_with_the_version_that_was_shown(dashboard: Dashboard, vendor: Person) -> None:
    made = coupon(vendor, "fixed_amount", minimum_spend="30.00", ends_at=LATE)
    dashboard.sign_in(vendor, page_of(made["code"].lower()))
    shown = {name for name in CHANGEABLE if dashboard.hook(f"coupon-field-{name}").count()}
    assert shown == {*CHANGEABLE} - set(FOREIGN[Kind.FIXED_AMOUNT])
    expect(dashboard.hook("coupon-kind")).to_have_text("€5.00 off")
    dashboard.click("coupon-save")
    assert "nothing to save" in dashboard.toast("ok")
    dashboard.hook("coupon-field-usage_limit").fill("7")
    dashboard.hook("coupon-field-minimum_spend").fill("")
    dashboard.hook("coupon-field-stackable").check()
    with dashboard.page.expect_request(lambda request: request.method == "PATCH") as sent:
        dashboard.click("coupon-save")
    assert sent.value.post_data_json == {"usage_limit": 7, "minimum_spend": None, "stackable": True}
    assert sent.value.all_headers()["if-match"] == '"1"'
    assert "saved" in dashboard.toast("ok")
    assert dashboard.focused() == "coupon-save"
    expect(dashboard.hook("coupon-usage_limit")).to_have_attribute("data-value", "7")
    expect(dashboard.hook("history-entry")).to_have_count(2)
    expect(dashboard.hook("history-entry").last).to_contain_text("Minimum spend: €30.00 → none")
    changed = read(vendor, made["code"])
    assert (changed["usage_limit"], changed["minimum_spend"], changed["version"]) == (7, None, 2)


def test_refused_changes_are_explained_at_their_fields(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.expects("status of 400")
    made = coupon(vendor)
    dashboard.sign_in(vendor, page_of(made["code"]))
    expect(dashboard.hook("coupon-field-minimum_spend")).to_have_count(0)  # it has no currency
    dashboard.hook("coupon-field-starts_at").fill("")
    dashboard.click("coupon-save")
    expect(dashboard.hook("field-error-starts_at")).to_be_visible()
    dashboard.hook("coupon-field-starts_at").fill("2030-01-01T00:00")
    dashboard.hook("coupon-field-ends_at").fill("2029-01-01T00:00")
    dashboard.click("coupon-save")
    expect(dashboard.hook("field-error-ends_at")).to_contain_text("later than starts_at")
    assert read(vendor, made["code"]) == made


def test_a_conflict_says_what_has_changed_and_keeps_what_was_typed(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.expects("status of 412")
    made = coupon(vendor)
    dashboard.sign_in(vendor, page_of(made["code"]))
    dashboard.hook("coupon-field-usage_limit").fill("7")
    assert vendor.patch(f"/coupons/{made['code']}", {"ends_at": LATE, "stackable": True}).status_code == 200
    dashboard.click("coupon-save")
    said = dashboard.toast("error")
    assert "Good until: none → " in said
    assert "May be used together with other coupons: no → yes" in said
    assert read(vendor, made["code"])["usage_limit"] is None
    expect(dashboard.hook("coupon-field-usage_limit")).to_have_value("7")
    expect(dashboard.hook("coupon-field-ends_at")).not_to_have_value("")
    expect(dashboard.hook("coupon-summary")).to_have_attribute("data-version", "2")
    dashboard.click("coupon-save")
    dashboard.toast("ok")
    saved = read(vendor, made["code"])
    assert (saved["usage_limit"], saved["ends_at"], saved["stackable"]) == (7, LATE, True)


def test_a_coupon_is_disabled_and_enabled_again(dashboard: Dashboard, vendor: Person) -> None:
    made = coupon(vendor)
    dashboard.sign_in(vendor, page_of(made["code"]))
    for action, state in {"disable": "disabled", "enable": "active"}.items():
        dashboard.click(f"coupon-{action}")
        expect(dashboard.hook("state")).to_have_attribute("data-value", state)
        expect(dashboard.hook(f"coupon-{action}")).to_have_count(0)
        assert read(vendor, made["code"])["state"] == state
        assert dashboard.focused() != "BODY"


def test_a_coupon_is_deleted_once_that_is_confirmed_and_nobody_has_changed_it(
    dashboard: Dashboard, vendor: Person
) -> None:
    dashboard.expects("status of 412")
    made = coupon(vendor)
    dashboard.sign_in(vendor, page_of(made["code"]))
    dashboard.hook("coupon-delete").click()
    dashboard.page.keyboard.press("Escape")
    expect(dashboard.hook("confirm-dialog")).to_have_count(0)
    assert dashboard.focused() == "coupon-delete"
    assert vendor.patch(f"/coupons/{made['code']}", {"name": "Spring"}).status_code == 200
    dashboard.hook("coupon-delete").click()
    dashboard.click("confirm-yes")
    assert "Name: none → Spring" in dashboard.toast("error")
    assert read(vendor, made["code"])["name"] == "Spring"
    dashboard.hook("coupon-delete").click()
    dashboard.click("confirm-yes")
    assert made["code"] in dashboard.toast("ok")
    expect(dashboard.hook("empty")).to_be_visible()
    assert vendor.get(f"/coupons/{made['code']}").status_code == 404


@pytest.mark.parametrize("role", ["vendor", "admin"])
def test_the_orders_that_use_it_are_listed_as_far_as_the_role_sees_them(
    dashboard: Dashboard, world: World, vendor: Person, role: str
) -> None:
    made = coupon(vendor)
    reserved, released = use(world, made), use(world, made, "released")
    dashboard.sign_in(vendor if role == "vendor" else world.admin(), page_of(made["code"]))
    section = dashboard.hook("redemptions")
    expect(section.get_by_test_id("row")).to_have_count(2)
    row = dashboard.row(reserved["id"])
    expect(row).to_have_attribute("data-status", "reserved")
    for field in ("order_number", "discount", "status", "reserved_at"):
        expect(row.get_by_test_id(f"cell-{field}")).to_have_attribute("data-value", reserved[field])
    address = {
        "vendor": f"/dashboard/vendor-orders/{reserved['vendor_order_id']}",
        "admin": f"/dashboard/orders/{reserved['order_id']}",
    }[role]
    expect(row.get_by_role("link")).to_have_attribute("href", address)
    customers = section.get_by_test_id("cell-customer_id").all()
    assert [cell.get_attribute("data-value") for cell in customers] == {
        "vendor": [],
        "admin": [released["customer_id"], reserved["customer_id"]],
    }[role]
    dashboard.hook("filter-status").select_option("released")
    dashboard.ready()
    assert dashboard.ids() == [released["id"]]
    with dashboard.page.expect_download() as download:
        dashboard.click("redemptions-csv")
    assert released["id"] in download.value.path().read_text()
    expect(dashboard.hook("coupon-times_used")).to_have_attribute("data-value", "1")


def test_the_history_has_every_change_and_its_author_as_far_as_the_role_sees_it(
    dashboard: Dashboard, world: World, vendor: Person
) -> None:
    made = coupon(vendor, "fixed_amount", name=HOSTILE)
    vendor.patch(f"/coupons/{made['code']}", {"budget": "1000.00", "product_ids": [HOSTILE]})
    dashboard.sign_in(world.admin(), page_of(made["code"]))
    entries = dashboard.hook("coupon-history").get_by_test_id("history-entry")
    types = [entry["type"] for entry in history(vendor, made["code"])]
    assert (
        [entry.get_attribute("data-type") for entry in entries.all()] == types == ["coupon.created", "coupon.changed"]
    )
    expect(entries.last).to_contain_text("Budget: none → €1,000.00")
    expect(entries.last.locator("[data-field=budget] [data-value]")).to_have_attribute("data-value", "1000.00")
    expect(entries.last).to_contain_text(f"Products: none → {HOSTILE}")
    expect(entries.last.get_by_test_id("history-actor")).to_have_text(f"vendor {vendor.id}")
    expect(dashboard.hook("coupon-field-name")).to_have_value(HOSTILE)
    dashboard.click("nav-coupons")
    expect(dashboard.row(made["id"]).get_by_test_id("cell-name")).to_have_text(HOSTILE)


def test_a_coupon_of_a_batch_leads_to_the_others(dashboard: Dashboard, vendor: Person) -> None:
    made = batch(vendor, 2)
    [first, _] = vendor.get("/coupons", params={"batch_id": made["id"]}).json()["results"]
    dashboard.sign_in(vendor, page_of(first["code"]))
    dashboard.hook("coupon-batch_id").get_by_role("link").click()
    expect(dashboard.rows).to_have_count(2)
    expect(dashboard.hook("batch")).to_have_attribute("data-id", made["id"])


def test_another_vendors_coupon_is_not_found(dashboard: Dashboard, world: World, vendor: Person) -> None:
    dashboard.expects("status of 404")
    dashboard.sign_in(vendor, page_of(coupon(world.vendor("v-1"))["code"]))
    expect(dashboard.hook("error-code")).to_have_text("not_found")
    expect(dashboard.hook("retry")).to_be_visible()
    for hook in ("coupon-save", "coupon-delete", "redemptions"):
        expect(dashboard.hook(hook)).to_have_count(0)
