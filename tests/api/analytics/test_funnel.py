"""GET /analytics/funnel: what has become of the orders that were placed in a range."""

import uuid

from tests.support.past_orders import Line, PastOrder, insert
from tests.support.reports import report, table
from tests.support.world import World

DAYS = ("2007-05-01", "2007-05-02")
STEPS = ["placed", "confirmed", "processing", "shipped", "delivered", "cancelled", "expired"]
NONE = {"count": 0, "average_seconds": None, "p50_seconds": None, "p90_seconds": None}


def at(time: str) -> str:
    return f"2007-05-01T{time}Z"


def test_the_funnel_has_every_step_that_was_ever_taken_and_its_duration(world: World) -> None:
    first, second, admin = f"v-1-{uuid.uuid4()}", f"v-2-{uuid.uuid4()}", world.admin()

    def placed(*vendors: str, time: str = at("10:00:00")) -> PastOrder:
        return PastOrder("XCG", time, [Line(vendor, f"p-{vendor}", 1, 100) for vendor in vendors])

    shipped = [("processing", at("11:00:30")), ("shipped", at("12:00:30"))]
    insert(
        world,
        [
            placed(first).confirm(at("10:00:30.999")).fulfil(first, *shipped, ("delivered", "2007-05-04T00:00:00Z")),
            placed(first, second)
            .confirm(at("10:02:00"))
            .fulfil(first, *shipped)
            .cancel(at("13:00:00"), "admin", second),
            placed(first, second).confirm(at("10:00:01")).cancel(at("10:30:00"), "customer"),
            placed(first).confirm(at("10:30:00")).cancel(at("11:00:00"), "payment"),
            placed(first).cancel(at("10:10:00"), "customer"),
            placed(first).expire(at("10:15:00")),
            placed(first),
            placed(first, time="2007-05-02T00:00:00Z"),
        ],
    )
    found = report(admin, "funnel", *DAYS)
    assert list(found) == ["from", "to", "timezone", "steps", "cancelled_by", "times"]
    assert list(found["steps"].items()) == list(zip(STEPS, (7, 4, 2, 2, 1, 3, 1), strict=True))
    assert list(found["cancelled_by"].items()) == [("customer", 2), ("vendor", 0), ("admin", 0), ("system", 1)]
    assert list(found["times"]) == ["confirmed", "processing", "shipped", "delivered"]
    assert found["times"]["confirmed"] == {
        "count": 4,  # after 1, 30, 120 and 1800 seconds
        "average_seconds": (1 + 30 + 120 + 1800) // 4,
        "p50_seconds": 30,
        "p90_seconds": 1800,
    }
    own = report(world.vendor(second), "funnel", *DAYS)
    assert list(own["steps"].values()) == [2, 2, 0, 0, 0, 2, 0]
    assert own["cancelled_by"] == {"customer": 1, "vendor": 0, "admin": 1, "system": 0}
    assert own["times"]["confirmed"]["average_seconds"] == (1 + 120) // 2
    assert own["times"]["processing"] == NONE
    own = report(world.vendor(first), "funnel", *DAYS)
    assert list(own["steps"].values()) == [7, 4, 2, 2, 1, 3, 1]
    assert own["times"]["delivered"]["p50_seconds"] == 3 * 86_400
    assert own == report(admin, "funnel", *DAYS, vendor_id=first)
    file = table(admin, "funnel", "funnel_2007-05-01_2007-05-02.csv", **{"from": DAYS[0], "to": DAYS[1]})
    assert file == [["step", "orders"], *([name, str(count)] for name, count in found["steps"].items())]


def test_the_funnel_of_no_orders_is_all_zeros(world: World) -> None:
    found = report(world.vendor(f"v-{uuid.uuid4()}"), "funnel")
    assert found["steps"] == dict.fromkeys(STEPS, 0)
    assert found["cancelled_by"] == dict.fromkeys(("customer", "vendor", "admin", "system"), 0)
    assert found["times"] == dict.fromkeys(("confirmed", "processing", "shipped", "delivered"), NONE)
