"""Reports are kept privately and revalidated by an entity tag of their body; files are not kept."""

import re
import uuid

import pytest

from tests.support.past_orders import Line, PastOrder, insert
from tests.support.reports import REPORTS, REQUIRED, report
from tests.support.world import World

STRONG = re.compile(r'"[0-9a-f]{32}"')


@pytest.mark.parametrize("name", REPORTS)
def test_a_report_that_the_client_has_is_not_sent_again(either_world: World, name: str) -> None:
    admin, query = (
        either_world.admin(),
        {**REQUIRED.get(name, {}), "to": "2009-06" if name == "cohorts" else "2009-06-01"},
    )
    fresh = admin.get(f"/analytics/{name}", params=query)
    tag = fresh.headers["etag"]
    assert STRONG.fullmatch(tag)
    for known in (tag, f"W/{tag}", f'"other", {tag}', "*"):
        answer = admin.get(f"/analytics/{name}", params=query, headers={"If-None-Match": known})
        assert (answer.status_code, answer.content, answer.headers["etag"]) == (304, b"", tag)
        assert (answer.headers["cache-control"], answer.headers["vary"]) == ("private, no-cache", "Authorization")
    assert (fresh.headers["cache-control"], fresh.headers["vary"]) == ("private, no-cache", "Authorization")
    assert admin.get(f"/analytics/{name}", params=query, headers={"If-None-Match": '"other"'}).json() == fresh.json()
    head = admin.http.head(f"/api/v1/analytics/{name}", params=query)
    assert (head.status_code, head.content, head.headers["etag"]) == (200, b"", tag)


def test_a_refusal_has_no_tag_and_is_not_kept(world: World) -> None:
    answer = world.admin().get("/analytics/sales?interval=year", headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers["cache-control"], "etag" in answer.headers) == (400, "no-store", False)
    answer = world.customer().get("/analytics/sales", headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers["cache-control"], "etag" in answer.headers) == (403, "no-store", False)


def test_a_file_is_sent_again_whatever_the_client_has(world: World) -> None:
    answer = world.admin().get("/analytics/sales?format=csv", headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers["cache-control"], "etag" in answer.headers) == (200, "no-store", False)


def test_the_next_report_after_a_sale_has_it(world: World) -> None:
    vendor_id = f"v-{uuid.uuid4()}"
    vendor = world.vendor(vendor_id)
    before = vendor.get("/analytics/sales?from=2009-05-01&to=2009-05-02")
    at = "2009-05-01T12:00:00Z"
    insert(world, [PastOrder("EUR", at, [Line(vendor_id, "p", 1, 100)]).confirm(at)])
    after = vendor.get(
        "/analytics/sales?from=2009-05-01&to=2009-05-02", headers={"If-None-Match": before.headers["etag"]}
    )
    assert (before.json()["totals"], after.status_code, after.json()["totals"][0]["revenue"]) == ([], 200, "1.00")


def test_an_order_that_is_confirmed_is_in_the_next_report(world: World) -> None:
    vendor_id = f"v-{uuid.uuid4()}"
    shopper, vendor = world.shopper(vendor=vendor_id), world.vendor(vendor_id)
    order = shopper.place()
    assert report(vendor, "sales")["totals"] == []
    assert report(vendor, "funnel")["steps"]["placed"] == 1
    world.sandbox.pay(order["id"], "capture", amount_minor=2000, currency="EUR")
    shopper.order_becomes(order["id"], status="confirmed")
    [totals] = report(vendor, "sales")["totals"]
    assert (totals["orders"], totals["items"], totals["revenue"]) == (1, 2, "20.00")
    assert vendor.post(f"/vendor-orders/{order['vendor_orders'][0]['id']}/cancel").status_code == 200
    [totals] = report(vendor, "sales")["totals"]
    assert (totals["orders"], totals["cancelled"], totals["revenue"]) == (1, "20.00", "0.00")
    today = report(vendor, "sales")["results"][-1]
    assert (today["revenue"], today["complete"]) == ("0.00", False)
