"""GET /api/v1/coupons and /coupons/{code}/redemptions: filters, orderings and pages."""

import uuid
from typing import Any

import pytest

from tests.support.coupons import a_code, codes, coupon, multiply, use
from tests.support.ids import UNKNOWN_ID
from tests.support.lists import ids_of, pages, refused
from tests.support.world import Person, World


def some(world: World, count: int, **fields: Any) -> tuple[Person, list[dict[str, Any]]]:
    """Return a new vendor and its coupons, in the order of their creation."""
    vendor = world.vendor(f"v-{uuid.uuid4()}")
    return vendor, [coupon(vendor, **fields) for _ in range(count)]


def test_coupons_are_listed_whole_and_newest_first(either_world: World) -> None:
    vendor, made = some(either_world, 3)
    answer = vendor.get("/coupons")
    assert answer.json() == {"next": None, "previous": None, "results": made[::-1]}
    assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("ordering", ["-created_at", "created_at", "-code", "code"])
@pytest.mark.parametrize("who", ["vendor", "admin"])
@pytest.mark.parametrize("query", [{}, {"q": "z"}, {"is_active": "true"}, {"q": "Z", "kind": "percentage"}], ids=str)
def test_pages_lead_to_each_coupon_once_and_back(world: World, ordering: str, who: str, query: dict[str, str]) -> None:
    vendor_id = f"v-{uuid.uuid4()}"
    vendor, admin = world.vendor(vendor_id), world.admin()
    made = [coupon(vendor if n % 2 else admin, code=a_code("Z"), vendor_id=vendor_id) for n in range(7)]
    person, whose = (vendor, {}) if who == "vendor" else (admin, {"vendor_id": vendor_id})
    found = sorted(made, key=lambda row: row[ordering.removeprefix("-")], reverse=ordering.startswith("-"))
    expected = [row["id"] for row in found]
    forward = list(pages(person, "/coupons", limit=2, ordering=ordering, **query, **whose))
    assert [id_ for page in forward for id_ in ids_of(page)] == expected
    assert [len(page["results"]) for page in forward] == [2, 2, 2, 1]
    back = person.http.get(forward[-1]["previous"]).json()
    assert ids_of(back) == expected[4:6]
    assert ids_of(person.http.get(back["previous"]).json()) == expected[2:4]


def test_each_filter_selects_what_it_names(world: World) -> None:
    vendor_id, prefix = f"v-{uuid.uuid4()}", uuid.uuid4().hex[:8].upper()
    vendor, admin = world.vendor(vendor_id), world.admin()
    percentage = coupon(vendor, code=f"{prefix}-A")["code"]
    amount = coupon(vendor, "fixed_amount", code=f"{prefix}_B", is_active=False)["code"]
    platform = coupon(admin, code=f"{prefix}C", vendor_id=vendor_id, funded_by="platform")["code"]
    other = coupon(admin, code=f"X{prefix}")["code"]
    assert codes(vendor) == [amount, percentage]
    assert codes(vendor, q=prefix.lower()) == [amount, percentage]
    assert codes(vendor, q=f"{prefix}-") == [percentage]
    assert codes(vendor, q=f"{prefix}_") == [amount]
    assert codes(vendor, q=f"{prefix}%") == codes(vendor, q="é") == codes(vendor, q=f" {prefix}") == []
    assert codes(vendor, kind="fixed_amount") == [amount]
    assert codes(vendor, kind="fixed_amount,percentage") == [amount, percentage]
    assert codes(vendor, kind=["buy_x_get_y"]) == []
    assert codes(vendor, is_active="false") == [amount]
    assert codes(vendor, is_active="true") == [percentage]
    assert codes(vendor, is_active="true", kind="fixed_amount") == []
    assert codes(admin, q=prefix, ordering="code") == [percentage, platform, amount]
    assert codes(admin, q=prefix, ordering="-code", kind="percentage") == [platform, percentage]
    assert codes(admin, vendor_id=vendor_id) == [platform, amount, percentage]
    assert codes(admin, vendor_id=vendor_id, ordering="code") == [percentage, platform, amount]
    assert codes(admin, vendor_id=vendor_id, funded_by="vendor") == [amount, percentage]
    assert codes(admin, vendor_id=vendor_id, funded_by="vendor", ordering="code") == [percentage, amount]
    assert codes(admin, vendor_id=vendor_id, funded_by="vendor,platform") == [platform, amount, percentage]
    assert codes(admin, q=prefix, funded_by="platform") == [platform]
    assert codes(admin, q=f"x{prefix}") == [other]
    assert codes(vendor, batch_id=str(uuid.uuid4())) == []


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        *[({name: given}, f"/{name}") for name in ("kind", "is_active", "batch_id") for given in ("", "x", "True,")],
        *[({"q": given}, "/q") for given in ("", "a\0", "a" * 101)],
        ({"is_active": ["true", "false"]}, "/is_active"),
        ({"batch_id": f"{{{UNKNOWN_ID}}}"}, "/batch_id"),
        *[({"ordering": given}, "/ordering") for given in ("total", "id", "updated_at", "")],
        *[({"limit": given}, "/limit") for given in ("0", "101", "x")],
        *[({"cursor": given}, "/cursor") for given in ("", "x")],
        *[({"format": given}, "/format") for given in ("xml", "CSV", "")],
        ({"nonsense": "1"}, "/nonsense"),
    ],
    ids=str,
)
def test_an_invalid_parameter_is_refused(world: World, query: dict[str, Any], pointer: str) -> None:
    assert refused(world.admin(), "/coupons", **query) == [pointer]


def test_filters_for_admins_are_unknown_to_vendors(world: World) -> None:
    for name, value in (("vendor_id", "v-1"), ("funded_by", "platform")):
        assert refused(world.vendor("v-1"), "/coupons", **{name: value}) == [f"/{name}"]


def test_a_cursor_belongs_to_one_caller_and_one_list(world: World) -> None:
    vendor, _ = some(world, 2)
    following = vendor.get("/coupons", params={"limit": 1}).json()["next"]
    cursor = following.partition("cursor=")[2]
    for query in ({"ordering": "code"}, {"q": "T"}):
        assert refused(vendor, "/coupons", cursor=cursor, **query) == ["/cursor"]
    assert refused(world.vendor("v-1"), "/coupons", cursor=cursor) == ["/cursor"]
    assert vendor.http.get(f"{following}&format=json").status_code == 200


def test_a_page_stays_correct_while_coupons_are_created_and_deleted(world: World) -> None:
    vendor, made = some(world, 4)
    page = vendor.get("/coupons", params={"limit": 2}).json()
    coupon(vendor)
    vendor.delete(f"/coupons/{made[1]['code']}")
    rest = vendor.http.get(page["next"]).json()
    assert [ids_of(page), ids_of(rest)] == [[made[3]["id"], made[2]["id"]], [made[0]["id"]]]
    assert rest["next"] is None


def test_pages_of_more_coupons_than_one_page_reads_lead_to_each_of_them(world: World) -> None:
    """A page checks filters on 10 000 coupons at most: it may be empty, and the next one continues."""
    vendor_id = f"v-{uuid.uuid4()}"
    vendor, admin = world.vendor(vendor_id), world.admin()
    rare = coupon(vendor, "fixed_amount", code=a_code("ZZZ"))["code"]
    multiply(world, coupon(vendor, is_active=True), 10_050)
    ordered = world.sql("SELECT code FROM coupons WHERE vendor_id = %s ORDER BY code LIMIT 20", vendor_id)
    for person, whose in ((vendor, {}), (admin, {"vendor_id": vendor_id})):
        first = person.get("/coupons", params={"ordering": "code", **whose}).json()
        assert [row["code"] for row in first["results"]] == [row["code"] for row in ordered]
        assert first["next"]
        for query in ({}, {"ordering": "code"}, {"ordering": "-code"}, {"ordering": "created_at"}):
            for filters, found in (({"kind": "fixed_amount"}, 1), ({"is_active": "false"}, 1), ({"q": "ZZZ"}, 1)):
                walk = list(pages(person, "/coupons", limit=100, **query, **filters, **whose))
                rows = [row for page in walk for row in page["results"]]
                assert len(rows) == found, (query, filters)
                assert "is_active" in filters or rows[0]["code"] == rare
    assert len(list(pages(vendor, "/coupons", limit=100, kind="buy_x_get_y"))) == 2


def test_redemptions_are_listed_newest_first_with_the_customer_for_admins_only(either_world: World) -> None:
    vendor, admin = either_world.vendor(f"v-{uuid.uuid4()}"), either_world.admin()
    made = coupon(vendor)
    uses = [use(either_world, made), use(either_world, made, currency="JPY")]
    assert [row["discount"] for row in uses] == ["3.00", "300"]
    answer = admin.get(f"/coupons/{made['code']}/redemptions")
    assert answer.json() == {"next": None, "previous": None, "results": uses[::-1]}
    assert answer.headers["cache-control"] == "no-store"
    for row in uses:
        del row["customer_id"]
    assert vendor.get(f"/coupons/{made['code']}/redemptions").json()["results"] == uses[::-1]


def test_a_redemption_of_a_coupon_without_a_vendor_names_no_vendor_order(world: World) -> None:
    admin = world.admin()
    made = coupon(admin)
    use(world, made)
    [row] = admin.get(f"/coupons/{made['code']}/redemptions").json()["results"]
    assert row["vendor_order_id"] is None


def test_redemptions_by_status_a_page_at_a_time(world: World) -> None:
    admin = world.admin()
    made = coupon(admin)
    uses = [use(world, made, status) for status in ["reserved", "redeemed", "released"] * 3]
    path = f"/coupons/{made['code']}/redemptions"
    for wanted in ("reserved", "released", "reserved,redeemed", "released,reserved", "redeemed,released,reserved"):
        expected = [row["id"] for row in uses[::-1] if row["status"] in wanted.split(",")]
        forward = list(pages(admin, path, limit=2, status=wanted))
        assert [id_ for page in forward for id_ in ids_of(page)] == expected, wanted
        back = admin.http.get(forward[-1]["previous"]).json()
        place = 2 * (len(forward) - 2)
        assert ids_of(back) == expected[place : place + 2]
    assert refused(admin, path, status="used") == ["/status"]
    assert refused(admin, path, ordering="-reserved_at") == ["/ordering"]
    assert refused(admin, path, q="x") == ["/q"]
