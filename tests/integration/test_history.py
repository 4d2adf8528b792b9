"""A history of orders (compose/history.py) is what the service itself would have written, and causes no work."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

import psycopg
import pytest

from compose import history_neighbours
from compose.history import Plan, add_history
from compose.local import ensure_history
from compose.progress import Progress
from compose.sandbox.catalogue import generated_product
from compose.stack import Stack
from orders.coupons.rules import FundedBy, Kind, Terms, discounts
from orders.domain.ids import number_of, shard_of
from orders.domain.lifecycle import payment_status
from orders.domain.pricing import PricedLine, Product
from tests.support.invariants import check_invariants
from tests.support.reconciliation import reconcile
from tests.support.world import Sandbox, World

ORDERS = 240
CURRENCIES = {"EUR": 8, "USD": 4, "JPY": 2}
VENDORS = [(f"v-past-{currency.lower()}-{n}", currency) for currency, count in CURRENCIES.items() for n in range(count)]
COUPONS: list[dict[str, Any]] = [
    {"code": "PAST-FIRST", "kind": "percentage", "percent": "10.00", "first_order_only": True},
    {"code": "PAST-ODD", "kind": "percentage", "percent": "7.77"},
    {"code": "PAST-5", "kind": "fixed_amount", "amount": "5.00", "currency": "EUR", "minimum_spend": "30.00"},
    *(
        {"code": f"PAST-{vendor_id}", "kind": "percentage", "percent": "12.50", "vendor_id": vendor_id}
        for vendor_id, _ in VENDORS
    ),
]
MINE = f"SELECT id FROM orders WHERE customer_id ~ '{history_neighbours.CUSTOMERS}'"
"""The orders of the history: no other customer of the tests has such an id."""


@pytest.fixture(scope="module")
def plan(stack: Stack, sandbox: Sandbox) -> Iterator[Plan]:
    """Yield the plan of a small history that is in the stack's database, of a marketplace of its own."""
    products = [generated_product(*vendor, number) for vendor in VENDORS for number in range(5)]
    for product_id, vendor_id, name, sku, price, currency, stock in products:
        listing = {"name": name, "sku": sku, "unit_price_minor": price, "currency": currency, "stock": stock}
        sandbox.put_product(product_id, vendor_id=vendor_id, **listing)
    end = datetime.now(UTC)
    plan = Plan(
        orders=ORDERS, customers=ORDERS // 4, end=end, days=2, products=products, coupons=COUPONS, single_use=0.1
    )
    with psycopg.connect(stack.postgres.url) as connection:
        add_history(connection, plan)
        history_neighbours.hold_and_sell(connection, stack.environment)
        connection.commit()
        history_neighbours.capture(connection, stack.control_url)
    yield plan


def test_the_invariants_of_the_database_hold(world: World, plan: Plan) -> None:
    check_invariants(world)
    assert world.sql(f"SELECT count(*) AS n FROM ({MINE}) AS mine") == [{"n": ORDERS}]


def test_the_foreign_keys_hold(world: World, plan: Plan) -> None:
    keys = world.sql(
        "SELECT conrelid::regclass::text AS child, a.attname AS key, confrelid::regclass::text AS parent, b.attname AS id"
        " FROM pg_constraint JOIN pg_attribute a ON a.attrelid = conrelid AND a.attnum = conkey[1]"
        " JOIN pg_attribute b ON b.attrelid = confrelid AND b.attnum = confkey[1] WHERE contype = 'f'"
    )
    assert len(keys) > 10
    for key in keys:
        child, column, parent, id_ = key.values()
        missing = f"SELECT FROM {parent} p WHERE p.{id_} = c.{column}"
        assert not world.sql(f"SELECT * FROM {child} c WHERE {column} IS NOT NULL AND NOT EXISTS ({missing})"), key


def test_orders_are_in_every_state(world: World, plan: Plan) -> None:
    found = world.sql(f"SELECT status, payment_status FROM orders WHERE id IN ({MINE}) GROUP BY 1, 2")
    assert {row["status"] for row in found} == {
        "pending", "confirmed", "processing", "shipped", "delivered", "cancelled", "expired",
    }  # fmt: skip
    assert {row["payment_status"] for row in found} == {"unpaid", "voided", "paid", "partially_refunded", "refunded"}


def test_trails_are_in_time_order_and_lead_to_the_versions_and_times_of_their_orders(world: World, plan: Plan) -> None:
    assert not world.sql(
        "SELECT * FROM (SELECT at, lag(at) OVER (ORDER BY id) AS before, lag(sequence) OVER (PARTITION BY order_id ORDER BY id)"
        f" AS earlier, sequence FROM order_events WHERE order_id IN ({MINE})) AS entry"
        " WHERE before > at OR earlier + 1 <> sequence"
    )
    assert not world.sql(
        "SELECT o.id FROM orders o JOIN order_events e ON e.order_id = o.id"
        f" WHERE o.id IN ({MINE}) GROUP BY o.id HAVING o.version <> count(DISTINCT at)"
        " OR o.updated_at <> max(at) OR o.created_at <> min(at) OR max(at) > %s",
        plan.end,
    )
    assert not world.sql(
        "SELECT v.id FROM vendor_orders v JOIN order_events e ON e.order_id = v.order_id"
        " AND (e.vendor_order_id = v.id OR e.type IN ('order.placed', 'order.confirmed'))"
        f" WHERE v.order_id IN ({MINE}) GROUP BY v.id HAVING v.updated_at <> max(at)"
    )


def test_ids_carry_the_shard_of_their_customer(world: World, plan: Plan) -> None:
    for order in world.sql(f"SELECT id, number, customer_id FROM orders WHERE id IN ({MINE})"):
        check_id(order["id"], order["customer_id"])
        assert order["number"][:2] == number_of(order["id"])[:2]
    for table in ("vendor_orders", "order_items", "refunds", "coupon_redemptions"):
        parts = world.sql(
            f"SELECT p.id, o.customer_id FROM {table} p JOIN orders o ON o.id = order_id WHERE o.id IN ({MINE})"
        )
        assert parts
        for part in parts:
            check_id(part["id"], part["customer_id"])


def check_id(id_: UUID, customer_id: str) -> None:
    assert (id_.version, id_.variant) == (8, "specified in RFC 4122")
    assert id_.int & 1023 == shard_of(customer_id)


def test_payment_statuses_follow_from_the_ledger(world: World, plan: Plan) -> None:
    orders = world.sql(
        "SELECT total, payment_status, (SELECT jsonb_agg(jsonb_build_array(type, amount)) FROM payment_events p"
        f" WHERE p.order_id = o.id) AS events FROM orders o WHERE o.id IN ({MINE})"
    )
    for order in orders:
        events = order["events"] or []
        captured, refunded = (
            sum(n for type_, n in events if type_ == f"payment.{kind}") for kind in ("captured", "refunded")
        )
        words = {type_.removeprefix("payment.") for type_, _ in events}
        assert payment_status(order["total"], captured, refunded, words) == order["payment_status"], order


def test_refunds_have_been_executed(world: World, plan: Plan) -> None:
    refunds = world.sql(
        "SELECT r.amount, r.status, r.attempts, r.created_at, o.updated_at,"
        " (SELECT jsonb_object_agg(type, p.amount) FROM payment_events p WHERE p.refund_id = r.id::text) AS events"
        f" FROM refunds r JOIN orders o ON o.id = r.order_id WHERE o.id IN ({MINE})"
    )
    assert refunds
    for refund in refunds:
        assert refund["status"] == "refunded"
        assert refund["events"]["payment.refunded"] == refund["amount"]
        assert refund["attempts"] == len(refund["events"])
        assert refund["created_at"] <= refund["updated_at"]


def test_discounts_are_those_that_the_rules_calculate(world: World, plan: Plan) -> None:
    orders = world.sql(
        "SELECT o.currency, o.coupons, to_jsonb(c) AS coupon, jsonb_agg(to_jsonb(i) ORDER BY position) AS items"
        " FROM orders o JOIN order_items i ON i.order_id = o.id JOIN coupons c ON c.code = o.coupon_code"
        f" WHERE o.id IN ({MINE}) GROUP BY o.id, c.id"
    )
    assert {order["coupon"]["kind"] for order in orders} == {"percentage", "fixed_amount"}
    assert {order["coupon"]["funded_by"] for order in orders} == {"platform", "vendor"}
    assert {order["coupon"]["usage_limit"] for order in orders} == {None, 1}
    for order in orders:
        lines = [priced(item, order["currency"]) for item in order["items"]]
        expected = discounts(terms(order["coupon"]), lines)
        assert [item["discount"] for item in order["items"]] == expected
        assert [applied["discount"] for applied in order["coupons"]] == [sum(expected)]


def priced(item: dict[str, Any], currency: str) -> PricedLine:
    product = Product(
        item["product_id"], item["vendor_id"], item["name"], item["sku"], item["unit_price"], currency, item["quantity"]
    )
    return PricedLine(product, item["quantity"], item["total"])


def terms(coupon: dict[str, Any]) -> Terms:
    return Terms(
        code=coupon["code"],
        kind=Kind(coupon["kind"]),
        funded_by=FundedBy(coupon["funded_by"]),
        percent=coupon["percent"] or 10_000,
        amount=coupon["amount"] or 0,
        vendor_id=coupon["vendor_id"],
    )


def test_customers_vendors_and_admins_read_it(world: World, plan: Plan) -> None:
    [newest] = world.sql(
        f"SELECT id::text, customer_id FROM orders WHERE id IN ({MINE}) ORDER BY created_at DESC LIMIT 1"
    )
    customer = world.person("customer", newest["customer_id"])
    listed = customer.get("/orders").json()["results"]
    assert listed[0]["id"] == newest["id"]
    for order in listed:
        read = customer.order(order["id"])
        assert sum(Decimal(item["total"]) for item in read["items"]) == Decimal(read["subtotal"])
        history = customer.get(f"/orders/{order['id']}/history").json()["results"]
        assert history[0]["type"] == "order.placed"
    vendor = world.vendor(VENDORS[0][0])
    parts = vendor.get("/vendor-orders", params={"limit": 100}).json()["results"]
    assert len(parts) > 20
    for part in parts[:10]:
        assert vendor.get(f"/vendor-orders/{part['id']}").json()["id"] == part["id"]
    everything = world.admin().get("/orders", params={"customer_id": newest["customer_id"]}).json()["results"]
    assert [order["id"] for order in everything] == [order["id"] for order in listed]
    uses = world.admin().get("/coupons/PAST-FIRST").json()["times_used"]
    assert uses == world.sql(
        "SELECT count(*) AS n FROM orders WHERE coupon_code = 'PAST-FIRST' AND status NOT IN ('cancelled', 'expired')"
    )[0]["n"]  # fmt: skip


def test_it_causes_no_work_and_reconciliation_finds_nothing(world: World, plan: Plan) -> None:
    assert not world.sql(f"SELECT * FROM outbox WHERE order_id IN ({MINE})")
    assert not world.sql("SELECT * FROM payment_events WHERE order_id IS NULL AND claimed_order_id IN (" + MINE + ")")
    pending = world.sql(f"SELECT expires_at, payment_check_at FROM orders WHERE status = 'pending' AND id IN ({MINE})")
    assert pending
    assert all(min(order.values()) > datetime.now(UTC) for order in pending)
    recent = world.sql(f"SELECT id FROM orders WHERE updated_at > now() - interval '3 days' AND id IN ({MINE})")
    status, output = reconcile(world, "--dry-run", *named(recent))
    assert (status, output.splitlines()[0]) == (0, f"Orders compared: {len(recent)}; no problems.")


def named(orders: Sequence[dict[str, Any]]) -> list[str]:
    return [part for order in orders for part in ("--order", str(order["id"]))]


def test_an_open_order_can_be_cancelled_and_refunded(world: World, plan: Plan) -> None:
    [order] = world.sql(f"SELECT id::text FROM orders WHERE status = 'confirmed' AND id IN ({MINE}) LIMIT 1")
    admin = world.admin()
    assert admin.post(f"/orders/{order['id']}/cancel", {"reason": "a trial"}).status_code == 200
    admin.order_becomes(order["id"], status="cancelled", payment_status="refunded")


def test_it_is_not_added_to_a_stack_with_orders(world: World, plan: Plan) -> None:
    before = world.sql("SELECT count(*) FROM orders")
    ensure_history(world.stack, Progress())
    assert world.sql("SELECT count(*) FROM orders") == before
