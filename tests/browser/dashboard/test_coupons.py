"""The list of coupons: rows, filters in the address, pages, files, batches."""

import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import expect

from tests.support.coupons import LATE, a_code, batch, coupon, multiply, use
from tests.support.dashboard_page import PHONE, Dashboard, OpenDashboard
from tests.support.world import Person, World

COUPONS = "/dashboard/coupons"
TWO_LINES = 40  # pixels


@pytest.fixture
def vendor(world: World) -> Person:
    """Return a vendor with no coupon."""
    return world.vendor(f"v-{uuid.uuid4()}")


def query(dashboard: Dashboard) -> dict[str, str]:
    return {name: values[-1] for name, values in parse_qs(urlsplit(dashboard.page.url).query).items()}


def test_a_row_has_the_coupons_state_and_its_uses_of_the_limit(
    dashboard: Dashboard, world: World, vendor: Person
) -> None:
    used = coupon(vendor, "fixed_amount", usage_limit=3, budget="100.00", name="Tea time")
    use(world, used)
    others = {
        "scheduled": coupon(vendor, "buy_x_get_y", starts_at=LATE),
        "disabled": coupon(vendor, is_active=False),
        "active": coupon(vendor, percent="12.50", ends_at=LATE),
    }
    dashboard.sign_in(vendor, COUPONS)
    for state, made in others.items():
        expect(dashboard.row(made["id"])).to_have_attribute("data-status", state)
        expect(dashboard.row(made["id"]).get_by_test_id("state")).to_have_attribute("data-value", state)
    row = dashboard.row(used["id"])
    expect(row).to_have_attribute("data-version", "1")
    expect(row.get_by_test_id("cell-code")).to_have_attribute("data-value", used["code"])
    expect(row.get_by_test_id("cell-name")).to_have_text("Tea time")
    expect(row.get_by_test_id("cell-times_used")).to_have_attribute("data-value", "1")
    expect(row.get_by_test_id("cell-times_used")).to_have_text("1 of 3")
    expect(row.get_by_test_id("cell-usage_limit")).to_have_attribute("data-value", "3")
    expect(row.get_by_test_id("cell-amount_used")).to_have_text("€5.00 of €100.00")
    expect(row.get_by_test_id("cell-amount_used")).to_have_attribute("data-value", "5.00")
    expect(row.get_by_test_id("cell-amount_used")).to_have_attribute("data-currency", "EUR")
    texts = {"scheduled": "Buy 2, get 1 free", "active": "12.5% off"}
    for state, text in texts.items():
        expect(dashboard.row(others[state]["id"]).get_by_test_id("cell-kind")).to_have_text(text)
    expect(dashboard.row(others["active"]["id"]).get_by_test_id("cell-percent")).to_have_attribute(
        "data-value", "12.50"
    )
    expect(row.get_by_test_id("cell-amount")).to_have_attribute("data-value", "5.00")
    row.get_by_role("link").click()
    dashboard.ready()
    assert dashboard.page.url.endswith(f"{COUPONS}/{used['code']}")


def test_on_a_phone_each_value_is_one_text_beside_its_label(
    open_dashboard: OpenDashboard, world: World, vendor: Person
) -> None:
    coupon(vendor, "buy_x_get_y")
    use(world, coupon(vendor, "fixed_amount", usage_limit=3))
    dashboard = open_dashboard(viewport=PHONE)
    dashboard.sign_in(vendor, COUPONS)
    for text in ("Buy 2, get 1 free", "1 of 3"):
        value = dashboard.main.get_by_text(text, exact=True)
        expect(value).to_be_visible()
        box = value.bounding_box()
        assert box is not None
        assert box["height"] < TWO_LINES, text


def test_filters_stand_in_the_address_and_back_undoes_them(dashboard: Dashboard, world: World, vendor: Person) -> None:
    first = coupon(vendor, code=a_code("ONE"))
    second = coupon(vendor, "buy_x_get_y", code=a_code("TWO"), is_active=False)
    dashboard.sign_in(vendor, f"{COUPONS}?ordering=code")
    assert dashboard.ids() == [first["id"], second["id"]]
    dashboard.hook("filter-q").fill("two")
    dashboard.ready()
    assert dashboard.ids() == [second["id"]]
    dashboard.page.go_back()
    dashboard.ready()
    assert dashboard.ids() == [first["id"], second["id"]]
    dashboard.hook("filter-kind").select_option("percentage")
    dashboard.ready()
    assert dashboard.ids() == [first["id"]]
    dashboard.hook("filter-is_active").select_option("false")
    dashboard.ready()
    assert query(dashboard) == {"ordering": "code", "kind": "percentage", "is_active": "false"}
    expect(dashboard.hook("empty")).to_be_visible()
    dashboard.click("filter-clear")
    assert dashboard.ids() == [second["id"], first["id"]]
    expect(dashboard.hook("filter-vendor_id")).to_have_count(0)


def test_an_admin_filters_by_vendor_and_funding(dashboard: Dashboard, world: World, vendor: Person) -> None:
    vendor_id = coupon(vendor)["vendor_id"]
    platforms = coupon(world.admin(), vendor_id=vendor_id, funded_by="platform")
    dashboard.sign_in(world.admin(), f"{COUPONS}?vendor_id={vendor_id}")
    expect(dashboard.rows).to_have_count(2)
    expect(dashboard.rows.first.get_by_test_id("cell-vendor_id")).to_have_attribute("data-value", vendor_id)
    dashboard.hook("filter-funded_by").select_option("platform")
    dashboard.ready()
    assert dashboard.ids() == [platforms["id"]]


def test_pages_are_followed_and_the_whole_list_is_saved(dashboard: Dashboard, world: World, vendor: Person) -> None:
    multiply(world, coupon(vendor), 24)
    dashboard.sign_in(vendor, COUPONS)
    first = dashboard.ids()
    dashboard.click("next")
    assert len(dashboard.ids()) == 5
    assert "cursor" in query(dashboard)
    with dashboard.page.expect_download() as download:
        dashboard.click("coupons-csv")
    assert len(download.value.path().read_text().splitlines()) == 26
    dashboard.click("previous")
    assert dashboard.ids() == first


def test_an_empty_list_leads_to_the_first_coupon(dashboard: Dashboard, vendor: Person) -> None:
    dashboard.sign_in(vendor, COUPONS)
    expect(dashboard.hook("filter-batch_id")).not_to_be_visible()
    dashboard.hook("empty").get_by_role("link").click()
    expect(dashboard.main).to_have_attribute("data-page", "coupon-new")


def test_a_batch_is_found_by_its_filter_and_disabled_as_a_whole(dashboard: Dashboard, vendor: Person) -> None:
    alone, made = coupon(vendor), batch(vendor, 3, name="Spring")
    use_of = {one["id"]: one for one in vendor.get("/coupons", params={"batch_id": made["id"]}).json()["results"]}
    dashboard.sign_in(vendor, COUPONS)
    expect(dashboard.rows).to_have_count(4)
    expect(dashboard.hook("batch")).to_have_count(0)
    dashboard.hook("filter-batch_id").select_option(made["id"])
    dashboard.ready()
    assert set(dashboard.ids()) == set(use_of)
    assert query(dashboard) == {"batch_id": made["id"]}
    expect(dashboard.hook("batch")).to_contain_text("Spring")
    dashboard.hook("batch-disable").click()
    dashboard.hook("confirm-yes").click()
    assert "3 codes" in dashboard.toast("ok")
    dashboard.ready()
    for state in dashboard.hook("state").all():
        expect(state).to_have_attribute("data-value", "disabled")
    assert vendor.get(f"/coupons/{alone['code']}").json()["state"] == "active"
    dashboard.click("batch-enable")
    expect(dashboard.hook("state").first).to_have_attribute("data-value", "active")


def test_a_batch_that_does_not_exist_is_an_error_that_clearing_the_filters_ends(
    dashboard: Dashboard, vendor: Person
) -> None:
    dashboard.expects("status of 404")
    coupon(vendor)
    dashboard.sign_in(vendor, f"{COUPONS}?batch_id={uuid.uuid4()}")
    expect(dashboard.hook("error-code")).to_be_visible()
    expect(dashboard.hook("error-code")).to_have_text("not_found")
    dashboard.click("filter-clear")
    expect(dashboard.rows).to_have_count(1)
