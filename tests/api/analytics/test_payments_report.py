"""GET /analytics/payments: the ledger by the time at which it was heard of."""

from tests.support.past_orders import Line, PastOrder, insert, payment
from tests.support.reports import report, table
from tests.support.world import World

DAYS = ("2008-05-01", "2008-05-03")
COLUMNS = ["currency", "start", "end", "complete", "captures", "captured", "refunds", "refunded", "kept"]


def test_payments_are_counted_by_when_they_were_heard_of(world: World) -> None:
    order = PastOrder("TND", "2008-04-30T10:00:00Z", [Line("v", "p", 1, 5000)]).confirm("2008-05-01T10:00:00Z")
    insert(
        world,
        [order],
        [
            payment(order, "payment.captured", 5000, "2008-05-01T10:00:00Z"),
            payment(order, "payment.captured", 1, "2008-05-01T23:59:59.999Z", occurred_at="2008-05-02T09:00:00Z"),
            payment(order, "payment.refunded", 5000, "2008-05-02T10:00:00Z", refund_id="r"),
            payment(order, "payment.authorized", 5000, "2008-05-02T10:00:00Z"),
            payment(order, "payment.refund_failed", 0, "2008-05-03T10:00:00Z", refund_id="r"),
        ],
    )
    admin = world.admin()
    found = report(admin, "payments", *DAYS, currency="TND")
    assert list(found) == ["from", "to", "timezone", "results", "totals"]
    assert [list(row) for row in found["results"]] == [COLUMNS] * 2
    assert [tuple(row[name] for name in COLUMNS[4:]) for row in found["results"]] == [
        (2, "5.001", 0, "0.000", "5.001"),
        (0, "0.000", 1, "5.000", "-5.000"),
    ]
    assert found["totals"] == [
        {"currency": "TND", "captures": 2, "captured": "5.001", "refunds": 1, "refunded": "5.000", "kept": "0.001"}
    ]
    [failed] = report(admin, "payments", "2008-05-03", "2008-05-04")["results"]
    assert (failed["currency"], failed["refunds"], failed["refunded"], failed["kept"]) == ("TND", -1, "-5.000", "5.000")
    _, line, _ = table(
        admin, "payments", "payments_2008-05-01_2008-05-03.csv", **{"from": DAYS[0], "to": DAYS[1], "currency": "TND"}
    )
    assert line == ["TND", "2008-05-01T00:00:00Z", "2008-05-02T00:00:00Z", "true", "2", "5.001", "0", "0.000", "5.001"]
