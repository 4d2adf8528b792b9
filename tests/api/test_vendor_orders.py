"""GET /api/v1/vendor-orders, one vendor order, and their summary: a vendor's share of orders, and nothing of other vendors."""

import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from typing import Any

import pytest

from tests.support.market import SHIPMENT, Market, Sale
from tests.support.world import Person, World

FIELDS = {
    *(
        "id",
        "order_id",
        "order_number",
        "order_status",
        "vendor_id",
        "status",
        "items",
        "subtotal",
        "discount",
        "platform_discount",
        "coupons",
        "total",
    ),
    *("currency", "shipping_address", "carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at"),
    *("available_actions", "created_at", "updated_at", "version"),
}


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


def listed(person: Person, **query: Any) -> list[str]:
    """Return the ids of all the vendor orders in the person's list, page by page."""
    ids: list[str] = []
    answer = person.get("/vendor-orders", params=query)
    while True:
        assert answer.status_code == 200, answer.text
        ids += [one["id"] for one in answer.json()["results"]]
        if not (link := answer.json()["next"]):
            return ids
        answer = person.http.get(link)


def test_a_vendor_order_is_the_vendors_share_of_the_order(either_world: World) -> None:
    market = Market(either_world, 1000, 333, name="Mug", sku="MUG")
    sale = market.place({"note": "ring twice"})
    order = sale.placed
    answer = market.vendors[1].get(f"/vendor-orders/{sale.parts[1]}")
    assert (answer.status_code, answer.headers["etag"]) == (200, '"1"')
    own = answer.json()
    assert own.keys() == FIELDS
    assert own == {
        "id": sale.parts[1],
        "order_id": sale.id,
        "order_number": order["number"],
        "order_status": "pending",
        "vendor_id": market.vendor_ids[1],
        "status": "pending",
        "items": [item for item in order["items"] if item["vendor_id"] == market.vendor_ids[1]],
        **{"subtotal": "6.66", "discount": "0.00", "total": "6.66", "currency": "EUR"},
        **{"platform_discount": "0.00", "coupons": []},
        "shipping_address": None,
        **dict.fromkeys(("carrier", "tracking_number", "tracking_url", "shipped_at", "delivered_at")),
        "available_actions": [],
        **{"created_at": order["created_at"], "updated_at": order["created_at"], "version": 1},
    }
    assert [item["total"] for item in own["items"]] == ["6.66"]
    assert market.admin.get(f"/vendor-orders/{sale.parts[1]}").json() == own
    assert listed(market.vendors[1]) == [sale.parts[1]]


def test_a_vendor_sees_the_order_status_as_far_as_it_concerns_its_part(world: World) -> None:
    for status, parts in one_of_each(Market(world, 1000, 333)).items():
        assert [sale.part(vendor)["order_status"] for sale, vendor in parts] == [status] * len(parts)
        if status == "expired":
            assert {sale.part(vendor)["status"] for sale, vendor in parts} == {"cancelled"}


def one_of_each(market: Market) -> dict[str, list[tuple[Sale, int]]]:
    """Return vendor orders in every state, by the order's status that vendors see; the oldest first."""
    paid, going, gone, given_up, over = market.sell_many(5)
    pending, called_off, late = (market.place() for _ in range(3))
    going.do(1, "accept")
    for vendor in (0, 1):
        gone.do(vendor, "accept", "ship", "deliver")
    given_up.do(0, "cancel")
    assert over.cancel().status_code == called_off.cancel().status_code == 200
    market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", late.id)
    market.customer.order_becomes(late.id, status="expired")
    return {
        "pending": [(pending, 0), (pending, 1)],
        "confirmed": [(paid, 0), (paid, 1), (going, 0), (going, 1), (gone, 0), (gone, 1), (given_up, 1)],
        "cancelled": [(given_up, 0), (over, 0), (over, 1), (called_off, 0), (called_off, 1)],
        "expired": [(late, 0), (late, 1)],
    }


def test_a_filter_by_order_status_selects_the_vendor_orders_that_show_it(world: World) -> None:
    market = Market(world, 1000, 333)
    states = one_of_each(market)
    for vendor, person in enumerate(market.vendors):
        every = listed(person)
        assert len(every) == 8
        for words in ("pending", "confirmed", "cancelled", "expired", "confirmed,pending", "expired,cancelled,pending"):
            wanted = {sale.parts[of] for word in words.split(",") for sale, of in states[word] if of == vendor}
            for caller, whose in ((person, {}), (market.admin, {"vendor_id": market.vendor_ids[vendor]})):
                for ordering in ("-created_at", "created_at", "total", "-updated_at"):
                    query = {**whose, "ordering": ordering}
                    in_order = [id_ for id_ in listed(caller, **query) if id_ in wanted]
                    assert listed(caller, order_status=words, **query, limit=2) == in_order, (words, query)
            assert set(listed(person, order_status=words.split(","))) == wanted
        for status in ("pending", "processing", "delivered", "cancelled"):
            both = [id_ for id_ in listed(person, status=status) if id_ in listed(person, order_status="confirmed")]
            assert listed(person, status=status, order_status="confirmed") == both
    everyones = listed(market.admin, order_status="expired", created_after=states["pending"][0][0].placed["created_at"])
    assert set(everyones) >= {sale.parts[of] for sale, of in states["expired"]}


def test_a_vendor_sees_where_to_deliver_while_it_is_to_be_delivered_and_afterwards(world: World) -> None:
    word = f"Rue {uuid.uuid4()}"
    market = Market(world, 1000, 333)
    address = {"name": "Ada", "line1": word, "city": "Paris", "postal_code": "75001", "country": "FR"}
    customer_place = market.place
    market.place = lambda body=None: customer_place({"shipping_address": address})  # type: ignore[method-assign]
    for status, parts in one_of_each(market).items():
        for sale, vendor in parts:
            path = f"/vendor-orders/{sale.parts[vendor]}"
            for person in (market.vendors[vendor], market.admin):
                one = person.get(path)
                lists = [person.get("/vendor-orders", params={"q": sale.placed["number"]})]
                lists += [person.get("/vendor-orders", params={"order_status": status, "q": sale.placed["number"]})]
                bodies = [one.json(), *(row for answer in lists for row in answer.json()["results"])]
                own = [body for body in bodies if body["id"] == sale.parts[vendor]]
                assert len(own) == 3
                for body in own:
                    seen = body["shipping_address"] and body["shipping_address"]["line1"]
                    assert seen == (word if status == "confirmed" else None), (status, body)
            again = sale.act(vendor, "cancel")
            if again.status_code == 200:
                assert again.json()["shipping_address"] is None
            assert word not in sale.act(vendor, "cancel").text
            assert word in str(sale.order()["shipping_address"])
    for person in market.vendors:
        assert listed(person, q=word) == listed(person, q="Paris") == []


def test_a_vendor_order_moves_when_its_order_is_confirmed(world: World) -> None:
    market = Market(world, 1000, 333)
    other, sale = market.place(), market.place()
    vendor, path = market.vendors[0], f"/vendor-orders/{sale.parts[0]}"
    before = vendor.get(path)
    sale.pay()
    sale.confirmed()
    after = vendor.get(path, headers={"If-None-Match": before.headers["etag"]})
    assert (after.status_code, after.headers["etag"]) == (200, '"2"')
    confirmed_at = sale.trail()[2]["at"]
    assert (after.json()["version"], after.json()["updated_at"]) == (2, confirmed_at)
    assert listed(vendor, updated_since=confirmed_at) == [sale.parts[0]]
    assert listed(vendor, ordering="-updated_at") == [sale.parts[0], other.parts[0]]
    assert sale.act(0, "accept", If_Match='"1"').status_code == 412
    assert sale.act(0, "accept", If_Match='"2"').json()["version"] == 3
    assert sale.placed == {**sale.placed, "version": 1}


def test_every_visible_change_raises_a_vendor_orders_version(world: World) -> None:
    """Each response that differs from the previous one has another tag and a later `updated_at`."""
    market = Market(world, 1000, 333)
    ways: list[list[Callable[[Sale], Any]]] = [
        [
            Sale.pay,
            Sale.confirmed,
            lambda sale: sale.do(0, "accept"),
            lambda sale: sale.do(1, "accept", "ship", "deliver"),
        ],
        [Sale.pay, Sale.confirmed, lambda sale: sale.do(0, "accept", "ship"), lambda sale: sale.do(0, "deliver")],
        [Sale.pay, Sale.confirmed, lambda sale: sale.do(1, "cancel"), lambda sale: sale.do(0, "cancel")],
        [Sale.pay, Sale.confirmed, lambda sale: sale.do(0, "accept"), lambda sale: sale.cancel(market.admin)],
        [Sale.cancel],
        [lambda sale: market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id), expired],
    ]
    for way in ways:
        sale = market.place()
        seen = [sale.part(0)]
        for step in way:
            step(sale)
            now, last = sale.part(0), seen[-1]
            if now != last:
                assert now["version"] > last["version"]
                assert now["updated_at"] > last["updated_at"]
                seen.append(now)
        assert len(seen) > 1


def expired(sale: Sale) -> None:
    sale.market.customer.order_becomes(sale.id, status="expired")


@pytest.mark.parametrize("other", [("accept", "ship", "deliver"), ("cancel",), ("accept", "cancel")], ids=" ".join)
def test_another_vendors_action_changes_no_vendor_order_of_a_vendor(market: Market, other: tuple[str, ...]) -> None:
    sale, vendor = market.sell(), market.vendors[0]
    looks = (f"/vendor-orders/{sale.parts[0]}", "/vendor-orders", "/vendor-orders/summary")
    before = [vendor.get(path).content for path in looks]
    tag = vendor.get(looks[0]).headers["etag"]
    for action in other:
        sale.do(1, action)
        assert [vendor.get(path).content for path in looks] == before
        assert vendor.get(looks[0], headers={"If-None-Match": tag}).status_code == 304
    if other == ("cancel",):
        market.customer.order_becomes(sale.id, payment_status="partially_refunded")
        assert [vendor.get(path).content for path in looks] == before


def test_a_current_copy_gets_304(market: Market) -> None:
    sale, vendor = market.sell(), market.vendors[0]
    path = f"/vendor-orders/{sale.parts[0]}"
    for tags, status in (('"2"', 304), ('W/"2"', 304), ('"0", "2"', 304), ("*", 304), ('"1"', 200)):
        answer = vendor.get(path, headers={"If-None-Match": tags})
        assert (answer.status_code, answer.headers["etag"], bool(answer.content)) == (status, '"2"', status == 200)
    sale.do(0, "accept")
    assert vendor.get(path, headers={"If-None-Match": '"2"'}).json()["version"] == 3


def test_a_vendor_lists_its_own_newest_first_a_page_at_a_time(market: Market) -> None:
    sales = [market.place() for _ in range(5)]
    newest_first = [sale.parts[0] for sale in reversed(sales)]
    vendor = market.vendors[0]
    assert listed(vendor) == listed(vendor, limit=2) == newest_first
    assert listed(vendor, ordering="created_at", limit=2) == newest_first[::-1]
    page = vendor.get("/vendor-orders", params={"limit": 2}).json()
    assert page.keys() == {"next", "previous", "results"}
    assert page["previous"] is None
    assert page["results"] == [sale.part(0) for sale in (sales[4], sales[3])]
    second = vendor.http.get(page["next"]).json()
    assert [one["id"] for one in second["results"]] == newest_first[2:4]
    assert vendor.http.get(second["previous"]).json()["results"] == page["results"]


def test_a_vendor_filters_its_vendor_orders(world: World) -> None:
    market = Market(world, 1000, 333)
    vendor = market.vendors[0]
    first = market.sell()
    world.sandbox.put_product(market.products[0], name="Teapot 100%_", sku="POT-7", unit_price_minor=2500)
    second = market.place()
    first.do(0, "accept")
    one, two = first.parts[0], second.parts[0]
    created = second.placed["created_at"]
    finds: list[tuple[dict[str, Any], list[str]]] = [
        ({"status": "processing"}, [one]),
        ({"status": "processing,pending"}, [two, one]),
        ({"status": "shipped"}, []),
        ({"product_id": market.products[0]}, [two, one]),
        ({"product_id": "p-unknown"}, []),
        ({"q": "teapot"}, [two]),
        ({"q": "ot-7"}, [two]),
        ({"q": "0%_"}, [two]),
        ({"q": "%"}, [two]),
        ({"q": first.placed["number"].lower()}, [one]),
        ({"created_after": created}, [two]),
        ({"created_before": created}, [one]),
        ({"updated_since": first.part(0)["updated_at"]}, [one]),
        ({"updated_since": created}, [two, one]),
        ({"ordering": "total"}, [one, two]),
        ({"ordering": "-updated_at"}, [one, two]),
    ]
    assert datetime.fromisoformat(first.part(0)["updated_at"]) > datetime.fromisoformat(created)
    assert [(query, listed(vendor, **query)) for query, _ in finds] == finds
    assert listed(market.admin, vendor_id=market.vendor_ids[0]) == [two, one]


@pytest.mark.parametrize(
    "query",
    [
        *(
            {"status": "confirmed"},
            {"status": ""},
            {"order_status": "processing"},
            {"order_status": ""},
            {"limit": "0"},
            {"limit": "101"},
            {"ordering": "vendor_id"},
        ),
        *({"cursor": "x"}, {"created_after": "yesterday"}, {"min_total": "1"}, {"page": "2"}, {"vendor_id": "v-1"}),
    ],
    ids=str,
)
def test_a_list_refuses_unknown_parameters(world: World, query: dict[str, str]) -> None:
    answer = world.vendor("v-1").get("/vendor-orders", params=query)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


def test_a_summary_has_counts_sums_and_the_longest_wait(world: World) -> None:
    market = Market(world, 1000, 333)
    vendor = market.vendors[0]
    none = {**dict.fromkeys(("pending", "processing", "shipped", "delivered", "cancelled"), 0)}
    assert vendor.get("/vendor-orders/summary").json() == {
        "counts": none,
        "to_accept": 0,
        "revenue": {},
        "oldest_waiting_at": None,
    }
    sales = market.sell_many(6)
    _waits_first, accepted, shipped, delivered, cancelled, _ = sales
    accepted.do(0, "accept")
    shipped.do(0, "accept", "ship")
    delivered.do(0, "accept", "ship", "deliver")
    cancelled.do(0, "cancel")
    market.place()
    late = market.place()
    world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", late.id)
    expired(late)
    waiting = sales[0].placed["created_at"]
    summary = vendor.get("/vendor-orders/summary").json()
    assert summary == {
        "counts": {"pending": 3, "processing": 1, "shipped": 1, "delivered": 1, "cancelled": 2},
        "to_accept": 2,
        "revenue": {"EUR": "100.00"},
        "oldest_waiting_at": waiting,
    }
    sales[0].do(0, "accept")
    assert vendor.get("/vendor-orders/summary").json()["oldest_waiting_at"] == sales[5].placed["created_at"]
    sales[5].do(0, "accept")
    summary = vendor.get("/vendor-orders/summary").json()
    assert (summary["oldest_waiting_at"], summary["to_accept"], summary["counts"]["pending"]) == (None, 0, 1)


def test_the_summarys_count_to_accept_is_the_length_of_its_list(world: World) -> None:
    market = Market(world, 1000, 333)
    one_of_each(market)
    for vendor in market.vendors:
        to_accept = listed(vendor, status="pending", order_status="confirmed")
        assert vendor.get("/vendor-orders/summary").json()["to_accept"] == len(to_accept) > 0


def test_the_longest_wait_counts_paid_orders_only(market: Market) -> None:
    market.place()
    paid = market.sell()
    assert market.vendors[0].get("/vendor-orders/summary").json()["oldest_waiting_at"] == paid.placed["created_at"]


def test_a_summary_has_each_currency_in_its_own_decimals(world: World) -> None:
    vendor_id = f"v-{uuid.uuid4()}"
    for currency, price in (("JPY", 1500), ("KWD", 1234), ("EUR", 5)):
        ada = world.customer([(world.product(price, vendor_id, currency=currency), 2)], currency)
        order = ada.place()
        assert currency not in world.vendor(vendor_id).get("/vendor-orders/summary").json()["revenue"]
        world.sandbox.pay(order["id"], "capture", amount_minor=2 * price, currency=currency)
        ada.order_becomes(order["id"], status="confirmed")
    summary = world.vendor(vendor_id).get("/vendor-orders/summary").json()
    assert summary["revenue"] == {"JPY": "3000", "KWD": "2.468", "EUR": "0.10"}


def test_an_admin_lists_every_vendor_order(market: Market) -> None:
    sale: Sale = market.sell()
    sale.do(0, "accept")
    sale.do(0, "ship")
    assert SHIPMENT.items() <= market.admin.get(f"/vendor-orders/{sale.parts[0]}").json().items()
    assert set(sale.parts) <= set(listed(market.admin, q=sale.placed["number"], limit=100))
    summary = market.admin.get("/vendor-orders/summary").json()
    assert summary.keys() == {"counts", "to_accept", "revenue", "oldest_waiting_at"}
    assert summary["counts"]["shipped"] >= 1
