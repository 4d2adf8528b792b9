"""GET /analytics/coupons."""

import uuid

from tests.support.coupons import coupon
from tests.support.past_orders import Line, PastOrder, insert
from tests.support.reports import report, table
from tests.support.world import World

DAYS = ("2005-05-01", "2005-06-01")


def test_coupons_have_the_sales_that_used_them_in_the_scope_of_the_caller(world: World) -> None:
    first, second, admin = f"v-1-{uuid.uuid4()}", f"v-2-{uuid.uuid4()}", world.admin()
    own = coupon(world.vendor(first))
    ten = coupon(admin)
    lines = [Line(first, "p-1", 1, 1000, 250), Line(second, "p-2", 1, 2000, 200)]
    both = [(own, 150), (ten, 300)]
    at = "2005-05-03T12:00:00Z"
    insert(
        world,
        [
            PastOrder("CLF", at, lines, coupons=both).confirm(at).cancel("2005-05-04T12:00:00Z", "vendor", first),
            PastOrder("CLF", at, lines, coupons=both).confirm(at),
            PastOrder("CLF", at, lines, coupons=both),
            PastOrder("CLF", at, lines, coupons=both).expire(at),
        ],
    )
    found = report(admin, "coupons", *DAYS, currency="CLF")["results"]
    assert [list(row.items()) for row in found] == [
        [
            *(("coupon_id", ten["id"]), ("code", ten["code"]), ("funded_by", "platform"), ("vendor_id", None)),
            *(("currency", "CLF"), ("redemptions", 2), ("discount", "0.0600"), ("gross", "0.6000"), ("net", "0.5100")),
        ],
        [
            *(("coupon_id", own["id"]), ("code", own["code"]), ("funded_by", "vendor"), ("vendor_id", first)),
            *(("currency", "CLF"), ("redemptions", 2), ("discount", "0.0300"), ("gross", "0.6000"), ("net", "0.5100")),
        ],
    ]
    [of_vendor] = report(world.vendor(first), "coupons", *DAYS)["results"]
    assert of_vendor == {**found[1], "gross": "0.2000", "net": "0.1500"}
    assert report(admin, "coupons", *DAYS, vendor_id=first)["results"] == [of_vendor]
    assert report(world.vendor(second), "coupons", *DAYS)["results"] == []
    assert [row["code"] for row in report(admin, "coupons", *DAYS, currency="CLF", limit=1)["results"]] == [ten["code"]]
    file = "coupons_2005-05-01_2005-06-01.csv"
    assert table(admin, "coupons", file, **{"from": DAYS[0], "to": DAYS[1], "currency": "CLF", "limit": 1}) == [
        ["coupon_id", "code", "funded_by", "vendor_id", "currency", "redemptions", "discount", "gross", "net"],
        [ten["id"], ten["code"], "platform", "", "CLF", "2", "0.0600", "0.6000", "0.5100"],
    ]
