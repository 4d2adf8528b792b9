"""The booking of facts: for each kept sum the query that books entries of the audit trail or of the ledger.

A query reads FACTS, which are those of `entries`, or it reads `payments`: a report or the summing up defines which part of
`order_events` or `payment_events` these are. It returns the columns of its table without `generation`. So what is kept and
what a report counts itself come from one text. An amount is booked with the time of its entry (`at`), and a later step books
another amount.
"""

from orders.analytics.figures import BOUNDS

MAX_ORDER_COUNT = 10

SOLD = "e.type = 'order.confirmed'"
CANCELLED = """e.type = 'vendor_order.cancelled' AND EXISTS (
    SELECT FROM order_events c WHERE c.order_id = e.order_id AND c.type = 'order.confirmed' AND c.sequence < e.sequence)"""
BOOKED_TYPES = ("order.confirmed", "vendor_order.cancelled")

_QUARTER = "date_bin('15 minutes', {}, '2000-01-01T00:00:00Z')"
_AT = _QUARTER.format("e.at")
_MONTH = "date_trunc('month', {} AT TIME ZONE 'UTC')::date"
_COUPONS = (
    "jsonb_to_recordset({}.coupons) AS c (coupon_id uuid, code text, funded_by text, vendor_id text, discount bigint)"
)

FACTS = f"""
    sold AS (
        SELECT e.id AS event_id, e.at, {_AT} AS quarter, o.id AS order_id, o.customer_id, o.currency, o.subtotal, o.discount,
            o.coupons
        FROM entries e JOIN orders o ON o.id = e.order_id WHERE {SOLD}),
    sold_parts AS (
        SELECT s.quarter, s.currency, s.coupons, v.vendor_id, v.subtotal, v.discount
        FROM sold s JOIN vendor_orders v ON v.order_id = s.order_id),
    sold_items AS (
        SELECT s.event_id, s.at, s.quarter, s.currency, i.vendor_id, i.product_id, i.quantity, i.total, i.discount
        FROM sold s JOIN order_items i ON i.order_id = s.order_id),
    cancelled_parts AS (
        SELECT e.id AS event_id, e.at, {_AT} AS quarter, v.id, v.vendor_id, v.currency, v.total
        FROM entries e JOIN vendor_orders v ON v.id = e.vendor_order_id WHERE {CANCELLED})"""
"""The facts of the entries, read once for all queries of a statement: the orders that were sold with their parts and items, and the
vendor orders that were cancelled after that."""

SALES = f"""
    SELECT currency, quarter, 1 AS orders, 0 AS items, subtotal AS gross, discount,
        CASE WHEN discount = 0 THEN 0
            ELSE (SELECT coalesce(sum(c.discount), 0) FROM {_COUPONS.format("sold")} WHERE c.funded_by = 'platform')
            END AS platform_discount,
        0 AS cancelled
    FROM sold
    UNION ALL
    SELECT currency, quarter, 0, quantity, 0, 0, 0, 0 FROM sold_items
    UNION ALL
    SELECT currency, quarter, 0, 0, 0, 0, 0, total FROM cancelled_parts"""

VENDOR_SALES = f"""
    SELECT vendor_id, currency, quarter, 1 AS orders, 0 AS items, subtotal AS gross, discount,
        CASE WHEN discount = 0 THEN 0
            ELSE discount - (SELECT coalesce(sum(c.discount), 0) FROM {_COUPONS.format("sold_parts")}
                WHERE c.funded_by = 'vendor' AND c.vendor_id = sold_parts.vendor_id)
            END AS platform_discount,
        0 AS cancelled
    FROM sold_parts
    UNION ALL
    SELECT vendor_id, currency, quarter, 0, quantity, 0, 0, 0, 0 FROM sold_items
    UNION ALL
    SELECT vendor_id, currency, quarter, 0, 0, 0, 0, 0, total FROM cancelled_parts"""

LATEST_SALE = "ARRAY[(extract(epoch FROM at) * 1000000)::bigint, event_id]"

PRODUCTS = f"""
    SELECT event_id, at, vendor_id, product_id, currency, 1 AS orders, quantity, total AS gross, discount,
        0 AS cancelled_quantity, 0 AS cancelled, {LATEST_SALE} AS latest_sale
    FROM sold_items
    UNION ALL
    SELECT p.event_id, p.at, i.vendor_id, i.product_id, p.currency, 0, 0, 0, 0, i.quantity, i.total - i.discount, NULL
    FROM cancelled_parts p JOIN order_items i ON i.vendor_order_id = p.id"""

COUPONS = f"""
    SELECT s.event_id, s.at, c.coupon_id, s.currency, c.code, c.funded_by, c.vendor_id, 1 AS redemptions, c.discount,
        s.subtotal AS gross, s.subtotal - s.discount AS net,
        coalesce(v.subtotal, 0) AS vendor_gross, coalesce(v.subtotal - v.discount, 0) AS vendor_net
    FROM sold s CROSS JOIN {_COUPONS.format("s")}
    LEFT JOIN LATERAL (
        SELECT * FROM vendor_orders p
        WHERE p.order_id = s.order_id AND p.vendor_id = c.vendor_id AND c.funded_by = 'vendor' LIMIT 1) AS v ON TRUE
    WHERE s.discount > 0"""

# A refund counts unless a failure of the same refund, known before, happened later; a failure takes off what had counted.
PAYMENTS = f"""
    SELECT o.currency, {_QUARTER.format("p.received_at")} AS quarter, 1 AS captures, p.amount AS captured, 0 AS refunds,
        0 AS refunded
    FROM payments p JOIN orders o ON o.id = p.order_id WHERE p.type = 'payment.captured'
    UNION ALL
    SELECT o.currency, {_QUARTER.format("p.received_at")}, 0, 0, 1, p.amount
    FROM payments p JOIN orders o ON o.id = p.order_id
    WHERE p.type = 'payment.refunded' AND NOT EXISTS (
        SELECT FROM payment_events f
        WHERE f.order_id = p.order_id AND f.type = 'payment.refund_failed' AND f.refund_id = p.refund_id
            AND f.id < p.id AND f.occurred_at > p.occurred_at)
    UNION ALL
    SELECT o.currency, {_QUARTER.format("p.received_at")}, 0, 0, -1, -r.amount
    FROM payments p JOIN orders o ON o.id = p.order_id
    JOIN payment_events r ON r.order_id = p.order_id AND r.type = 'payment.refunded' AND r.refund_id = p.refund_id
        AND r.id < p.id AND r.occurred_at < p.occurred_at
    WHERE p.type = 'payment.refund_failed' AND NOT EXISTS (
        SELECT FROM payment_events f
        WHERE f.order_id = p.order_id AND f.type = 'payment.refund_failed' AND f.refund_id = p.refund_id
            AND f.id < p.id AND f.occurred_at > r.occurred_at)"""

_BOUNDS = f"ARRAY[{', '.join(map(str, BOUNDS))}]"
SECONDS_SINCE = "floor(extract(epoch FROM e.at - {}))::bigint"
"""The whole seconds between a time and an entry."""

BUCKET = f"width_bucket({{}} - 1, {_BOUNDS}::bigint[])"
"""The bucket of a number of seconds."""

CANCELLED_BY = "'cancelled_by_' || CASE e.actor_role WHEN 'payment' THEN 'system' ELSE e.actor_role END"

FUNNEL = f"""
    SELECT {_QUARTER.format("placed_at")} AS quarter, step,
        CASE WHEN seconds IS NULL THEN 0 ELSE {BUCKET.format("seconds")} END AS bucket, 1 AS units,
        coalesce(seconds, 0) AS seconds
    FROM (
        SELECT o.created_at AS placed_at,
            CASE e.type WHEN 'order.cancelled' THEN {CANCELLED_BY} ELSE split_part(e.type, '.', 2) END AS step,
            (SELECT {SECONDS_SINCE.format("p.at")} FROM order_events p
                WHERE p.order_id = e.order_id AND p.sequence < e.sequence AND p.type = CASE e.type
                    WHEN 'order.confirmed' THEN 'order.placed' WHEN 'order.processing' THEN 'order.confirmed'
                    WHEN 'order.shipped' THEN 'order.processing' WHEN 'order.delivered' THEN 'order.shipped' END) AS seconds
        FROM entries e JOIN orders o ON o.id = e.order_id
        WHERE e.type IN ('order.placed', 'order.confirmed', 'order.processing', 'order.shipped', 'order.delivered',
            'order.cancelled', 'order.expired')
        OFFSET 0) AS steps"""

# The vendor orders of an order that expires are cancelled with it, in the same transaction.
VENDOR_FUNNEL = f"""
    SELECT vendor_id, date_trunc('day', placed_at, 'UTC') AS day, step,
        CASE WHEN seconds IS NULL THEN 0 ELSE {BUCKET.format("seconds")} END AS bucket, 1 AS units,
        coalesce(seconds, 0) AS seconds
    FROM (
        SELECT v.vendor_id, v.created_at AS placed_at, split_part(e.type, '.', 2) AS step,
            CASE e.type WHEN 'order.confirmed' THEN {SECONDS_SINCE.format("v.created_at")} END AS seconds
        FROM entries e JOIN vendor_orders v ON v.order_id = e.order_id
        WHERE e.type IN ('order.placed', 'order.confirmed', 'order.expired')
        UNION ALL
        SELECT v.vendor_id, v.created_at, split_part(e.type, '.', 2), {SECONDS_SINCE.format("p.at")}
        FROM entries e JOIN vendor_orders v ON v.id = e.vendor_order_id
        JOIN order_events p ON p.order_id = e.order_id AND p.sequence < e.sequence
            AND CASE e.type WHEN 'vendor_order.processing' THEN p.type = 'order.confirmed'
                WHEN 'vendor_order.shipped' THEN p.type = 'vendor_order.processing' AND p.vendor_order_id = e.vendor_order_id
                ELSE p.type = 'vendor_order.shipped' AND p.vendor_order_id = e.vendor_order_id END
        WHERE e.type IN ('vendor_order.processing', 'vendor_order.shipped', 'vendor_order.delivered')
        UNION ALL
        SELECT v.vendor_id, v.created_at, {CANCELLED_BY}, NULL
        FROM entries e JOIN vendor_orders v ON v.id = e.vendor_order_id
        WHERE e.type = 'vendor_order.cancelled' AND NOT EXISTS (
            SELECT FROM order_events x WHERE x.order_id = e.order_id AND x.type = 'order.expired')
        OFFSET 0) AS steps"""

ENTRY_RANGES = f"""
    SELECT {_AT} AS quarter, e.id AS first_event_id, e.id AS last_event_id
    FROM entries e WHERE e.type IN ('order.confirmed', 'vendor_order.cancelled')"""

# The customers of the entries' sales, as they were kept and as they are with these sales. What follows from a customer, such
# as its cohort, is the difference of the two: a sale that is found later may be the first one, by its time.
CUSTOMERS = f"""
    found AS (
        SELECT customer_id, count(*) AS orders, array_agg(DISTINCT {_MONTH.format("at")}) AS months,
            min(at) AS first_at, (array_agg(order_id ORDER BY at, order_id))[1] AS first_order_id
        FROM sold GROUP BY customer_id),
    before AS (
        SELECT k.customer_id, k.first_at, k.first_order_id, k.orders, k.months
        FROM analytics_customers k JOIN found USING (customer_id) WHERE k.generation = %(generation)s),
    after AS (
        SELECT f.customer_id, f.orders + coalesce(b.orders, 0) AS orders,
            CASE WHEN is_first THEN f.first_at ELSE b.first_at END AS first_at,
            CASE WHEN is_first THEN f.first_order_id ELSE b.first_order_id END AS first_order_id,
            ARRAY(SELECT DISTINCT unnest(f.months || b.months) ORDER BY 1) AS months
        FROM found f LEFT JOIN before b USING (customer_id)
        CROSS JOIN LATERAL (
            SELECT b.customer_id IS NULL OR (f.first_at, f.first_order_id) < (b.first_at, b.first_order_id)) AS x (is_first)),
    changed AS (SELECT 1 AS customers, a.* FROM after a UNION ALL SELECT -1, b.customer_id, b.orders, b.first_at,
        b.first_order_id, b.months FROM before b)"""

NEW_CUSTOMERS = f"""
    SELECT {_QUARTER.format("first_at")} AS quarter, sum(customers) AS customers
    FROM changed GROUP BY 1 HAVING sum(customers) <> 0"""

ORDER_COUNTS = f"""
    SELECT least(orders, {MAX_ORDER_COUNT}) AS orders, sum(customers) AS customers
    FROM changed GROUP BY 1 HAVING sum(customers) <> 0"""

COHORTS = f"""
    SELECT {_MONTH.format("first_at")} AS cohort, month, sum(customers) AS customers
    FROM changed, unnest(months) AS month GROUP BY 1, 2 HAVING sum(customers) <> 0"""
