"""A past month of sales by two vendors, with the month before, for the reports on a page."""

import uuid
from dataclasses import dataclass
from typing import Any

from tests.support.coupons import coupon
from tests.support.past_orders import Line, PastOrder, insert, payment
from tests.support.world import Person, World

MARKUP = "<img src=x onerror=\"console.error('markup')\">"
LONG_NAME = (
    "Hand-thrown stoneware mug with a speckled celadon glaze, dishwasher safe, 350 ml, set of four in a gift box"
)
DATES = {"from": "2018-05-01", "to": "2018-05-31"}
"""The month's dates, both inclusive. No other test sells in 2018."""


@dataclass
class PastSales:
    """The vendor that sold most, in EUR and JPY, and an admin; `code` is the vendor's coupon."""

    vendor_id: str
    vendor: Person
    admin: Person
    code: str


def sell_in_the_past(world: World) -> PastSales:
    """Insert the orders of April and May 2018, and what became of them."""
    first, second, run = f"v-a-{uuid.uuid4()}", f"v-b-{uuid.uuid4()}", uuid.uuid4().hex
    vendor, admin = world.vendor(first), world.admin()
    own = coupon(vendor)

    def order(at: str, *lines: Line, currency: str = "EUR", who: str = "a", **more: Any) -> PastOrder:
        return PastOrder(currency, at, list(lines), customer_id=f"c-{run}-{who}", **more)

    mug, vase = Line(first, f"p-{run}-1", 2, 1200, 240, name=LONG_NAME), Line(second, f"p-{run}-2", 1, 800)
    sold = order("2018-05-03T08:00:00Z", mug, vase, coupons=[(own, 240)]).confirm("2018-05-03T08:05:00Z")
    steps = (
        ("processing", "2018-05-03T12:00:00Z"),
        ("shipped", "2018-05-04T12:00:00Z"),
        ("delivered", "2018-05-07T12:00:00Z"),
    )
    sold.fulfil(first, *steps)
    given_up = order("2018-05-04T09:00:00Z", Line(first, f"p-{run}-3", 1, 500, name=MARKUP), who="b")
    given_up.confirm("2018-05-04T09:00:30Z").cancel("2018-05-06T09:00:00Z", "vendor")
    orders = [
        order("2018-04-10T10:00:00Z", Line(first, f"p-{run}-1", 1, 3000)).confirm("2018-04-10T10:00:10Z"),
        sold,
        given_up,
        order("2018-05-20T10:00:00Z", Line(first, f"p-{run}-4", 1, 1234), currency="JPY", who="c").confirm(
            "2018-05-20T10:01:00Z"
        ),
        order("2018-05-21T10:00:00Z", Line(first, f"p-{run}-1", 1, 1200), who="d").expire("2018-05-21T10:15:00Z"),
    ]
    payments = [
        payment(sold, "payment.captured", 2960, "2018-05-03T08:05:00Z"),
        payment(given_up, "payment.captured", 500, "2018-05-04T09:00:30Z"),
        payment(given_up, "payment.refunded", 500, "2018-05-06T09:01:00Z", refund_id=f"r-{run}"),
    ]
    insert(world, orders, payments)
    return PastSales(first, vendor, admin, own["code"])
