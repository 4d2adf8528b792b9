"""Invariants of orders and coupons that hold after any test (promises P6 and P8), each a query for the rows that break it.

`check_at_rest` adds the invariants of the neighbours' ledgers, which hold once no effect is pending (P3, P4).
"""

from collections import Counter
from collections.abc import Collection
from contextlib import suppress
from typing import Any

import psycopg
from psycopg.rows import dict_row

from tests.support.world import PATIENCE_SECONDS, World, eventually

PARTS = """
    SELECT count(*) AS everyone, count(*) FILTER (WHERE status = 'pending') AS pending,
        count(*) FILTER (WHERE status <> 'cancelled') AS live, count(*) FILTER (WHERE status = 'delivered') AS delivered,
        count(*) FILTER (WHERE status IN ('shipped', 'delivered')) AS gone
    FROM vendor_orders v WHERE v.order_id = o.id"""

BROKEN = {
    "an audit trail has a gap": """
        SELECT order_id FROM order_events GROUP BY order_id
        HAVING min(sequence) <> 1 OR max(sequence) <> count(*)""",
    "an order's event_count is not the length of its trail": """
        SELECT o.id FROM orders o WHERE event_count <> (SELECT count(*) FROM order_events e WHERE e.order_id = o.id)""",
    "a trail does not lead to the order's status": """
        SELECT o.id FROM orders o WHERE status <> (
            SELECT to_status FROM order_events e WHERE e.order_id = o.id AND type LIKE 'order.%%'
            ORDER BY sequence DESC LIMIT 1)""",
    "a trail does not lead to the payment's status": """
        SELECT o.id FROM orders o WHERE payment_status <> coalesce((
            SELECT to_status FROM order_events e WHERE e.order_id = o.id AND type LIKE 'payment.%%'
            ORDER BY sequence DESC LIMIT 1), 'unpaid')""",
    "a trail does not lead to a vendor order's status": """
        SELECT v.id FROM vendor_orders v WHERE status <> coalesce((
            SELECT to_status FROM order_events e WHERE e.vendor_order_id = v.id ORDER BY sequence DESC LIMIT 1), 'pending')""",
    "a step in a trail does not begin where the last one ended": """
        SELECT order_id FROM (
            SELECT order_id, from_status, type, lag(to_status) OVER (
                PARTITION BY order_id, vendor_order_id, split_part(type, '.', 1) ORDER BY sequence) AS before
            FROM order_events) AS step
        WHERE before IS NOT NULL AND from_status IS DISTINCT FROM before""",
    "an order took a step that its state machine does not have": """
        SELECT order_id FROM order_events WHERE type LIKE 'order.%%' AND sequence > 1 AND (from_status, to_status) NOT IN (
            ('pending', 'confirmed'), ('pending', 'cancelled'), ('pending', 'expired'),
            ('confirmed', 'processing'), ('confirmed', 'cancelled'),
            ('processing', 'shipped'), ('processing', 'cancelled'), ('shipped', 'delivered'))""",
    "items do not add up to the order": """
        SELECT o.id FROM orders o WHERE (subtotal, discount) IS DISTINCT FROM (
            SELECT (sum(total)::bigint, sum(discount)::bigint) FROM order_items i WHERE i.order_id = o.id)""",
    "vendor orders do not add up to the order": """
        SELECT o.id FROM orders o WHERE (subtotal, discount, total) IS DISTINCT FROM (
            SELECT (sum(subtotal)::bigint, sum(discount)::bigint, sum(total)::bigint)
            FROM vendor_orders v WHERE v.order_id = o.id)""",
    "items do not add up to their vendor order": """
        SELECT v.id FROM vendor_orders v WHERE (subtotal, discount) IS DISTINCT FROM (
            SELECT (sum(total)::bigint, sum(discount)::bigint) FROM order_items i WHERE i.vendor_order_id = v.id)""",
    "an item lies with another vendor than its vendor order": """
        SELECT i.id FROM order_items i JOIN vendor_orders v ON v.id = i.vendor_order_id
        WHERE i.vendor_id <> v.vendor_id OR i.order_id <> v.order_id""",
    "a terminated order was paid for and no refund was requested": """
        SELECT o.id FROM orders o WHERE status IN ('cancelled', 'expired')
        AND (SELECT coalesce(sum(amount), 0) FROM payment_events p WHERE p.order_id = o.id AND type = 'payment.captured')
          > (SELECT coalesce(sum(amount), 0) FROM refunds r WHERE r.order_id = o.id)
          + (SELECT coalesce(sum(amount), 0) FROM payment_events p WHERE p.order_id = o.id AND type = 'payment.refunded')""",
    "a vendor order took a step that its state machine does not have": """
        SELECT vendor_order_id FROM order_events WHERE type LIKE 'vendor_order.%%' AND (from_status, to_status) NOT IN (
            ('pending', 'processing'), ('pending', 'cancelled'), ('processing', 'shipped'), ('processing', 'cancelled'),
            ('shipped', 'delivered'))
        AND (type, from_status, to_status) <> ('vendor_order.tracking_changed', 'shipped', 'shipped')""",
    "an entry is not named after the status it leads to": """
        SELECT id FROM order_events WHERE type NOT IN (
            'order.' || to_status, 'vendor_order.' || to_status, 'payment.' || to_status)
        AND (type, sequence, to_status) <> ('order.placed', 1, 'pending')
        AND type <> 'vendor_order.tracking_changed'""",
    "an entry lacks its actor or its request": """
        SELECT id FROM order_events e WHERE actor_role NOT IN ('customer', 'vendor', 'admin', 'system', 'payment')
        OR (actor_role IN ('customer', 'vendor', 'admin') AND actor_id IS NULL)
        OR (request_id = '' AND NOT EXISTS (
            SELECT FROM order_events WHERE order_id = e.order_id AND sequence = 1 AND actor_id LIKE 'erased-%%'))""",
    "an entry of a vendor order stands in another order's trail": """
        SELECT e.id FROM order_events e LEFT JOIN vendor_orders v ON v.id = e.vendor_order_id
        WHERE (e.type LIKE 'vendor_order.%%') <> (v.id IS NOT NULL) OR v.order_id <> e.order_id""",
    "a vendor order's version is not the number of its changes": """
        SELECT v.id FROM vendor_orders v JOIN orders o ON o.id = v.order_id
        WHERE v.version <> 1 + (SELECT count(*) FROM order_events e WHERE e.order_id = o.id AND (
            e.vendor_order_id = v.id OR e.type = 'order.confirmed' AND o.total > 0))""",
    "an order is not what its vendor orders make it": f"""
        SELECT o.id, o.status FROM orders o CROSS JOIN LATERAL ({PARTS}) part WHERE NOT CASE o.status
            WHEN 'pending' THEN part.pending = part.everyone
            WHEN 'confirmed' THEN part.live > 0 AND part.live = part.pending
            WHEN 'processing' THEN part.live > part.gone
            WHEN 'shipped' THEN part.live = part.gone AND part.live > part.delivered
            WHEN 'delivered' THEN part.live = part.delivered AND part.live > 0
            ELSE part.live = 0 END""",
    "a shipment is there too early, or is missing": """
        SELECT id FROM vendor_orders WHERE status <> 'cancelled' AND (
            (status IN ('shipped', 'delivered')) <> (shipped_at IS NOT NULL)
            OR (status IN ('shipped', 'delivered')) <> (carrier IS NOT NULL AND tracking_number IS NOT NULL)
            OR (status = 'delivered') <> (delivered_at IS NOT NULL))""",
    "the uses of a coupon are not those of its live orders": """
        SELECT u.coupon_id, u.times_used, u.amount_used, uses.* FROM coupon_usage u JOIN coupons c ON c.id = u.coupon_id
        CROSS JOIN LATERAL (
            SELECT count(*) AS n, coalesce(sum(r.discount), 0)::bigint AS amount FROM coupon_redemptions r
            JOIN orders o ON o.id = r.order_id
            WHERE r.coupon_id = u.coupon_id AND o.status NOT IN ('cancelled', 'expired')) uses
        WHERE u.times_used <> uses.n OR u.amount_used <> CASE WHEN c.currency IS NULL THEN 0 ELSE uses.amount END""",
    "a coupon is used beyond its limit or its budget": """
        SELECT c.code, u.times_used, u.amount_used FROM coupon_usage u JOIN coupons c ON c.id = u.coupon_id
        WHERE c.version = 1 AND (u.times_used > c.usage_limit OR u.amount_used > c.budget)""",
    "a customer uses a coupon beyond the customer's limit": """
        SELECT c.code, r.customer_id FROM coupon_redemptions r JOIN coupons c ON c.id = r.coupon_id
        WHERE c.version = 1 AND r.status <> 'released'
        GROUP BY c.code, c.per_customer_limit, r.customer_id HAVING count(*) > c.per_customer_limit""",
    "a redemption does not follow its order": """
        SELECT r.id, r.status, o.status AS of_order FROM coupon_redemptions r JOIN orders o ON o.id = r.order_id
        WHERE r.status <> CASE o.status
            WHEN 'pending' THEN 'reserved' WHEN 'cancelled' THEN 'released' WHEN 'expired' THEN 'released' ELSE 'redeemed' END
        OR (r.status = 'released') <> (r.released_at IS NOT NULL) OR (r.status = 'redeemed' AND r.redeemed_at IS NULL)
        OR r.customer_id <> o.customer_id OR r.currency <> o.currency""",
    "the coupons of an order are not its discount": """
        SELECT o.id FROM orders o WHERE discount <> (
            SELECT coalesce(sum((applied->>'discount')::bigint), 0) FROM jsonb_array_elements(o.coupons) applied)
        OR (coupon_code IS NULL) <> (coupons = '[]')""",
    "an order's coupons and redemptions differ": """
        SELECT o.id FROM orders o WHERE coupons <> '[]' AND (
            SELECT jsonb_agg(jsonb_build_array(r.coupon_id, r.discount, v.vendor_id) ORDER BY r.coupon_id)
            FROM coupon_redemptions r LEFT JOIN vendor_orders v ON v.id = r.vendor_order_id WHERE r.order_id = o.id)
        IS DISTINCT FROM (
            SELECT jsonb_agg(jsonb_build_array(e->'coupon_id', e->'discount', e->'vendor_id') ORDER BY (e->>'coupon_id')::uuid)
            FROM jsonb_array_elements(o.coupons) e)""",
    "the refunds requested exceed the captures": """
        SELECT o.id FROM orders o WHERE (
            SELECT coalesce(sum(amount), 0) FROM refunds r WHERE r.order_id = o.id AND status IN ('requested', 'refunded')) > (
            SELECT coalesce(sum(amount), 0) FROM payment_events p WHERE p.order_id = o.id AND type = 'payment.captured')""",
}

ORDERS = """
    SELECT o.id::text, o.status,
        (SELECT count(*) FROM outbox WHERE order_id = o.id) AS effects_to_come,
        (SELECT count(*) FROM refunds r WHERE r.order_id = o.id AND r.status = 'requested') AS refunds_to_come,
        (SELECT coalesce(sum(total), 0)::bigint FROM vendor_orders v WHERE v.order_id = o.id AND v.status <> 'cancelled') AS due,
        (SELECT coalesce(jsonb_object_agg(product_id, quantity), '{}') FROM (
            SELECT i.product_id, sum(i.quantity) AS quantity
            FROM order_items i JOIN vendor_orders v ON v.id = i.vendor_order_id
            WHERE i.order_id = o.id AND v.status <> 'cancelled' GROUP BY i.product_id) AS live) AS units
    FROM orders o WHERE o.id = ANY(%s::uuid[])"""


TOUCHED = """
    WITH used AS (
        SELECT coupon_id AS id FROM coupon_usage WHERE xmin::text::bigint >= %(since)s
        UNION SELECT id FROM coupons WHERE xmin::text::bigint >= %(since)s
        UNION SELECT coupon_id FROM coupon_redemptions WHERE xmin::text::bigint >= %(since)s)
    SELECT coalesce((SELECT array_agg(id) FROM used), '{}') AS coupons, ARRAY(
        SELECT id FROM orders WHERE xmin::text::bigint >= %(since)s
        UNION SELECT order_id FROM order_items WHERE xmin::text::bigint >= %(since)s
        UNION SELECT order_id FROM vendor_orders WHERE xmin::text::bigint >= %(since)s
        UNION SELECT order_id FROM order_events WHERE xmin::text::bigint >= %(since)s
        UNION SELECT order_id FROM payment_events WHERE xmin::text::bigint >= %(since)s
        UNION SELECT order_id FROM refunds WHERE xmin::text::bigint >= %(since)s
        UNION SELECT order_id FROM coupon_redemptions WHERE coupon_id IN (SELECT id FROM used)) AS orders"""
"""The coupons with rows that transactions from `since` on have written, and the orders with such rows or coupons."""

ROWS = {
    "orders": "id = ANY(%(orders)s)",
    **dict.fromkeys(
        ("order_items", "vendor_orders", "order_events", "payment_events", "refunds"), "order_id = ANY(%(orders)s)"
    ),
    "coupons": "id = ANY(%(coupons)s)",
    "coupon_usage": "coupon_id = ANY(%(coupons)s)",
    "coupon_redemptions": "order_id = ANY(%(orders)s) OR coupon_id = ANY(%(coupons)s)",
}
RESTRICTED = ", ".join(
    f"{table} AS NOT MATERIALIZED (SELECT * FROM public.{table} WHERE {rows})" for table, rows in ROWS.items()
)
"""Subqueries with the names of the tables, so that the invariants are those of some orders and coupons alone."""

FEW = 200
"""Up to so many orders the restricted queries are the faster ones."""

_checked: dict[str, int] = {}
"""The first transaction of each database that its last successful check may not have seen."""


def check_invariants(world: World) -> None:
    """Fail with the names of the invariants that do not hold, and some of the rows that break them.

    Only orders and coupons that were written since the last successful check are examined: all of them after each test
    would take longer with each test.
    """
    url = world.stack.postgres.url
    queries = [
        f"SELECT {n} AS n, to_jsonb(broken) AS row FROM ({query}) broken" for n, query in enumerate(BROKEN.values())
    ]
    with psycopg.connect(url, autocommit=True, row_factory=dict_row) as connection:
        now = connection.execute("SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS first").fetchone()
        touched = connection.execute(TOUCHED, {"since": _checked.get(url, 0)}).fetchone()
        assert now and touched
        found = []
        if touched["orders"] or touched["coupons"]:
            restricted = f"WITH {RESTRICTED} " if len(touched["orders"]) <= FEW else ""
            found = connection.execute((restricted + " UNION ALL ".join(queries)).encode(), touched).fetchall()
    names = list(BROKEN)
    broken = [(names[row["n"]], row["row"]) for row in found]
    assert not broken, "\n".join(f"{what}: {row}" for what, row in broken[:10])
    _checked[url] = now["first"]


def check_at_rest(world: World, *order_ids: str, seconds: float = PATIENCE_SECONDS) -> None:
    """Wait until no effect is pending for these orders, and compare the ledgers of Product and Payment with them (P3, P4).

    The sandbox's Payment must have published every event that its commands call for.
    """
    found: list[str] = []

    def agree() -> bool:
        found[:] = differences(world, order_ids)
        return not found

    with suppress(AssertionError):  # the differences themselves say more
        eventually(agree, "the ledgers to agree", seconds)
    assert not found, "\n".join(found[:10])


def differences(world: World, order_ids: Collection[str]) -> list[str]:
    """Return the differences between the ledgers of Product and Payment and these orders, and the effects that are still due."""
    found = []
    for order in world.sql(ORDERS, list(order_ids)):
        actual: dict[str, Any] = {"effects": order["effects_to_come"], "refunds": order["refunds_to_come"]}
        wanted: dict[str, Any] = {"effects": 0, "refunds": 0}
        stock, payment = (world.sandbox.ledger(name, order["id"]) for name in ("product", "payment"))
        actual["held"] = stock["lines"] if stock["state"] == "HELD" else {}
        sold = Counter(stock["lines"]) - Counter(stock["restocked"]) if stock["state"] == "COMMITTED" else {}
        actual["sold"] = dict(sold)
        wanted["held"], wanted["sold"] = (order["units"], {}) if order["status"] == "pending" else ({}, order["units"])
        if order["status"] != "pending":
            actual["money"], wanted["money"] = payment["captured_minor"] - payment["refunded_minor"], order["due"]
        if actual != wanted:
            found.append(f"{order['status']} order {order['id']}: the ledgers have {actual}, the order {wanted}")
    return found
