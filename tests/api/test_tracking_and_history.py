"""GET /api/v1/orders/{id}/tracking and /history: shipments and the audit trail, with the fields that each role may see."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from tests.support.market import SHIPMENT, Market
from tests.support.world import World

UNSHIPPED = dict.fromkeys(("carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at"))


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


def test_tracking_has_a_shipment_for_each_vendor_order_and_the_timeline(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    shipped = sale.do(0, "accept", "ship")
    answer = market.customer.get(f"/orders/{sale.id}/tracking")
    items = {item["vendor_id"]: item for item in sale.placed["items"]}
    assert answer.status_code == 200
    tracking = answer.json()
    timeline = tracking.pop("timeline")
    assert tracking == {
        "order_id": sale.id,
        "number": sale.placed["number"],
        "status": "processing",
        "shipments": [
            {
                **{"vendor_order_id": sale.parts[0], "vendor_id": market.vendor_ids[0], "status": "shipped"},
                **{**UNSHIPPED, **SHIPMENT, "shipped_at": shipped["shipped_at"]},
                "items": [items[market.vendor_ids[0]]],
            },
            {
                **{"vendor_order_id": sale.parts[1], "vendor_id": market.vendor_ids[1], "status": "pending"},
                **UNSHIPPED,
                "items": [items[market.vendor_ids[1]]],
            },
        ],
    }
    assert [{name: entry[name] for name in ("type", "from", "to")} for entry in timeline] == [
        {"type": "order.placed", "from": None, "to": "pending"},
        {"type": "payment.paid", "from": "unpaid", "to": "paid"},
        {"type": "order.confirmed", "from": "pending", "to": "confirmed"},
        {"type": "vendor_order.processing", "from": "pending", "to": "processing"},
        {"type": "order.processing", "from": "confirmed", "to": "processing"},
        {"type": "vendor_order.shipped", "from": "processing", "to": "shipped"},
    ]
    assert all(entry.keys() == {"at", "type", "from", "to"} for entry in timeline)
    assert market.admin.get(f"/orders/{sale.id}/tracking").json() == {**tracking, "timeline": timeline}


def test_tracking_follows_a_shipment_until_its_delivery(market: Market) -> None:
    sale = market.sell()
    delivered = sale.do(0, "accept", "ship", "deliver")
    sale.do(1, "cancel")
    tracking = market.customer.get(f"/orders/{sale.id}/tracking").json()
    assert tracking["status"] == "delivered"
    assert [one["status"] for one in tracking["shipments"]] == ["delivered", "cancelled"]
    assert tracking["shipments"][0]["delivered_at"] == delivered["delivered_at"]


def test_history_shows_a_customer_the_steps_and_an_admin_every_field(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    sale.do(0, "accept")
    seen, whole = (caller.get(f"/orders/{sale.id}/history") for caller in (market.customer, market.admin))
    assert seen.status_code == whole.status_code == 200
    assert seen.json().keys() == whole.json().keys() == {"results"}
    theirs, entries = seen.json()["results"], whole.json()["results"]
    for_admins = {"actor_id", "request_id", "data"}
    assert [entry.keys() for entry in theirs] == [{"sequence", "type", "actor_role", "from", "to", "at"}] * 5
    assert [entry.keys() - theirs[0].keys() for entry in entries] == [for_admins] * 5
    assert [{name: value for name, value in entry.items() if name not in for_admins} for entry in entries] == theirs
    rows = [(e["sequence"], e["type"], e["actor_role"], e["from"], e["to"]) for e in theirs]
    assert rows == [
        (1, "order.placed", "customer", None, "pending"),
        (2, "payment.paid", "payment", "unpaid", "paid"),
        (3, "order.confirmed", "payment", "pending", "confirmed"),
        (4, "vendor_order.processing", "vendor", "pending", "processing"),
        (5, "order.processing", "vendor", "confirmed", "processing"),
    ]
    times = [datetime.fromisoformat(entry["at"]) for entry in theirs]
    assert times == sorted(times)
    assert all(entry["at"].endswith("Z") for entry in theirs)
    assert theirs[0]["at"] == sale.placed["created_at"]
    assert theirs[4]["at"] == sale.order()["updated_at"]


def test_the_history_of_an_order_that_costs_nothing_begins_with_its_confirmation(world: World) -> None:
    sale = Market(world, 0).place()
    rows = [(e["sequence"], e["type"], e["from"], e["to"]) for e in sale.trail()]
    assert rows[0] == (1, "order.placed", None, "pending")
    assert set(rows[1:]) >= {(rows[-1][0], "order.confirmed", "pending", "confirmed")}
    assert [row[0] for row in rows] == list(range(1, len(rows) + 1))
    assert sale.order()["payment_status"] == "paid"


def test_history_shows_every_payment_status(market: Market) -> None:
    sale, world = market.place(), market.world
    for word, status in (("authorize", "authorized"), ("fail", "authorized"), ("void", "voided")):
        world.sandbox.pay(sale.id, word, amount_minor=2666, currency="EUR")
        market.customer.order_becomes(sale.id, payment_status=status)
    world.sandbox.pay(sale.id, "capture", amount_minor=666, currency="EUR")
    market.customer.order_becomes(sale.id, payment_status="partially_paid")
    world.sandbox.pay(sale.id, "capture", amount_minor=2000, currency="EUR")
    market.customer.order_becomes(sale.id, status="confirmed")
    words = [entry["to"] for entry in sale.trail() if entry["type"].startswith("payment.")]
    assert words == ["authorized", "voided", "partially_paid", "paid"]
