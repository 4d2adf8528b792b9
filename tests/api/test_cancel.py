"""POST /api/v1/orders/{id}/cancel: stock is restocked and money refunded, each exactly once, whatever happens concurrently."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from threading import Barrier
from typing import Any

import httpx
import pytest
from celery import Celery

from tests.support.invariants import check_at_rest
from tests.support.market import WAY, Market, Sale
from tests.support.world import World, eventually

RACES = 16
"""Orders in one race: enough that both sides win some."""


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


def refused(answer: httpx.Response) -> bool:
    """Return whether the response is the 409 of a request that lost the race."""
    if answer.status_code == 200:
        return False
    assert answer.status_code == 409, answer.text
    assert answer.json()["code"] in ("not_cancellable", "illegal_transition")
    assert answer.json()["detail"]
    return True


def race(*runners: Callable[[], httpx.Response]) -> list[httpx.Response]:
    """Return the responses to these requests, sent concurrently."""
    start = Barrier(len(runners))

    def run(runner: Callable[[], httpx.Response]) -> httpx.Response:
        start.wait()
        return runner()

    with ThreadPoolExecutor(len(runners)) as threads:
        return list(threads.map(run, runners))


@contextmanager
def through(world: World, market: Market) -> Iterator[Market]:
    """Yield the market's customer and vendors as callers at the server process of `world`."""
    other = Market.__new__(Market)
    other.__dict__ |= {**market.__dict__, "world": world, "customer": world.person("customer", market.customer.id)}
    other.__dict__.pop("vendors", None)
    other.__dict__.pop("admin", None)
    yield other


def beat(world: World) -> None:
    """Expire overdue orders now, not at the next tick of beat."""
    with Celery(broker=world.stack.environment["CELERY_BROKER_URL"], set_as_current=False) as celery:
        celery.send_task("orders.expire_overdue")


def test_cancelling_an_unpaid_order_releases_its_stock_and_cancels_its_payment(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.place()
    eventually(lambda: sale.money()["heard"].get("payment.requested"), "Payment to receive the request")
    answer = sale.cancel(body={"reason": "changed my mind"})
    order = answer.json()
    assert (answer.status_code, answer.headers["etag"], order["version"]) == (200, '"2"', 2)
    assert (order["status"], order["payment_status"], order["available_actions"]) == ("cancelled", "unpaid", [])
    assert [part["status"] for part in order["vendor_orders"]] == ["cancelled", "cancelled"]
    assert order["updated_at"] > order["created_at"]
    market.customer.order_becomes(sale.id, payment_status="voided")
    check_at_rest(either_world, sale.id)
    assert (sale.stock()["state"], sale.stock()["releases"], sale.stock()["commits"]) == ("RELEASED", 1, 0)
    assert sale.money()["heard"] == {"payment.requested": 1, "payment.cancel_requested": 1}
    assert [either_world.stock(product)["available"] for product in market.products] == [1000, 1000]


def test_the_audit_trail_shows_the_reason_to_admins(market: Market) -> None:
    sale = market.place()
    sale.cancel(body={"reason": "changed my mind"})
    trail = sale.trail()
    assert [entry["type"] for entry in trail[:4]] == [
        *("order.placed", "vendor_order.cancelled", "vendor_order.cancelled", "order.cancelled")
    ]
    assert [entry["data"]["reason"] for entry in trail[1:4]] == ["changed my mind"] * 3
    theirs = market.customer.get(f"/orders/{sale.id}/history")
    assert "changed my mind" not in theirs.text


def test_a_cancelled_paid_order_is_refunded_and_restocked(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    order = sale.cancel().json()
    assert (order["status"], order["payment_status"]) == ("cancelled", "paid")
    market.customer.order_becomes(sale.id, payment_status="refunded")
    check_at_rest(either_world, sale.id)
    money, stock = sale.money(), sale.stock()
    assert (money["captured_minor"], money["refunded_minor"], money["refunds"]) == (2666, 2666, 1)
    assert money["heard"]["payment.refund_requested"] == 1
    assert "payment.cancel_requested" not in money["heard"]
    assert (stock["commits"], stock["releases"], stock["restocked"]) == (1, 0, dict.fromkeys(market.products, 2))
    for product in market.products:
        shelf = either_world.stock(product)
        assert (shelf["held"], shelf["sold"], shelf["restocked"], shelf["available"]) == (0, 0, 2, 1000)


def test_a_cancelled_partly_paid_order_is_refunded_that_part(market: Market) -> None:
    sale = market.place()
    market.world.sandbox.pay(sale.id, "capture", amount_minor=600, currency="EUR")
    market.customer.order_becomes(sale.id, status="pending", payment_status="partially_paid")
    assert sale.cancel().status_code == 200
    market.customer.order_becomes(sale.id, payment_status="refunded")
    check_at_rest(market.world, sale.id)
    assert (sale.stock()["state"], sale.money()["refunded_minor"]) == ("RELEASED", 600)


def test_an_order_that_cost_nothing_is_restocked_and_no_money_moves(world: World) -> None:
    market = Market(world, 0, 0)
    sale = market.place()
    assert sale.status() == "confirmed"
    sale.sold()
    assert sale.cancel().json()["status"] == "cancelled"
    check_at_rest(world, sale.id)
    assert sale.stock()["restocked"] == dict.fromkeys(market.products, 2)
    assert sale.money()["heard"] == {}


@pytest.mark.parametrize("paid", [False, True], ids=["unpaid", "paid"])
def test_a_repeated_cancellation_returns_the_same_order(market: Market, paid: bool) -> None:
    sale = market.sell() if paid else market.place()
    sale.cancel(body={"reason": "first"})
    market.customer.order_becomes(sale.id, payment_status="refunded" if paid else "voided")
    check_at_rest(market.world, sale.id)
    before, trail = sale.order(), sale.trail()
    for how in ({}, {"body": {"reason": "second"}}, {"If_Match": '"1"'}):
        again = sale.cancel(**how)
        assert (again.status_code, again.json()) == (200, before)
        assert again.headers["etag"] == f'"{before["version"]}"'
    assert sale.cancel(market.admin).json() == before
    assert sale.trail() == trail


def test_a_customer_cannot_cancel_once_a_vendor_has_accepted_but_an_admin_can(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept")
    assert sale.order()["available_actions"] == []
    answer = sale.cancel()
    assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")
    assert sale.status() == "processing"
    assert market.admin.order(sale.id)["available_actions"] == ["cancel"]
    assert sale.cancel(market.admin).json()["status"] == "cancelled"
    market.customer.order_becomes(sale.id, payment_status="refunded")
    check_at_rest(market.world, sale.id)
    assert (sale.money()["refunds"], sale.stock()["restocked"]) == (1, dict.fromkeys(market.products, 2))


def test_an_admin_cancels_the_vendor_orders_that_vendors_have_not_cancelled(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "cancel")
    assert sale.cancel(market.admin).json()["status"] == "cancelled"
    market.customer.order_becomes(sale.id, payment_status="refunded")
    check_at_rest(market.world, sale.id)
    assert sale.types().count("vendor_order.cancelled") == 2
    assert (sale.money()["refunds"], sale.stock()["restocked"]) == (2, dict.fromkeys(market.products, 2))


@pytest.mark.parametrize(
    ("states", "truth"),
    [
        ("ap", "A vendor has already started to fulfil the order."),
        ("cp", "A vendor has already cancelled its part of the order; only an admin can cancel the rest."),
        ("ca", "A vendor has already started to fulfil the order."),
        ("sp", "Part of the order has already been shipped."),
        ("sc", "The order has already been shipped."),
        ("dd", "The order has already been delivered."),
    ],
)
def test_a_refused_cancellation_returns_the_reason(market: Market, states: str, truth: str) -> None:
    sale = market.sell()
    for vendor, state in enumerate(states):
        sale.do(vendor, *WAY[state])
    answer = sale.cancel()
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (409, "not_cancellable", truth)
    by_admin = sale.cancel(market.admin)
    assert by_admin.status_code == (409 if set(states) & {"s", "d"} else 200)
    assert by_admin.status_code == 200 or by_admin.json()["detail"] == truth


@pytest.mark.parametrize("states", ["sp", "sa", "ps", "dp", "sc", "dd", "cd"])
def test_no_role_cancels_an_order_with_a_shipment(market: Market, states: str) -> None:
    sale = market.sell()
    for vendor, state in enumerate(states):
        sale.do(vendor, *WAY[state])
    before = [part["status"] for part in sale.order()["vendor_orders"]]
    for caller in (market.customer, market.admin):
        answer = sale.cancel(caller)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")
        assert caller.order(sale.id)["available_actions"] == []
    assert [part["status"] for part in sale.order()["vendor_orders"]] == before


def test_an_expired_order_cannot_be_cancelled(market: Market) -> None:
    sale = market.place()
    market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id)
    beat(market.world)
    market.customer.order_becomes(sale.id, status="expired")
    for caller in (market.customer, market.admin):
        answer = sale.cancel(caller)
        assert (answer.status_code, answer.json()["code"]) == (409, "not_cancellable")
    check_at_rest(market.world, sale.id)


def test_a_capture_after_the_cancellation_is_refunded(market: Market) -> None:
    sale = market.place()
    sale.cancel()
    sale.pay()
    market.customer.order_becomes(sale.id, status="cancelled", payment_status="refunded")
    check_at_rest(market.world, sale.id)
    assert sale.money()["refunds"] == 1


def test_the_body_of_a_cancellation_has_a_reason_of_up_to_200_characters_and_no_other_field(market: Market) -> None:
    sale = market.place()
    bodies: list[tuple[Any, str]] = [
        ({"reason": "x" * 201}, "/reason"),
        ({"reason": 7}, "/reason"),
        ({"reason": "a\0b"}, "/reason"),
        ({"cause": "x"}, "/cause"),
        ({"reason": "x", "refund": False}, "/refund"),
        ([], ""),
        ("now", ""),
    ]
    for body, pointer in bodies:
        answer = sale.cancel(body=body)
        assert (answer.status_code, answer.json()["code"]) == (400, "invalid"), body
        assert [error["pointer"] for error in answer.json()["errors"]] == [pointer], body
    assert sale.order() == sale.placed
    reason = "ü" * 200
    assert sale.cancel(body={"reason": reason}).status_code == 200
    assert sale.trail()[3]["data"] == {"reason": reason}


def test_the_body_of_a_cancellation_may_be_empty(market: Market) -> None:
    sale = market.place()
    assert market.customer.http.post(f"/api/v1/orders/{sale.id}/cancel").status_code == 200
    assert sale.trail()[3]["data"]["reason"] == ""


def test_a_cancellation_of_another_version_is_refused(market: Market) -> None:
    sale = market.sell()
    version = sale.order()["version"]
    for tag in (f'"{version - 1}"', f'"{version + 1}"', f'W/"{version}"', str(version)):
        answer = sale.cancel(If_Match=tag)
        assert (answer.status_code, answer.json()["code"]) == (412, "precondition_failed"), tag
    assert sale.status() == "confirmed"
    assert sale.cancel(If_Match=f'"{version}"').status_code == 200
    assert market.place().cancel(If_Match="*").status_code == 200


def test_concurrent_copies_of_a_cancellation_count_once(market: Market) -> None:
    sale = market.sell()
    answers = race(*[sale.cancel] * 10)
    assert [answer.status_code for answer in answers] == [200] * 10
    market.customer.order_becomes(sale.id, payment_status="refunded")
    check_at_rest(market.world, sale.id)
    assert sale.types().count("order.cancelled") == 1
    assert (sale.money()["refunds"], sale.stock()["restocks"]) == (1, 2)


def test_a_concurrent_cancellation_and_acceptance_have_one_winner(world: World, second_world: World) -> None:
    market = Market(world, 1000, 333)
    sales = market.sell_many(RACES)
    with through(second_world, market) as elsewhere:
        for sale in sales:
            theirs = Sale(elsewhere, sale.placed)
            cancelled, accepted = race(sale.cancel, lambda theirs=theirs: theirs.act(0, "accept"))  # type: ignore[misc]
            assert refused(cancelled) != refused(accepted), "one of the two wins"
            wanted = ("processing", "processing") if refused(cancelled) else ("cancelled", "cancelled")
            assert (sale.status(), sale.part(0)["status"]) == wanted
    check_at_rest(world, *(sale.id for sale in sales))


def test_concurrent_cancellations_by_customer_and_vendor_refund_once(world: World, second_world: World) -> None:
    market = Market(world, 1000, 333)
    sales = market.sell_many(RACES)
    with through(second_world, market) as elsewhere:
        for sale in sales:
            theirs = Sale(elsewhere, sale.placed)
            whole, part = race(sale.cancel, lambda theirs=theirs: theirs.act(0, "cancel"))  # type: ignore[misc]
            assert part.status_code == 200, "cancelled by either"
            assert sale.part(0)["status"] == "cancelled"
            assert sale.status() == ("confirmed" if refused(whole) else "cancelled")
    check_at_rest(world, *(sale.id for sale in sales))
    for sale in sales:
        assert sale.money()["refunded_minor"] == (2000 if sale.status() == "confirmed" else 2666)


def test_a_cancellation_concurrent_with_the_capture_refunds_it(world: World) -> None:
    market = Market(world, 1000, 333)
    sales = [market.place() for _ in range(RACES)]
    for sale in sales:
        sale.pay()
    with ThreadPoolExecutor(4) as threads:
        assert not any(refused(answer) for answer in threads.map(Sale.cancel, sales))
    for sale in sales:
        market.customer.order_becomes(sale.id, status="cancelled", payment_status="refunded")
    check_at_rest(world, *(sale.id for sale in sales))
    assert {sale.money()["refunds"] for sale in sales} == {1}


@pytest.mark.serial  # a request waits for a row's lock for a second at most
def test_a_cancellation_concurrent_with_the_expiry_releases_the_stock_once(world: World) -> None:
    market = Market(world, 1000, 333)
    sales = [market.place() for _ in range(3 * RACES)]
    world.sql("UPDATE orders SET expires_at = now() WHERE id = ANY(%s::uuid[])", [sale.id for sale in sales])
    beat(world)
    with ThreadPoolExecutor(4) as threads:
        lost = [refused(answer) for answer in threads.map(Sale.cancel, sales)]
    check_at_rest(world, *(sale.id for sale in sales))
    assert [sale.status() for sale in sales] == ["expired" if one else "cancelled" for one in lost]
    for sale in sales:
        assert sale.types().count("vendor_order.cancelled") == 2
        assert sale.stock()["releases"] == 1


def test_a_capture_concurrent_with_the_expiry_is_kept_or_refunded(world: World) -> None:
    market = Market(world, 1000, 333)
    sales = [market.place() for _ in range(RACES)]
    world.sql("UPDATE orders SET expires_at = now() WHERE id = ANY(%s::uuid[])", [sale.id for sale in sales])
    beat(world)
    for sale in sales:
        sale.pay()
    eventually(
        lambda: all(sale.order()["payment_status"] in ("paid", "refunded") for sale in sales),
        "the captures to be counted",
    )
    check_at_rest(world, *(sale.id for sale in sales))
    ends = {(sale.status(), sale.order()["payment_status"]) for sale in sales}
    assert ends <= {("confirmed", "paid"), ("expired", "refunded")}
