"""Tenancy (promise P7): no caller reads or changes another's data by any route, filter, search or cursor; canaries mark it."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from tests.support.invariants import check_at_rest
from tests.support.market import SHIPMENT, Market, Sale
from tests.support.world import Person, World

MISSING = str(uuid.UUID(int=7))
ORDER_ROUTES = [("GET", ""), ("POST", "/cancel"), ("GET", "/tracking"), ("GET", "/history"), ("GET", "/stream")]
VENDOR_ORDER_ROUTES = [
    *(
        ("GET", ""),
        ("POST", "/accept"),
        ("POST", "/ship"),
        ("POST", "/deliver"),
        ("POST", "/cancel"),
        ("GET", "/stream"),
    ),
]


@dataclass
class Town:
    """Ada buys from both vendors, Bob from the second alone; all data of each caller contain its canary."""

    world: World
    vendors: list[Person]
    vendor_ids: list[str]
    products: list[str]
    ada: Person
    bob: Person
    shared: Sale
    bobs: dict[str, Any]
    canary: str

    def of(self, name: str) -> str:
        """Return the text that reveals data of `name`: ada, bob, first (vendor) or second."""
        return f"{name}{self.canary}"


@pytest.fixture
def town(world: World) -> Iterator[Town]:
    """Yield a town with one paid order each of Ada and Bob."""
    canary = uuid.uuid4().hex[:12]
    market = Market(world, 1000, 333)
    for product, name in zip(market.products, ("first", "second"), strict=True):
        world.sandbox.put_product(product, name=f"Mug {name}{canary}", sku=f"S-{name}{canary}")
    address = {
        "name": f"Ada ada{canary}",
        "line1": f"1 ada{canary}",
        "city": "Paris",
        "postal_code": "1",
        "country": "FR",
    }
    shared = market.sell({"note": f"note-ada{canary}", "shipping_address": address})
    bob = world.customer([(market.products[1], 1)])
    theirs = {**address, "name": f"Bob bob{canary}", "line1": f"2 bob{canary}"}
    bobs = bob.place({"note": f"note-bob{canary}", "shipping_address": theirs})
    yield Town(
        world=world,
        vendors=market.vendors,
        vendor_ids=market.vendor_ids,
        products=market.products,
        ada=market.customer,
        bob=bob,
        shared=shared,
        bobs=bobs,
        canary=canary,
    )


def same_but_for_the_request(answer: httpx.Response) -> tuple[int, dict[str, Any], set[str]]:
    """Return the response without the parts that belong to this one request, and the names of its headers."""
    body = {name: value for name, value in answer.json().items() if name not in ("instance", "request_id")}
    return answer.status_code, body, set(answer.headers)


def ask(person: Person, method: str, path: str) -> httpx.Response:
    """Send a request that would have an effect if it were allowed."""
    if method == "GET":
        return person.get(path)
    return person.post(path, SHIPMENT if path.endswith("/ship") else {})


def listed(person: Person, path: str, **query: Any) -> httpx.Response:
    answer = person.get(path, params={"limit": 100, **query})
    assert answer.status_code == 200, answer.text
    return answer


def test_a_foreign_order_is_404_on_every_route(town: Town) -> None:
    before = town.ada.order(town.shared.id)
    for method, tail in ORDER_ROUTES:
        foreign = ask(town.bob, method, f"/orders/{town.shared.id}{tail}")
        missing = ask(town.bob, method, f"/orders/{MISSING}{tail}")
        assert foreign.status_code == 404, f"{method} {tail}"
        assert same_but_for_the_request(foreign) == same_but_for_the_request(missing), f"{method} {tail}"
        assert town.of("ada") not in foreign.text
    assert town.ada.order(town.shared.id) == before


def test_a_foreign_vendor_order_is_404_on_every_route(town: Town) -> None:
    before = [town.shared.part(0), town.shared.part(1)]
    for mine, other in ((0, 1), (1, 0)):
        for method, tail in VENDOR_ORDER_ROUTES:
            foreign = ask(town.vendors[mine], method, f"/vendor-orders/{town.shared.parts[other]}{tail}")
            missing = ask(town.vendors[mine], method, f"/vendor-orders/{MISSING}{tail}")
            assert foreign.status_code == 404, f"{method} {tail}"
            assert same_but_for_the_request(foreign) == same_but_for_the_request(missing), f"{method} {tail}"
    assert [town.shared.part(0), town.shared.part(1)] == before


def test_a_foreign_order_is_404_whatever_the_request_contains(town: Town) -> None:
    """A version, a tag or an invalid body must not reveal that it exists."""
    order, part = f"/orders/{town.shared.id}", f"/vendor-orders/{town.shared.parts[1]}"
    stranger = town.vendors[0]
    for foreign, missing in (
        *[
            (town.bob.get(order, headers={"If-None-Match": tag}), town.bob.get(f"/orders/{MISSING}"))
            for tag in ("*", '"1"', f'"{town.shared.order()["version"]}"')
        ],
        *[
            (town.bob.post(f"{order}/cancel", body, If_Match=tag), town.bob.post(f"/orders/{MISSING}/cancel", body))
            for tag in ('"1"', '"99"')
            for body in ({}, {"nonsense": 1})
        ],
        *[
            (stranger.post(f"{part}/ship", body), stranger.post(f"/vendor-orders/{MISSING}/ship", body))
            for body in (SHIPMENT, {}, {"carrier": 1})
        ],
    ):
        assert same_but_for_the_request(foreign) == same_but_for_the_request(missing)


@pytest.mark.parametrize("id_", ["1", "x", "00000000", f"{MISSING}0", MISSING[:-1], "%00", "..%2f..", "é"])
def test_a_malformed_id_is_404(world: World, id_: str) -> None:
    customer, vendor = world.customer(), world.vendor("v-1")
    answers = [ask(customer, method, f"/orders/{id_}{tail}") for method, tail in ORDER_ROUTES]
    answers += [ask(vendor, method, f"/vendor-orders/{id_}{tail}") for method, tail in VENDOR_ORDER_ROUTES]
    assert {(answer.status_code, answer.json()["code"]) for answer in answers} == {(404, "not_found")}


def test_dead_letters_are_for_admins_alone(town: Town) -> None:
    letter = town.world.dead_letter(town.of("ada"), order_id=town.shared.id)
    for person in (town.ada, town.bob, *town.vendors):
        for answer in (person.get("/admin/dead-letters"), person.post(f"/admin/dead-letters/{letter}/retry")):
            assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
            assert town.of("ada") not in answer.text
    (kept,) = town.world.sql("SELECT retrying, attempts FROM dead_letters WHERE id = %s", letter)
    assert kept == {"retrying": False, "attempts": 1}


def test_a_customers_lists_hold_their_own_orders_only(town: Town) -> None:
    orders = listed(town.bob, "/orders")
    assert [order["id"] for order in orders.json()["results"]] == [town.bobs["id"]]
    assert town.of("ada") not in orders.text
    assert town.of("first") not in orders.text
    assert [order["id"] for order in listed(town.ada, "/orders").json()["results"]] == [town.shared.id]


def test_no_filter_search_or_ordering_returns_a_foreign_order_to_a_customer(town: Town) -> None:
    order = town.ada.order(town.shared.id)
    nothing: list[dict[str, Any]] = [
        {"vendor_id": town.vendor_ids[0]},
        {"product_id": town.products[0]},
        {"q": town.of("first")},
        {"q": order["number"]},
        {"q": town.of("ada")},
        {"q": "bob' OR 1=1 --"},
        {"min_total": order["total"], "max_total": order["total"]},
        {"payment_status": "paid"},
        {"status": "confirmed"},
    ]
    for query in nothing:
        assert listed(town.bob, "/orders", **query).json()["results"] == [], query
    mine: list[dict[str, Any]] = [
        *({"vendor_id": town.vendor_ids[1]}, {"product_id": town.products[1]}, {"q": town.of("second")}, {"q": "Mug"}),
        *({"ordering": "total"}, {"ordering": "-updated_at"}, {"created_after": "2000-01-01T00:00:00Z"}),
    ]
    for query in mine:
        found = listed(town.bob, "/orders", **query)
        assert [one["id"] for one in found.json()["results"]] == [town.bobs["id"]], query
        assert town.of("ada") not in found.text
    refused = town.bob.get("/orders", params={"customer_id": town.ada.id})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")


def test_a_vendor_sees_nothing_of_the_other_vendor_or_of_the_whole_order(town: Town) -> None:
    sale, (first, second) = town.shared, town.vendors
    sale.do(1, "accept", "ship")
    sale.do(0, "accept")
    with first.http.stream("GET", f"/api/v1/vendor-orders/{sale.parts[0]}/stream") as stream:
        first_chunk = next(chunk for chunk in stream.iter_text() if "data:" in chunk)
    seen = first_chunk + "".join(
        first.get(path).text
        for path in (
            *("/vendor-orders", "/vendor-orders?q=Mug", "/vendor-orders?ordering=total", "/vendor-orders/summary"),
            f"/vendor-orders/{sale.parts[0]}",
        )
    )
    order = sale.order()
    secrets = {
        "its product": town.of("second"),
        "its product's id": town.products[1],
        "its id": town.vendor_ids[1],
        "its user": second.id,
        "its vendor order": sale.parts[1],
        "the customer's id": town.ada.id,
        "the note": f"note-{town.of('ada')}",
        "the order's total": f'"{order["total"]}"',
        "its total": f'"{sale.part(1)["total"]}"',
        "its parcel": SHIPMENT["tracking_number"],
        "another customer": town.of("bob"),
    }
    assert town.of("first") in seen
    assert town.of("ada") in seen, "where to deliver"
    assert {what: secret for what, secret in secrets.items() if secret in seen} == {}


def test_no_filter_search_or_ordering_returns_foreign_items_to_a_vendor(town: Town) -> None:
    first = town.vendors[0]
    for query in ({"q": town.of("second")}, {"product_id": town.products[1]}, {"q": town.of("bob")}):
        assert listed(first, "/vendor-orders", **query).json()["results"] == [], query
    assert listed(first, "/vendor-orders", q=town.bobs["number"]).json()["results"] == []
    for query in ({"q": town.of("first")}, {"q": town.shared.placed["number"]}, {"product_id": town.products[0]}):
        found = listed(first, "/vendor-orders", **query).json()["results"]
        assert [one["id"] for one in found] == [town.shared.parts[0]], query
    refused = first.get("/vendor-orders", params={"vendor_id": town.vendor_ids[1]})
    assert (refused.status_code, refused.json()["code"]) == (400, "invalid")


def test_a_vendors_summary_sums_its_own_only(town: Town) -> None:
    summary = town.vendors[0].get("/vendor-orders/summary").json()
    assert (summary["counts"]["pending"], summary["revenue"]) == (1, {"EUR": "20.00"})


def test_a_user_of_the_same_vendor_sees_the_same(town: Town) -> None:
    colleague = town.world.vendor(town.vendor_ids[0])
    assert colleague.get("/vendor-orders").json() == town.vendors[0].get("/vendor-orders").json()


def test_a_customer_with_the_id_of_a_vendor_or_an_admin_has_no_other_rights(town: Town) -> None:
    for role, subject, vendor_id in (
        ("customer", town.vendor_ids[0], None),
        ("customer", town.shared.market.admin.id, None),
        ("vendor", town.ada.id, town.ada.id),
    ):
        person = town.world.person(role, subject, vendor_id)
        path = "/orders" if role == "customer" else "/vendor-orders"
        assert listed(person, path).json()["results"] == []


def test_a_cursor_of_one_caller_is_refused_to_every_other(world: World) -> None:
    market = Market(world, 1000, 333)
    other = Market(world, 500)
    for one in (market, other):
        for _ in range(3):
            one.place()
    customers = [
        other.customer,
        world.person("customer", market.admin.id),
        world.person("customer", market.vendor_ids[0]),
    ]
    vendors = [
        other.vendors[0],
        market.vendors[1],
        world.vendor(market.vendor_ids[0]),
        world.vendor(market.customer.id),
    ]
    for path, owner, finders in (
        ("/orders", market.customer, customers),
        ("/vendor-orders", market.vendors[0], vendors),
        ("/orders", market.admin, [*customers, world.admin()]),
        ("/vendor-orders", market.admin, [*vendors, world.admin()]),
    ):
        for ordering in ("-created_at", "created_at", "total", "-updated_at"):
            page = owner.get(path, params={"limit": 1, "ordering": ordering}).json()
            second = owner.http.get(page["next"]).json()
            for link in (page["next"], second["next"], second["previous"]):
                assert owner.http.get(link).status_code == 200
                for finder in finders:
                    answer = finder.http.get(link.replace("limit=1", "limit=100"))
                    assert answer.status_code == 400
                    assert [error["pointer"] for error in answer.json()["errors"]] == ["/cursor"]


def test_the_same_key_of_two_customers_makes_two_orders(world: World) -> None:
    product, key = world.product(), str(uuid.uuid4())
    ada, bob = world.customer([(product, 1)]), world.customer([(product, 1)])
    first, second = ada.checkout(key=key), bob.checkout(key=key)
    assert (first.status_code, second.status_code) == (201, 201)
    assert first.json()["id"] != second.json()["id"]
    assert "idempotent-replayed" not in second.headers


def test_one_vendors_cancellation_leaves_no_trace_at_the_other(town: Town) -> None:
    before = town.vendors[0].get(f"/vendor-orders/{town.shared.parts[0]}")
    town.shared.do(1, "cancel")
    check_at_rest(town.world, town.shared.id)
    after = town.vendors[0].get(f"/vendor-orders/{town.shared.parts[0]}")
    assert (after.content, after.headers["etag"]) == (before.content, before.headers["etag"])
