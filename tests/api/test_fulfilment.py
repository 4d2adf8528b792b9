"""POST /api/v1/vendor-orders/{id}/accept, ship, deliver and cancel; and the whole order, which follows its vendor orders."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import product
from typing import Any

import pytest

from tests.support.invariants import check_at_rest
from tests.support.market import REACHES, ROLL_UP, SHIPMENT, WAY, Market
from tests.support.records import published
from tests.support.world import World, eventually


def announced(world: World, order_id: str) -> list[str]:
    """Return the types of the messages about an order in the stream `orders.events`."""
    return [str(message["type"]) for message in published(world, order_id)]


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


def test_a_vendor_accepts_ships_and_delivers(either_world: World) -> None:
    sale = Market(either_world, 1000, 333).sell()
    accepted = sale.act(0, "accept")
    assert (accepted.status_code, accepted.headers["etag"]) == (200, '"3"')
    assert accepted.json()["status"] == "processing"
    assert sale.status() == "processing"
    shipped = sale.act(0, "ship")
    assert (shipped.status_code, shipped.headers["etag"]) == (200, '"4"')
    assert SHIPMENT.items() <= shipped.json().items()
    assert (shipped.json()["status"], shipped.json()["delivered_at"]) == ("shipped", None)
    assert shipped.json()["shipped_at"] == shipped.json()["updated_at"]
    delivered = sale.act(0, "deliver")
    assert (delivered.status_code, delivered.headers["etag"]) == (200, '"5"')
    assert delivered.json()["status"] == "delivered"
    assert delivered.json()["delivered_at"] > delivered.json()["shipped_at"]
    assert delivered.json() == sale.part(0)
    assert sale.part(1)["status"] == "pending"
    of_order = next(part for part in sale.order()["vendor_orders"] if part["id"] == sale.parts[0])
    assert {name: delivered.json()[name] for name in of_order} == of_order
    assert sale.status() == "processing"


def test_an_admin_acts_on_a_vendors_behalf(market: Market) -> None:
    sale = market.sell()
    answers = [sale.act(0, action, caller=market.admin) for action in ("accept", "ship", "deliver")]
    assert [answer.json()["status"] for answer in answers] == ["processing", "shipped", "delivered"]
    assert sale.act(1, "cancel", caller=market.admin).json()["status"] == "cancelled"


def test_a_pending_order_is_not_fulfilled(market: Market) -> None:
    sale = market.place()
    before = sale.order(), sale.part(0)
    for action, wanted in REACHES.items():
        answer = sale.act(0, action)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "illegal_transition")
        assert (problem["current"], problem["wanted"]) == ("pending", wanted)
        assert problem["detail"] == f"Cannot transition from pending to {wanted}: the order is not confirmed yet."
    assert (sale.order(), sale.part(0)) == before


FORBIDDEN = {
    "p": ("ship", "deliver"),
    "a": ("deliver",),
    "s": ("accept", "cancel"),
    "d": ("accept", "ship", "cancel"),
    "c": ("accept", "ship", "deliver"),
}


@pytest.mark.parametrize("state", FORBIDDEN)
def test_an_illegal_transition_is_refused_and_changes_nothing(market: Market, state: str) -> None:
    sale = market.sell()
    sale.do(0, *WAY[state])
    if state == "c":
        check_at_rest(market.world, sale.id)
    order, part = sale.order(), sale.part(0)
    for action in FORBIDDEN[state]:
        answer = sale.act(0, action)
        problem = answer.json()
        assert (answer.status_code, problem["code"]) == (409, "illegal_transition")
        assert (problem["current"], problem["wanted"]) == (part["status"], REACHES[action])
        assert problem["detail"] == f"Cannot transition from {part['status']} to {REACHES[action]}."
    assert (sale.order(), sale.part(0)) == (order, part)


@pytest.mark.parametrize("end", ["cancelled", "expired"])
def test_a_terminated_order_is_not_fulfilled(market: Market, end: str) -> None:
    sale = market.place()
    if end == "cancelled":
        assert sale.cancel().status_code == 200
    else:
        market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id)
        market.customer.order_becomes(sale.id, status="expired")
    for action in ("accept", "ship", "deliver"):
        assert (sale.act(0, action).status_code, sale.act(0, action).json()["current"]) == (409, "cancelled")


@pytest.mark.parametrize("way", ["a", "s", "d", "c"])
def test_an_action_may_be_repeated_and_changes_nothing_more(market: Market, way: str) -> None:
    sale = market.sell()
    *_, last = WAY[way]
    sale.do(0, *WAY[way])
    if way == "c":
        check_at_rest(market.world, sale.id)
    trail, first = sale.trail(), sale.part(0)
    again = sale.act(0, last)
    assert (again.status_code, again.json()) == (200, first)
    assert again.headers["etag"] == f'"{first["version"]}"'
    retried = sale.act(0, last, If_Match='"1"')
    assert (retried.status_code, retried.json()) == (200, first), "a retry still names the version of the first request"
    assert sale.trail() == trail


def test_concurrent_copies_of_an_action_count_once(market: Market) -> None:
    sale = market.sell()
    with ThreadPoolExecutor(10) as threads:
        answers = list(threads.map(lambda _: sale.act(0, "accept"), range(10)))
    assert [answer.status_code for answer in answers] == [200] * 10
    assert {answer.text for answer in answers} == {answers[0].text}
    assert sale.types().count("vendor_order.processing") == 1


def test_an_action_on_another_version_is_refused(market: Market) -> None:
    sale = market.sell()
    assert sale.part(0)["version"] == 2
    for tag in ('"1"', '"3"', 'W/"2"', "2", '"1", "3"'):
        answer = sale.act(0, "accept", If_Match=tag)
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), tag
    assert sale.part(0)["version"] == 2
    assert sale.act(0, "accept", If_Match='"7", "2"').status_code == 200
    assert sale.act(0, "ship", If_Match='"2"').status_code == 412
    assert sale.act(0, "ship", If_Match="*").status_code == 200
    assert sale.act(0, "deliver", If_Match='"4"').status_code == 200
    assert sale.act(1, "cancel", If_Match='"1"').status_code == 412
    assert sale.act(1, "cancel", If_Match='"2"').status_code == 200


REFUSED_SHIPMENTS: list[tuple[dict[str, Any], str]] = [
    ({"tracking_number": "1"}, "/carrier"),
    ({"carrier": "DHL"}, "/tracking_number"),
    ({"carrier": "", "tracking_number": "1"}, "/carrier"),
    ({"carrier": " ", "tracking_number": "1"}, "/carrier"),
    ({"carrier": 7, "tracking_number": "1"}, "/carrier"),
    ({"carrier": "D" * 101, "tracking_number": "1"}, "/carrier"),
    ({"carrier": "D\0HL", "tracking_number": "1"}, "/carrier"),
    ({"carrier": "DHL", "tracking_number": None}, "/tracking_number"),
    ({"carrier": "DHL", "tracking_number": "1" * 101}, "/tracking_number"),
    ({"carrier": "DHL", "tracking_number": "1", "weight": 3}, "/weight"),
    *[
        ({"carrier": "DHL", "tracking_number": "1", "tracking_url": link}, "/tracking_url")
        for link in ("http://dhl.example/1", "javascript:alert(1)", "https://", "dhl.example/1", "//dhl.example", "", 1)
    ],
    *[
        ({"carrier": "DHL", "tracking_number": "1", "tracking_url": link}, "/tracking_url")
        for link in (
            *("https://ada@dhl.example/", "https://ada:pw@dhl.example/", "https://dhl.example\\@evil.example/"),
            *("https://dhl.example/a b", "https://bücher.example/", "https://dhl.example/☃", "https://dhl.example/%zz"),
            *("https://dhl.example:65536/", "https://dhl.example/\n", "https://dhl.example/" + "x" * 481),
        )
    ],
]


def test_a_shipment_needs_carrier_and_number_and_may_have_a_safe_link(market: Market) -> None:
    sale = market.sell()
    accepted = sale.do(0, "accept")
    for body, pointer in REFUSED_SHIPMENTS:
        answer = sale.act(0, "ship", body=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), body
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], body
    assert sale.part(0) == accepted


def test_the_link_to_a_parcel_is_optional(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept")
    without = {"carrier": "Pošta ", "tracking_number": "№ 7"}
    shipped = sale.act(0, "ship", body=without).json()
    assert {**without, "tracking_url": None}.items() <= shipped.items(), "stored as sent"
    assert sale.act(0, "ship", body={**without, "tracking_url": None}).json() == shipped


@pytest.mark.parametrize(
    "link",
    [
        "https://tracking/JD0146",
        "https://track_me.example/",
        "HTTPS://[2001:db8::1]:8443/?a=b%20c",
        "https://x/" + "y" * 490,
    ],
    ids=ascii,
)
def test_a_link_is_any_https_uri_and_stored_as_sent(market: Market, link: str) -> None:
    sale = market.sell()
    sale.do(0, "accept")
    assert sale.act(0, "ship", body={**SHIPMENT, "tracking_url": link}).json()["tracking_url"] == link


def test_shipping_again_with_other_tracking_data_corrects_the_shipment(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    first = sale.do(0, "accept", "ship")
    other, before = sale.part(1), sale.order()
    sent: dict[str, str | None] = {**SHIPMENT}
    for number, (name, word) in enumerate(
        (("carrier", "UPS"), ("tracking_number", "2"), ("tracking_url", None)), start=1
    ):
        sent = {**sent, name: word}
        answer = sale.act(0, "ship", body=sent)
        part = answer.json()
        assert (answer.status_code, part["status"], part["version"]) == (200, "shipped", first["version"] + number)
        assert answer.headers["etag"] == f'"{part["version"]}"'
        assert sent.items() <= part.items()
        assert part["shipped_at"] == first["shipped_at"]
        assert part["updated_at"] > first["updated_at"]
        assert part == sale.part(0)
        entry = sale.trail()[-1]
        assert (entry["type"], entry["from"], entry["to"]) == ("vendor_order.tracking_changed", "shipped", "shipped")
        assert (entry["actor_role"], entry["data"]["replaced"][name]) == ("vendor", SHIPMENT[name])
    order = sale.order()
    assert (order["status"], order["version"]) == (before["status"], before["version"] + 3)
    assert order["updated_at"] > before["updated_at"]
    assert sale.part(1) == other, "nothing of it concerns another vendor"
    assert sale.do(0, "deliver")["status"] == "delivered"


def test_a_correction_may_be_repeated_and_changes_nothing_more(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept", "ship")
    corrected = sale.act(0, "ship", body={**SHIPMENT, "tracking_number": "2"}).json()
    trail = sale.trail()
    repeated = partial(sale.act, 0, "ship", body={**SHIPMENT, "tracking_number": "2"})
    for again in (repeated(), repeated(If_Match='"1"')):
        assert (again.status_code, again.json()) == (200, corrected)
    with ThreadPoolExecutor(10) as threads:
        body = {**SHIPMENT, "tracking_number": "3"}
        answers = list(threads.map(lambda _: sale.act(0, "ship", body=body), range(10)))
    assert {(answer.status_code, answer.json()["tracking_number"]) for answer in answers} == {(200, "3")}
    assert len(sale.trail()) == len(trail) + 1


def test_a_correction_of_another_version_is_refused(market: Market) -> None:
    sale = market.sell()
    first = sale.do(0, "accept", "ship")
    body = {**SHIPMENT, "carrier": "UPS"}
    answer = sale.act(0, "ship", body=body, If_Match=f'"{first["version"] - 1}"')
    assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed")
    assert sale.part(0) == first
    assert sale.act(0, "ship", body=body, If_Match=f'"{first["version"]}"').json()["carrier"] == "UPS"


def test_a_delivered_shipment_cannot_be_corrected(market: Market) -> None:
    sale = market.sell()
    delivered = sale.do(0, "accept", "ship", "deliver")
    for body in (SHIPMENT, {**SHIPMENT, "carrier": "UPS"}):
        answer = sale.act(0, "ship", body=body)
        assert (answer.status_code, answer.json()["code"]) == (409, "illegal_transition")
        assert (answer.json()["current"], answer.json()["wanted"]) == ("delivered", "shipped")
    assert sale.part(0) == delivered


def test_a_correction_is_in_the_timeline_and_no_message_of_orders_events(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept", "ship")
    check_at_rest(market.world, sale.id)
    announcements = announced(market.world, sale.id)
    assert sale.act(0, "ship", body={**SHIPMENT, "carrier": "UPS"}).status_code == 200
    tracking = market.customer.get(f"/orders/{sale.id}/tracking").json()
    assert tracking["timeline"][-1]["type"] == "vendor_order.tracking_changed"
    carriers = {shipment["vendor_order_id"]: shipment["carrier"] for shipment in tracking["shipments"]}
    assert carriers[sale.parts[0]] == "UPS"
    check_at_rest(market.world, sale.id)
    assert announced(market.world, sale.id) == announcements


def test_an_action_without_a_body_refuses_one(market: Market) -> None:
    sale = market.sell()
    bodies: list[tuple[Any, str]] = [({"reason": "tired"}, "/reason"), ([], "")]
    for action, (body, pointer) in product(("accept", "deliver", "cancel"), bodies):
        answer = sale.act(0, action, body=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid")
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer]
    assert sale.part(0)["version"] == 2


@pytest.mark.parametrize("vendors", [2, 3])
@pytest.mark.parametrize("from_behind", [False, True], ids=["first vendor first", "last vendor first"])
def test_the_order_follows_its_vendor_orders(world: World, vendors: int, from_behind: bool) -> None:
    cases = {states: wanted for states, wanted in ROLL_UP.items() if len(states) == vendors}
    sales = Market(world, *range(1000, 1000 + vendors)).sell_many(len(cases))
    for states, sale in zip(cases, sales, strict=True):
        ways = list(enumerate(WAY[state] for state in states))
        for vendor, way in reversed(ways) if from_behind else ways:
            sale.do(vendor, *way)
    reached = {states: sale.status() for states, sale in zip(cases, sales, strict=True)}
    assert reached == cases
    check_at_rest(world, *(sale.id for sale in sales))


def test_the_order_takes_every_intermediate_transition(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept", "ship", "deliver")
    sale.do(1, "cancel")
    of_order = [entry["to"] for entry in sale.trail() if entry["type"].startswith("order.")]
    assert of_order == ["pending", "confirmed", "processing", "shipped", "delivered"]


def test_every_transition_is_published_to_subscribers(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept", "ship", "deliver")
    sale.do(1, "cancel")
    check_at_rest(market.world, sale.id)
    assert announced(market.world, sale.id) == [
        "order.placed",
        "order.confirmed",
        "vendor_order.processing",
        "vendor_order.shipped",
        "vendor_order.delivered",
        "vendor_order.cancelled",
        "order.delivered",
    ]


@pytest.mark.parametrize("state", ["p", "a"])
def test_a_vendors_cancellation_refunds_and_restocks_its_share_only(market: Market, state: str) -> None:
    sale, world = market.sell(), market.world
    sale.do(0, *WAY[state])
    other = sale.part(1)
    cancelled = sale.do(0, "cancel")
    assert (cancelled["status"], cancelled["order_status"]) == ("cancelled", "cancelled")
    assert sale.part(1) == other
    market.customer.order_becomes(sale.id, payment_status="partially_refunded")
    check_at_rest(world, sale.id)
    money, stock = sale.money(), sale.stock()
    assert (money["captured_minor"], money["refunded_minor"], money["refunds"]) == (2666, 2000, 1)
    assert (stock["restocks"], stock["restocked"]) == (1, {market.products[0]: 2})
    shelf = [world.stock(product) for product in market.products]
    assert [(one["held"], one["sold"], one["restocked"]) for one in shelf] == [(0, 0, 2), (0, 2, 0)]
    sale.do(1, "accept", "ship", "deliver")
    assert sale.status() == "delivered"
    assert sale.order()["total"] == "26.66"


def test_the_last_vendors_cancellation_cancels_the_order_and_everything_is_refunded_and_restocked(
    market: Market,
) -> None:
    sale = market.sell()
    sale.do(0, "cancel")
    sale.do(1, "accept", "cancel")
    market.customer.order_becomes(sale.id, status="cancelled", payment_status="refunded")
    check_at_rest(market.world, sale.id)
    assert (sale.money()["refunded_minor"], sale.money()["refunds"]) == (2666, 2)
    assert sale.stock()["restocked"] == dict.fromkeys(market.products, 2)
    assert announced(market.world, sale.id)[-1] == "order.cancelled"
    assert sale.cancel().status_code == 200, "cancelled already"


def test_concurrent_cancellations_by_vendors_each_refund_and_restock_their_own_share(world: World) -> None:
    market = Market(world, 1000, 333)
    sales = market.sell_many(8)
    with ThreadPoolExecutor(16) as threads:
        jobs = [threads.submit(sale.act, vendor, "cancel") for sale in sales for vendor in (0, 1) for _ in range(2)]
        assert [job.result().status_code for job in jobs] == [200] * len(jobs)
    assert {sale.status() for sale in sales} == {"cancelled"}
    check_at_rest(world, *(sale.id for sale in sales))
    assert {sale.money()["refunds"] for sale in sales} <= {1, 2}


def test_the_stock_is_sold_once_the_order_is_paid_for(market: Market) -> None:
    sale = market.sell()
    eventually(lambda: sale.stock()["state"] == "COMMITTED", "the stock to be sold")
    check_at_rest(market.world, sale.id)
    assert sale.stock()["commits"] == 1
