"""The audit trail: each change of an order and vendor order with its actor and its request; it cannot be changed."""

import uuid
from collections.abc import Callable, Iterator

import httpx
import psycopg
import pytest

from tests.support.market import Market, Sale
from tests.support.world import Person, World

Row = tuple[str, str | None, str, str, str | None, str]
"""type, from, to, actor_role, actor_id, request_id"""


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


def rows(sale: Sale, after: int = 0) -> list[Row]:
    """Return the entries behind sequence `after`."""
    names = ("type", "from", "to", "actor_role", "actor_id", "request_id")
    entries = sale.trail()
    assert [entry["sequence"] for entry in entries] == list(range(1, len(entries) + 1))
    return [tuple(entry[name] for name in names) for entry in entries[after:]]


def written_by(sale: Sale, act: Callable[[str], httpx.Response]) -> tuple[list[Row], str]:
    """Return the entries that an action adds to the trail, and the X-Request-ID of its request."""
    known, request_id = len(sale.trail()), f"audit {uuid.uuid4()}"
    answer = act(request_id)
    assert answer.status_code == 200, answer.text
    assert answer.headers["x-request-id"] == request_id
    return rows(sale, known), request_id


def test_placing_an_order_is_the_first_entry(market: Market) -> None:
    customer = market.customer
    market.world.sandbox.put_cart(customer.id, [{"product_id": product, "quantity": 2} for product in market.products])
    request_id = "r" * 200
    headers = {"Idempotency_Key": "k", "X_Request_ID": request_id}
    sale = Sale(market, customer.post("/orders", {}, **headers).json())
    first: Row = ("order.placed", None, "pending", "customer", customer.id, request_id)
    assert rows(sale) == [first]
    assert customer.post("/orders", {}, **headers).headers["idempotent-replayed"] == "true"
    assert rows(sale) == [first], "a repetition changes nothing"


def test_each_vendor_action_is_recorded_with_the_transitions_that_follow(market: Market) -> None:
    sale = market.sell()
    me = market.vendors[0]
    steps: list[tuple[Person, str, list[tuple[str, str, str]]]] = [
        (me, "accept", [("vendor_order", "pending", "processing"), ("order", "confirmed", "processing")]),
        (me, "ship", [("vendor_order", "processing", "shipped")]),
        (market.admin, "deliver", [("vendor_order", "shipped", "delivered")]),
    ]
    for caller, action, changes in steps:
        role = "admin" if caller is market.admin else "vendor"
        entries, request_id = written_by(
            sale,
            lambda sent, caller=caller, action=action: sale.act(0, action, caller, X_Request_ID=sent),  # type: ignore[misc]
        )
        assert entries == [(f"{kind}.{to}", from_, to, role, caller.id, request_id) for kind, from_, to in changes]
    entries, request_id = written_by(sale, lambda sent: sale.act(1, "cancel", X_Request_ID=sent))
    other = market.vendors[1].id
    assert entries[:3] == [
        ("vendor_order.cancelled", "pending", "cancelled", "vendor", other, request_id),
        ("order.shipped", "processing", "shipped", "vendor", other, request_id),
        ("order.delivered", "shipped", "delivered", "vendor", other, request_id),
    ]


@pytest.mark.parametrize("role", ["customer", "admin"])
def test_a_cancellation_is_recorded_with_every_transition(market: Market, role: str) -> None:
    sale = market.sell()
    caller = market.customer if role == "customer" else market.admin
    entries, request_id = written_by(sale, lambda sent: sale.cancel(caller, {"reason": "why not"}, X_Request_ID=sent))
    same = ("cancelled", role, caller.id, request_id)
    vendor_order, order = ("vendor_order.cancelled", "pending", *same), ("order.cancelled", "confirmed", *same)
    assert entries[:3] == [vendor_order, vendor_order, order]
    assert {entry["data"]["reason"] for entry in sale.trail() if entry["request_id"] == request_id} == {"why not"}
    market.customer.order_becomes(sale.id, payment_status="refunded")


def test_payment_events_and_expiry_are_recorded_under_their_own_actors(market: Market) -> None:
    sale, world = market.place(), market.world
    world.sandbox.pay(sale.id, "authorize", amount_minor=2666, currency="EUR", payment_id="pay-7")
    market.customer.order_becomes(sale.id, payment_status="authorized")
    world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id)
    market.customer.order_becomes(sale.id, status="expired", payment_status="voided")
    _, authorized, *parts, expired, voided = rows(sale)
    assert authorized[:5] == ("payment.authorized", "unpaid", "authorized", "payment", "pay-7")
    assert [part[:5] for part in parts] == [("vendor_order.cancelled", "pending", "cancelled", "system", None)] * 2
    assert expired[:5] == ("order.expired", "pending", "expired", "system", None)
    assert voided[:4] == ("payment.voided", "authorized", "voided", "payment")
    assert all(entry[5] for entry in rows(sale)), "each has the id of a request or of a job"
    assert len({entry[5] for entry in (*parts, expired)}) == 1


def test_every_payment_status_is_recorded(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "cancel")
    market.customer.order_becomes(sale.id, payment_status="partially_refunded")
    sale.cancel(market.admin)
    market.customer.order_becomes(sale.id, payment_status="refunded")
    money = [entry[:4] for entry in rows(sale) if entry[0].startswith("payment.")]
    assert money == [
        ("payment.paid", "unpaid", "paid", "payment"),
        ("payment.partially_refunded", "paid", "partially_refunded", "payment"),
        ("payment.refunded", "partially_refunded", "refunded", "payment"),
    ]


def test_a_refused_or_repeated_request_leaves_no_entry(market: Market) -> None:
    sale = market.sell()
    sale.do(0, "accept")
    before = sale.trail()
    for answer, status in (
        (sale.act(0, "accept"), 200),
        (sale.act(0, "deliver"), 409),
        (sale.act(0, "ship", If_Match='"1"'), 412),
        (sale.act(0, "ship", body={}), 400),
        (sale.act(0, "ship", market.vendors[1]), 404),
        (sale.act(0, "ship", market.customer), 403),
        (sale.cancel(), 409),
        (sale.cancel(market.vendors[0]), 403),
    ):
        assert answer.status_code == status
    assert sale.trail() == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE order_events SET actor_id = 'nobody' WHERE order_id = %s",
        "DELETE FROM order_events WHERE order_id = %s",
    ],
)
def test_the_database_refuses_to_change_the_audit_trail(market: Market, statement: str) -> None:
    sale = market.place()
    before = sale.trail()
    with pytest.raises(psycopg.Error, match="append-only"):
        market.world.sql(statement, sale.id)
    assert sale.trail() == before
