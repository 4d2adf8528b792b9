"""What must be true of the whole database after any test (promise P6), each a query for what breaks it."""

from tests.world import World

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
    "items do not add up to the subtotal": """
        SELECT o.id FROM orders o WHERE subtotal <> (SELECT sum(total) FROM order_items i WHERE i.order_id = o.id)""",
    "vendor orders do not add up to the order": """
        SELECT o.id FROM orders o WHERE (subtotal, discount, total) IS DISTINCT FROM (
            SELECT (sum(subtotal)::bigint, sum(discount)::bigint, sum(total)::bigint)
            FROM vendor_orders v WHERE v.order_id = o.id)""",
    "items do not add up to their vendor order": """
        SELECT v.id FROM vendor_orders v
        WHERE subtotal <> (SELECT sum(total) FROM order_items i WHERE i.vendor_order_id = v.id)""",
    "an item lies with another vendor than its vendor order": """
        SELECT i.id FROM order_items i JOIN vendor_orders v ON v.id = i.vendor_order_id
        WHERE i.vendor_id <> v.vendor_id OR i.order_id <> v.order_id""",
    "a dead order was paid for and no refund was asked for": """
        SELECT o.id FROM orders o WHERE status IN ('cancelled', 'expired')
        AND (SELECT coalesce(sum(amount), 0) FROM payment_events p WHERE p.order_id = o.id AND type = 'payment.captured')
          > (SELECT coalesce(sum(amount), 0) FROM refunds r WHERE r.order_id = o.id)
          + (SELECT coalesce(sum(amount), 0) FROM payment_events p WHERE p.order_id = o.id AND type = 'payment.refunded')""",
}


APOSTROPHE = "'"


def check_invariants(world: World) -> None:
    """Fail with the names of the invariants that don't hold, and the rows that break them. One statement asks for all."""
    parts = (
        f"SELECT '{what.replace(APOSTROPHE, APOSTROPHE * 2)}' AS broken, id::text FROM ({query}) AS rows (id)"
        for what, query in BROKEN.items()
    )
    rows = world.sql(" UNION ALL ".join(parts))
    assert not rows, rows[:5]
