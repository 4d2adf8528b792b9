-- The generation of past orders: set-based, and the same for the same plan (`compose/history.py`, which runs the sections).
-- A section begins with its name in brackets. Tables of the schema `history` hold what becomes of each order; the last
-- sections write the service's tables, with the values that the service itself would have written.
--
-- Keys: `n` numbers the orders in time order, `n * 4 + slot` their vendor orders, `n * 20 + position` their items.

-- [schema]
CREATE SCHEMA history;

-- Return a number from 0 (inclusive) to 1 (exclusive), the same for each key below 2^32 and salt.
CREATE FUNCTION history.random(key bigint, salt integer) RETURNS double precision
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN ((hashint8extended(key, salt) >> 11) & 9007199254740991)::double precision / 9007199254740992::double precision;

-- Return a duration with an exponential distribution around this mean.
CREATE FUNCTION history.wait(key bigint, salt integer, hours double precision) RETURNS interval
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN -ln(1 - history.random(key, salt)) * hours * interval '1 hour';

-- Return one of `count` ranks, low ones more often with a higher skew; the places of a key below `slots` differ in theirs.
CREATE FUNCTION history.pick(key bigint, place integer, slots integer, count integer, skew double precision) RETURNS integer
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN slots * floor(count / slots * power(history.random(key * 8 + place, 31), skew))::integer
    + (place + floor(slots * power(history.random(key, 32), skew))::integer) % slots;

-- Return a UUIDv8 that ends with the shard (orders/domain/ids.py).
CREATE FUNCTION history.uuid(key bigint, salt integer, shard integer) RETURNS uuid
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN encode(
    int8send((hashint8extended(key, salt) & ~61440::bigint) | 32768)
    || int8send((hashint8extended(key, -salt) & 4611686018427386880) | (1::bigint << 63) | shard), 'hex')::uuid;

CREATE FUNCTION history.letter(bits bigint, place integer) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN substr('0123456789ABCDEFGHJKMNPQRSTVWXYZ', 1 + ((bits >> (55 - 5 * place)) & 31)::integer, 1);

-- Return the order number of 60 bits, whose first ten are the shard.
CREATE FUNCTION history.number(bits bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE
RETURN history.letter(bits, 0) || history.letter(bits, 1) || history.letter(bits, 2) || history.letter(bits, 3) || '-'
    || history.letter(bits, 4) || history.letter(bits, 5) || history.letter(bits, 6) || history.letter(bits, 7) || '-'
    || history.letter(bits, 8) || history.letter(bits, 9) || history.letter(bits, 10) || history.letter(bits, 11);

CREATE TABLE history.plan (
    orders bigint, customers bigint, began_at timestamptz, ended_at timestamptz, single_use double precision,
    first_order_event bigint, first_payment_event bigint);
CREATE TABLE history.market (
    currency text, decimals integer, vendors integer, share_from double precision, share_until double precision, address jsonb);
CREATE TABLE history.vendor (n integer, vendor_id text, currency text, rank integer, products integer);
CREATE TABLE history.product (
    n integer, vendor integer, rank integer, product_id text, name text, sku text, unit_price bigint);
-- `key` says which orders use a coupon: first, platform:<rank>, vendor:<id>; null for single-use codes, whose n is below 0.
CREATE TABLE history.coupon (
    n bigint, key text, code text, kind text, percent integer, amount bigint, currency text, vendor_id text, funded_by text,
    minimum_spend bigint, first_order_only boolean, stackable boolean, usage_limit integer, name text, id uuid);

-- The entries of an audit trail. Entries of one moment are in the order of their numbers.
CREATE TABLE history.step (step smallint, type text, from_status text, to_status text, role text);
INSERT INTO history.step VALUES
    (1, 'order.placed', NULL, 'pending', 'customer'),
    (2, 'payment.failed', 'unpaid', 'failed', 'payment'),
    (3, 'payment.paid', 'unpaid', 'paid', 'payment'),
    (4, 'payment.paid', 'failed', 'paid', 'payment'),
    (5, 'order.confirmed', 'pending', 'confirmed', 'payment'),
    (6, 'vendor_order.cancelled', 'pending', 'cancelled', 'vendor'),
    (7, 'vendor_order.cancelled', 'processing', 'cancelled', 'vendor'),
    (8, 'vendor_order.processing', 'pending', 'processing', 'vendor'),
    (9, 'vendor_order.shipped', 'processing', 'shipped', 'vendor'),
    (10, 'vendor_order.delivered', 'shipped', 'delivered', 'vendor'),
    (11, 'order.processing', 'confirmed', 'processing', 'vendor'),
    (12, 'order.shipped', 'processing', 'shipped', 'vendor'),
    (13, 'order.delivered', 'shipped', 'delivered', 'vendor'),
    (14, 'order.cancelled', 'pending', 'cancelled', 'vendor'),
    (15, 'order.cancelled', 'confirmed', 'cancelled', 'vendor'),
    (16, 'order.cancelled', 'processing', 'cancelled', 'vendor'),
    (17, 'order.expired', 'pending', 'expired', 'system'),
    (18, 'payment.voided', 'unpaid', 'voided', 'payment'),
    (19, 'payment.voided', 'failed', 'voided', 'payment'),
    (20, 'payment.partially_refunded', 'paid', 'partially_refunded', 'payment'),
    (21, 'payment.refunded', 'paid', 'refunded', 'payment'),
    (22, 'payment.refunded', 'partially_refunded', 'refunded', 'payment');

-- [customers]
CREATE UNLOGGED TABLE history.customer AS
SELECT k AS n, name.id AS customer_id, market.currency, address || jsonb_build_object('name', given || ' ' || family) AS address,
    (get_byte(hash, 0) << 2) | (get_byte(hash, 1) >> 6) AS shard
FROM history.plan, generate_series(1, customers) AS k
CROSS JOIN LATERAL (SELECT 'c-' || lpad(k::text, 7, '0') AS id,
    (ARRAY['Ada', 'Alan', 'Barbara', 'Claude', 'Dennis', 'Edsger', 'Frances', 'Grace', 'Hedy', 'Jean', 'Kathleen', 'Niklaus'])
        [1 + floor(12 * history.random(k, 2))::integer] AS given,
    (ARRAY['Allen', 'Bartik', 'Booth', 'Dijkstra', 'Hopper', 'Knuth', 'Lamarr', 'Liskov', 'Lovelace', 'Ritchie', 'Shannon', 'Turing'])
        [1 + floor(12 * history.random(k, 3))::integer] AS family) AS name
CROSS JOIN LATERAL sha256(convert_to(name.id, 'UTF8')) AS hash
JOIN history.market ON history.random(k, 1) >= share_from AND history.random(k, 1) < share_until;
ANALYZE history.plan, history.market, history.vendor, history.product, history.coupon, history.customer;

-- [checkouts]
-- The hours with the numbers of their first and last order: growth over the time, weekdays, hours of the day (UTC), late November.
CREATE UNLOGGED TABLE history.hour AS
SELECT begins,
    round(orders * (sum(weight) OVER (ORDER BY begins) - weight) / sum(weight) OVER ())::bigint AS before,
    round(orders * sum(weight) OVER (ORDER BY begins) / sum(weight) OVER ())::bigint AS until
FROM history.plan
CROSS JOIN LATERAL generate_series(began_at, ended_at - interval '1 hour', interval '1 hour') AS begins
CROSS JOIN LATERAL (
    SELECT round(((1 + 0.8 * date_part('epoch', begins - began_at) / date_part('epoch', ended_at - began_at))
        * (ARRAY[1.15, 0.95, 0.9, 0.95, 1, 1.1, 1.2])[1 + extract(dow FROM begins)::integer]
        * (ARRAY[3, 2, 1, 1, 1, 2, 4, 7, 9, 10, 11, 12, 12, 11, 10, 10, 11, 12, 14, 16, 16, 13, 9, 5])
            [1 + extract(hour FROM begins)::integer]
        * (1 + 1.8 / (1 + power((date_part('doy', begins) - 331) / 4, 4)))
        * (0.8 + 0.4 * history.random(extract(epoch FROM begins)::bigint / 86400, 1)))::numeric, 6) AS weight) AS of_hour;

-- Each order with what its customer and Payment do. `is_first`: the customer's first order; the others choose one of the
-- customers so far, recent ones more often. The last orders are settled before the end, except for a few pending ones.
CREATE UNLOGGED TABLE history.checkout AS
WITH placed AS (
    SELECT n, begins + (n - before - history.random(n, 1)) / (until - before) * interval '1 hour' AS placed_at,
        (n * customers + orders - 1) / orders AS customers_so_far,
        (n * customers + orders - 1) / orders > ((n - 1) * customers + orders - 1) / orders AS is_first
    FROM history.plan, history.hour, generate_series(before + 1, until) AS n
), bought AS (
    SELECT p.n, placed_at, is_first, c.customer_id, c.shard, c.currency, v.vendor_id AS first_vendor, ended_at, m.vendors,
        least(4, m.vendors, 1 + (history.random(p.n, 3) < 0.65)::integer + (history.random(p.n, 3) < 0.25)::integer
            + (history.random(p.n, 3) < 0.05)::integer) AS parts,
        CASE WHEN p.n > orders - 12 AND p.n % 2 = 0 THEN 'pending'
            WHEN placed_at > ended_at - interval '1 hour' THEN 'paid'
            WHEN history.random(p.n, 4) < 0.025 THEN 'expired'
            WHEN history.random(p.n, 4) < 0.035 THEN 'abandoned'
            WHEN history.random(p.n, 4) < 0.065 THEN 'cancelled' ELSE 'paid' END AS fate,
        CASE WHEN is_first AND history.random(p.n, 5) < 0.35 THEN 'first'
            WHEN history.random(p.n, 5) < 0.08 THEN 'platform:' || floor(platform_coupons * power(history.random(p.n, 6), 2))
            WHEN history.random(p.n, 5) < 0.20 THEN 'vendor:' || v.vendor_id
            WHEN history.random(p.n, 5) < 0.20 + single_use THEN 'single' END AS coupon_key
    FROM history.plan
    CROSS JOIN placed p
    CROSS JOIN (SELECT count(*) AS platform_coupons FROM history.coupon WHERE key LIKE 'platform:%') AS number_of
    JOIN history.customer c ON c.n = CASE WHEN is_first THEN customers_so_far
        ELSE customers_so_far - floor(customers_so_far * power(history.random(p.n, 2), 3))::bigint END
    JOIN history.market m ON m.currency = c.currency
    JOIN history.vendor v ON v.currency = c.currency AND v.rank = history.pick(p.n, 0, least(4, m.vendors), m.vendors, 2.5)
), paid AS (
    SELECT *, placed_at + pause * 0.3 AS failing_at, placed_at + pause AS paying_at
    FROM bought
    CROSS JOIN LATERAL (SELECT least(interval '4 s' + history.wait(n, 7, 0.02), interval '10 min',
        (ended_at - placed_at) / 2) AS pause) AS lasting
), closed AS (
    SELECT *, CASE WHEN fate IN ('paid', 'cancelled') THEN paying_at END AS paid_at,
        CASE WHEN history.random(n, 8) < CASE fate WHEN 'expired' THEN 0.5 WHEN 'pending' THEN 0 ELSE 0.03 END
            THEN failing_at END AS failed_at,
        CASE fate WHEN 'expired' THEN placed_at + interval '15 min' + history.random(n, 9) * interval '10 s'
            WHEN 'abandoned' THEN paying_at + interval '5 s' + history.random(n, 9) * interval '4 min'
            WHEN 'cancelled' THEN paying_at + interval '5 s' + history.random(n, 9) * interval '9 min' END AS closed_at,
        CASE WHEN fate = 'expired' THEN 'system' WHEN fate = 'abandoned' THEN 'customer'
            WHEN fate = 'cancelled' AND history.random(n, 10) < 0.7 THEN 'customer'
            WHEN fate = 'cancelled' AND history.random(n, 10) < 0.9 THEN 'admin'
            WHEN fate = 'cancelled' THEN 'system' END AS closed_by
    FROM paid
)
SELECT closed.n, history.uuid(closed.n, 101, shard) AS id, shard, customer_id, closed.currency, closed.vendors, placed_at, fate, parts,
    parts + floor((4 * parts + 1) * power(history.random(closed.n, 11), 1.5))::integer AS items,
    failed_at, paid_at, closed_at, closed_by,
    closed_at + interval '1 s' + history.wait(closed.n, 12, 0.008) AS settled_at,
    CASE coupon_key WHEN 'single' THEN -closed.n ELSE coupon.n END AS coupon
FROM closed
LEFT JOIN history.coupon ON coupon.key = coupon_key AND (coupon.currency IS NULL OR coupon.currency = closed.currency)
ORDER BY closed.n;

INSERT INTO history.coupon
SELECT coupon, NULL, 'ONCE-' || n, 'percentage', 1000 + 500 * (n % 3), NULL, NULL, NULL, 'platform', NULL, false, false, 1,
    'A single use', history.uuid(n, 102, shard)
FROM history.checkout WHERE coupon < 0;
ALTER TABLE history.checkout ADD PRIMARY KEY (n);
ALTER TABLE history.coupon ADD PRIMARY KEY (n);
ANALYZE history.checkout, history.coupon;

-- The items of the carts, position by position in turns of the vendors.
CREATE VIEW history.line AS
SELECT o.n, position::smallint, (position % parts)::smallint AS slot, v.vendor_id, p.n AS product,
    quantity::smallint, quantity * p.unit_price AS total, o.coupon
FROM history.checkout o
JOIN generate_series(0, 19) AS position ON position < items
CROSS JOIN LATERAL (SELECT 1 + (history.random(o.n * 20 + position, 13) < 0.3)::integer
    + (history.random(o.n * 20 + position, 13) < 0.1)::integer AS quantity) AS bought
JOIN history.vendor v ON v.currency = o.currency
    AND v.rank = history.pick(o.n, position % parts, least(4, o.vendors), o.vendors, 2.5)
JOIN history.product p ON p.vendor = v.n
    AND p.rank = history.pick(o.n * 4 + position % parts, position / parts, 5, v.products, 1.5);

CREATE UNLOGGED TABLE history.item (
    n bigint, position smallint, slot smallint, product integer, quantity smallint, total bigint, discount bigint);

-- [items]
INSERT INTO history.item SELECT n, position, slot, product, quantity, total, 0 FROM history.line WHERE coupon IS NULL;

-- [items with coupons]
-- As orders/coupons/rules.py: the discount of the eligible items, rounded half up, shared by largest remainder.
INSERT INTO history.item
SELECT n, position, slot, product, quantity, total,
    share + (row_number() OVER (PARTITION BY n ORDER BY remainder DESC, position)
        <= amount - sum(share) OVER (PARTITION BY n))::integer
FROM (
    SELECT *, amount * base / greatest(whole, 1) AS share, amount * base % greatest(whole, 1) AS remainder
    FROM (
        SELECT *, CASE WHEN whole < minimum_spend THEN 0 WHEN kind = 'fixed_amount' THEN least(fixed, whole)
            ELSE (2 * whole * percent + 10000) / 20000 END AS amount
        FROM (
            SELECT line.*, kind, percent, coupon.amount AS fixed, coalesce(minimum_spend, 0) AS minimum_spend, base,
                (sum(base) OVER (PARTITION BY line.n))::bigint AS whole
            FROM history.line
            JOIN history.coupon ON coupon.n = line.coupon
            CROSS JOIN LATERAL (SELECT CASE WHEN coupon.vendor_id IS NULL OR coupon.vendor_id = line.vendor_id
                THEN total ELSE 0 END AS base) AS eligible
        ) AS summed
    ) AS discounted
) AS shared;

-- [vendors]
-- Each vendor order with what its vendor does until the end: accept, ship, deliver, or cancel before or after accepting.
CREATE UNLOGGED TABLE history.part AS
SELECT o.n, slot, history.uuid(key, 103, shard) AS id, v.n AS vendor, vendor_id, subtotal, discount,
    CASE WHEN accept_at < ended_at AND NOT (refuses AND is_early) THEN accept_at END AS accepted_at,
    CASE WHEN ship_at < ended_at AND NOT refuses THEN ship_at END AS shipped_at,
    CASE WHEN deliver_at < ended_at AND NOT refuses THEN deliver_at END AS delivered_at,
    coalesce(closed_at, cancelled.at) AS cancelled_at,
    cancelled.at + least(interval '3 s' + history.wait(key, 20, 0.2), (ended_at - cancelled.at) / 2) AS refunded_at
FROM history.plan
CROSS JOIN (
    SELECT n, slot, n * 4 + slot AS key, min(product) AS product, sum(total)::bigint AS subtotal, sum(discount)::bigint AS discount
    FROM history.item GROUP BY n, slot) AS priced
JOIN history.checkout o USING (n)
JOIN history.product p ON p.n = priced.product
JOIN history.vendor v ON v.n = p.vendor
CROSS JOIN LATERAL (SELECT 0.4 + 1.2 * history.random(v.n, 21) AS slowness,
    CASE WHEN closed_at IS NULL THEN paid_at END AS begins, history.random(key, 22) < 0.04 AS refuses,
    history.random(key, 23) < 0.5 AS is_early) AS nature
CROSS JOIN LATERAL (SELECT begins + interval '12 min' + history.wait(key, 24, 5 * slowness) AS accept_at) AS first
CROSS JOIN LATERAL (SELECT accept_at + interval '30 min' + history.wait(key, 25, 16 * slowness) AS ship_at) AS second
CROSS JOIN LATERAL (SELECT ship_at + interval '12 h' + history.wait(key, 26, 40) AS deliver_at) AS third
CROSS JOIN LATERAL (SELECT CASE WHEN is_early THEN accept_at ELSE accept_at + (ship_at - accept_at) / 2 END AS cancel_at) AS fourth
CROSS JOIN LATERAL (SELECT CASE WHEN refuses AND cancel_at < ended_at THEN cancel_at END AS at) AS cancelled;
ALTER TABLE history.part ADD PRIMARY KEY (n, slot);
ANALYZE history.part, history.item;

-- [outcomes]
-- Each order with what follows from its vendor orders (orders/domain/lifecycle.py, `roll_up`).
CREATE UNLOGGED TABLE history.outcome AS
SELECT checkout.*, subtotal, summed.discount, processing_at, shipped_at, delivered_at, given_up_at, partially_refunded_at, refunded_at,
    CASE WHEN summed.discount > 0 THEN coupon END AS applied_coupon,
    'pay-' || lpad(to_hex(hashint8extended(n, 104)), 16, '0') AS payment_id,
    CASE WHEN fate = 'expired' THEN 'expired' WHEN closed_at IS NOT NULL OR given_up_at IS NOT NULL THEN 'cancelled'
        WHEN delivered_at IS NOT NULL THEN 'delivered' WHEN shipped_at IS NOT NULL THEN 'shipped'
        WHEN processing_at IS NOT NULL THEN 'processing' WHEN paid_at IS NOT NULL THEN 'confirmed' ELSE 'pending' END AS status,
    CASE WHEN paid_at IS NULL THEN CASE WHEN closed_at IS NOT NULL THEN 'voided' WHEN failed_at IS NOT NULL THEN 'failed'
            ELSE 'unpaid' END
        WHEN closed_at IS NOT NULL OR refunded_at IS NOT NULL THEN 'refunded'
        WHEN partially_refunded_at IS NOT NULL THEN 'partially_refunded' ELSE 'paid' END AS payment_status,
    greatest(placed_at, failed_at, paid_at, settled_at, last_step_at, partially_refunded_at, refunded_at) AS updated_at,
    num_nonnulls(placed_at, failed_at, paid_at, settled_at, partially_refunded_at, refunded_at)
        + CASE WHEN closed_at IS NULL THEN steps ELSE 1 END AS version,
    num_nonnulls(placed_at, failed_at, paid_at, paid_at, closed_at, settled_at, processing_at, shipped_at, delivered_at, given_up_at,
        partially_refunded_at, refunded_at) + steps AS event_count
FROM history.checkout
JOIN (
    SELECT n, subtotal, discount, steps, last_step_at, processing_at, given_up_at,
        CASE WHEN is_shipped AND last_shipped_at IS NOT NULL THEN last_shipped_at END AS shipped_at,
        CASE WHEN is_delivered AND any_delivered_at IS NOT NULL THEN last_delivered_at END AS delivered_at,
        CASE WHEN given_up_at IS NULL OR first_refund_at < last_refund_at THEN first_refund_at END AS partially_refunded_at,
        CASE WHEN given_up_at IS NOT NULL THEN last_refund_at END AS refunded_at
    FROM (
        SELECT n, sum(subtotal)::bigint AS subtotal, sum(discount)::bigint AS discount,
            sum(num_nonnulls(accepted_at, shipped_at, delivered_at, cancelled_at)) AS steps,
            max(greatest(accepted_at, shipped_at, delivered_at, cancelled_at)) AS last_step_at,
            min(accepted_at) AS processing_at,
            bool_and(num_nonnulls(shipped_at, cancelled_at) > 0) AS is_shipped,
            CASE WHEN max(shipped_at) IS NOT NULL THEN max(coalesce(shipped_at, cancelled_at)) END AS last_shipped_at,
            bool_and(num_nonnulls(delivered_at, cancelled_at) > 0) AS is_delivered,
            max(delivered_at) AS any_delivered_at, max(coalesce(delivered_at, cancelled_at)) AS last_delivered_at,
            CASE WHEN bool_and(cancelled_at IS NOT NULL) AND max(refunded_at) IS NOT NULL THEN max(cancelled_at) END AS given_up_at,
            min(refunded_at) AS first_refund_at, max(refunded_at) AS last_refund_at
        FROM history.part GROUP BY n
    ) AS summed
) AS summed USING (n);
ALTER TABLE history.outcome ADD PRIMARY KEY (n);
ANALYZE history.outcome;

-- [entries]
-- The trails: `slot` is the vendor order whose step it is, or from whose step the order's step follows.
CREATE UNLOGGED TABLE history.entry AS
SELECT n, step, slot, at, (row_number() OVER (PARTITION BY n ORDER BY at, step, vendor))::smallint AS sequence
FROM (
    SELECT n, step::smallint, NULL::smallint AS slot, NULL::integer AS vendor, at
    FROM history.outcome
    CROSS JOIN LATERAL (VALUES
        (1, placed_at),
        (2, failed_at),
        (CASE WHEN failed_at IS NULL THEN 3 ELSE 4 END, paid_at),
        (5, paid_at),
        (CASE WHEN fate = 'expired' THEN 17 WHEN paid_at IS NULL THEN 14 ELSE 15 END, closed_at),
        (CASE WHEN paid_at IS NOT NULL THEN 21 WHEN failed_at IS NULL THEN 18 ELSE 19 END, settled_at),
        (20, partially_refunded_at),
        (CASE WHEN partially_refunded_at IS NULL THEN 21 ELSE 22 END, refunded_at)) AS steps (step, at)
    WHERE at IS NOT NULL
    UNION ALL
    SELECT n, step::smallint, slot, vendor, at
    FROM history.part p
    JOIN history.outcome o USING (n)
    CROSS JOIN LATERAL (VALUES
        (8, p.accepted_at),
        (9, p.shipped_at),
        (10, p.delivered_at),
        (CASE WHEN p.accepted_at IS NULL THEN 6 ELSE 7 END, p.cancelled_at),
        (11, CASE WHEN o.processing_at = p.accepted_at THEN o.processing_at END),
        (12, CASE WHEN o.shipped_at = coalesce(p.shipped_at, p.cancelled_at) THEN o.shipped_at END),
        (13, CASE WHEN o.delivered_at = coalesce(p.delivered_at, p.cancelled_at) THEN o.delivered_at END),
        (CASE WHEN o.processing_at IS NULL THEN 15 ELSE 16 END,
            CASE WHEN o.given_up_at = p.cancelled_at THEN o.given_up_at END)) AS steps (step, at)
    WHERE at IS NOT NULL
) AS taken;

-- [messages]
-- What Payment told the service. `salt`: of the ids of the event and of the refund.
CREATE UNLOGGED TABLE history.message AS
SELECT n, history.uuid(n, salt, shard) AS event_id, type, payment_id, subtotal - discount AS amount,
    CASE WHEN type = 'payment.refunded' THEN history.uuid(n, 108, shard) END AS refund_id, reason, at
FROM history.outcome
CROSS JOIN LATERAL (VALUES
    (105, 'payment.failed', 'declined', failed_at),
    (106, 'payment.captured', NULL, paid_at),
    (107, CASE WHEN paid_at IS NULL THEN 'payment.voided' ELSE 'payment.refunded' END, NULL, settled_at)) AS told (salt, type, reason, at)
WHERE at IS NOT NULL
UNION ALL
SELECT p.n, history.uuid(p.n * 4 + slot, salt, shard), type, payment_id, p.subtotal - p.discount,
    history.uuid(p.n * 4 + slot, 109, shard), reason, at
FROM history.part p
JOIN history.outcome o USING (n)
CROSS JOIN LATERAL (VALUES
    (110, 'payment.refunded', NULL, p.refunded_at),
    (111, 'payment.refund_failed', 'the card is blocked',
        CASE WHEN history.random(p.n * 4 + slot, 27) < 0.03 THEN p.cancelled_at + (p.refunded_at - p.cancelled_at) / 3 END)
) AS told (salt, type, reason, at)
WHERE p.refunded_at IS NOT NULL AND at IS NOT NULL;

-- [sequences]
-- As an insert does, lock the tables before getting their ids: analytics waits for such locks before it takes ids for settled.
LOCK TABLE order_events, payment_events IN ROW EXCLUSIVE MODE;
UPDATE history.plan SET
    first_order_event = nextval(pg_get_serial_sequence('order_events', 'id')),
    first_payment_event = nextval(pg_get_serial_sequence('payment_events', 'id'));
SELECT setval(pg_get_serial_sequence('order_events', 'id'), first_order_event + (SELECT count(*) FROM history.entry)),
    setval(pg_get_serial_sequence('payment_events', 'id'), first_payment_event + (SELECT count(*) FROM history.message))
FROM history.plan;

-- [coupons]
-- A code that exists keeps its coupon.
UPDATE history.coupon SET id = coalesce(
    (SELECT id FROM coupons WHERE coupons.code = coupon.code AND deleted_at IS NULL), coupon.id, gen_random_uuid());
INSERT INTO coupons (id, code, kind, percent, amount, currency, vendor_id, funded_by, minimum_spend, first_order_only, stackable,
    usage_limit, starts_at, is_active, name, version, created_at, updated_at)
SELECT id, code, kind, percent, amount, currency, vendor_id, funded_by, minimum_spend, first_order_only, stackable, usage_limit,
    began_at, true, name, 1, began_at, began_at
FROM history.coupon, history.plan WHERE NOT EXISTS (SELECT FROM coupons WHERE coupons.id = coupon.id);
INSERT INTO coupon_usage (coupon_id) SELECT id FROM history.coupon ON CONFLICT DO NOTHING;
INSERT INTO coupon_events (coupon_id, sequence, type, actor_role, actor_id, request_id, changes, at)
SELECT id, 1, 'coupon.created', 'admin', 'olga', id::text, '{}', began_at FROM history.coupon, history.plan
ON CONFLICT DO NOTHING;

-- [orders]
INSERT INTO orders (id, number, customer_id, status, payment_status, currency, subtotal, discount, total, coupon_code, coupons, note,
    shipping_address, cart_version, request_hash, stock_revision, version, event_count, created_at, updated_at, expires_at,
    payment_check_at, payment_checks)
SELECT o.id, history.number((o.shard::bigint << 50) | (hashint8extended(o.n, 112) & 1125899906842623)), customer_id, status,
    payment_status, o.currency, subtotal, discount, subtotal - discount, code,
    CASE WHEN code IS NULL THEN '[]' ELSE jsonb_build_array(jsonb_build_object('coupon_id', c.id, 'code', code, 'kind', kind,
        'funded_by', funded_by, 'vendor_id', vendor_id, 'discount', discount)) END,
    CASE WHEN history.random(o.n, 28) < 0.05 THEN 'Please leave it with the neighbours.' ELSE '' END,
    address, o.n, sha256(uuid_send(o.id)), o.n, version, event_count, placed_at, updated_at, expires_at,
    CASE WHEN status = 'pending' THEN expires_at ELSE placed_at + interval '30 s' END, 0
FROM history.plan
CROSS JOIN history.outcome o
JOIN history.customer USING (customer_id)
LEFT JOIN history.coupon c ON c.n = o.applied_coupon
-- The pending orders expire within a day, one by one, and Payment, which does not know them, is not asked about them.
CROSS JOIN LATERAL (SELECT CASE WHEN status = 'pending' THEN ended_at + (1 + 23 * history.random(o.n, 29)) * interval '1 hour'
    ELSE placed_at + interval '15 min' END AS expires_at) AS limited
ORDER BY o.n;

-- [vendor_orders]
INSERT INTO vendor_orders (id, order_id, vendor_id, status, currency, subtotal, discount, total, carrier, tracking_number, tracking_url,
    shipped_at, delivered_at, version, created_at, updated_at)
SELECT p.id, o.id, vendor_id, CASE WHEN p.cancelled_at IS NOT NULL THEN 'cancelled' WHEN p.delivered_at IS NOT NULL THEN 'delivered'
        WHEN p.shipped_at IS NOT NULL THEN 'shipped' WHEN p.accepted_at IS NOT NULL THEN 'processing' ELSE 'pending' END,
    currency, p.subtotal, p.discount, p.subtotal - p.discount,
    CASE WHEN p.shipped_at IS NOT NULL THEN (ARRAY['DHL', 'DPD', 'UPS'])[1 + vendor % 3] END,
    CASE WHEN p.shipped_at IS NOT NULL THEN 'TRACK-' || lpad((o.n * 4 + slot)::text, 9, '0') END,
    CASE WHEN p.shipped_at IS NOT NULL THEN 'https://tracking.example/TRACK-' || lpad((o.n * 4 + slot)::text, 9, '0') END,
    p.shipped_at, p.delivered_at,
    1 + num_nonnulls(paid_at, p.accepted_at, p.shipped_at, p.delivered_at, p.cancelled_at), placed_at,
    greatest(placed_at, paid_at, p.accepted_at, p.shipped_at, p.delivered_at, p.cancelled_at)
FROM history.part p JOIN history.outcome o USING (n) ORDER BY p.n, slot;

-- [order_items]
INSERT INTO order_items (id, order_id, vendor_order_id, position, product_id, vendor_id, name, sku, quantity, unit_price, total, discount)
SELECT history.uuid(i.n * 20 + position, 113, shard), o.id, p.id, position, product_id, vendor_id, name, sku, quantity, unit_price, total,
    i.discount
FROM history.item i
JOIN history.checkout o USING (n)
JOIN history.part p USING (n, slot)
JOIN history.product ON product.n = i.product
ORDER BY i.n, position;

-- [coupon_redemptions]
INSERT INTO coupon_redemptions (id, coupon_id, order_id, vendor_order_id, customer_id, discount, currency, status, reserved_at,
    redeemed_at, released_at)
SELECT history.uuid(o.n, 114, shard), c.id, o.id, p.id, customer_id, o.discount, o.currency,
    CASE status WHEN 'pending' THEN 'reserved' WHEN 'cancelled' THEN 'released' WHEN 'expired' THEN 'released' ELSE 'redeemed' END,
    placed_at, paid_at, coalesce(closed_at, given_up_at)
FROM history.outcome o
JOIN history.coupon c ON c.n = o.applied_coupon
LEFT JOIN history.part p ON p.n = o.n AND p.vendor_id = c.vendor_id
ORDER BY o.n;
UPDATE coupon_usage SET times_used = times_used + uses, amount_used = amount_used + amount
FROM (
    SELECT c.id, count(*) AS uses, CASE WHEN c.currency IS NULL THEN 0 ELSE sum(discount) END AS amount
    FROM history.outcome JOIN history.coupon c ON c.n = applied_coupon
    WHERE status NOT IN ('cancelled', 'expired') GROUP BY c.id, c.currency) AS used
WHERE coupon_id = used.id;

-- [payment_events]
INSERT INTO payment_events (id, event_id, order_id, claimed_order_id, type, payment_id, amount, currency, refund_id, message, occurred_at,
    received_at)
SELECT first_payment_event + row_number() OVER (ORDER BY at, m.n), event_id, o.id, o.id, type, m.payment_id, amount, currency, refund_id,
    jsonb_build_object('event_id', event_id, 'type', type, 'occurred_at', to_char(occurred_at, 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
        'order_id', o.id, 'payment_id', m.payment_id, 'amount_minor', amount, 'currency', currency, 'refund_id', refund_id,
        'reason', reason, 'signature', encode(sha256(uuid_send(event_id)), 'hex')),
    occurred_at, at
FROM history.plan
CROSS JOIN history.message m
JOIN history.outcome o USING (n)
CROSS JOIN LATERAL (SELECT date_trunc('milliseconds', at - interval '5 ms' - history.random(o.n, 30) * interval '1 s') AS occurred_at) AS told
ORDER BY at, m.n;

-- [refunds]
INSERT INTO refunds (id, order_id, amount, status, attempts, asked, ask_again_at, created_at)
SELECT refund_id, o.id, amount, 'refunded', 1 + EXISTS (
        SELECT FROM history.message f WHERE f.n = m.n AND f.refund_id = m.refund_id AND f.type = 'payment.refund_failed')::integer,
    1, requested_at + interval '30 s', requested_at
FROM history.message m
JOIN history.outcome o USING (n)
CROSS JOIN LATERAL (SELECT coalesce(closed_at, (
    SELECT cancelled_at FROM history.part p WHERE p.n = m.n AND p.refunded_at = m.at)) AS requested_at) AS requested
WHERE type = 'payment.refunded' ORDER BY m.n;

-- [order_events]
INSERT INTO order_events (id, order_id, vendor_order_id, sequence, type, from_status, to_status, actor_role, actor_id, request_id, data, at)
SELECT first_order_event + row_number() OVER (ORDER BY at, e.n, sequence), o.id, CASE WHEN type LIKE 'vendor_order.%' THEN p.id END,
    sequence, type, from_status, to_status, actor_role,
    CASE actor_role WHEN 'customer' THEN customer_id WHEN 'vendor' THEN 'u-' || p.vendor_id WHEN 'admin' THEN 'olga'
        WHEN 'payment' THEN payment_id END,
    o.id::text,  -- as long as any request id
    CASE WHEN step = 1 AND applied_coupon IS NOT NULL THEN jsonb_build_object('coupons', jsonb_build_array(jsonb_build_object(
            'code', code, 'discount', round(o.discount / power(10::numeric, decimals), decimals)::text)))
        WHEN is_closing AND step <> 17 THEN jsonb_build_object('reason', CASE WHEN fate = 'expired' THEN 'expired'
            WHEN actor_role = 'customer' THEN 'changed my mind' WHEN actor_role = 'admin' THEN 'suspected fraud'
            ELSE 'out_of_stock' END)
        ELSE '{}' END,
    at
FROM history.plan
CROSS JOIN history.entry e
JOIN history.step USING (step)
JOIN history.outcome o USING (n)
JOIN history.market USING (currency)
LEFT JOIN history.part p ON p.n = e.n AND p.slot = e.slot
LEFT JOIN history.coupon c ON c.n = o.applied_coupon
CROSS JOIN LATERAL (SELECT closed_at IS NOT NULL AND to_status IN ('cancelled', 'expired') AS is_closing) AS closing
CROSS JOIN LATERAL (SELECT CASE WHEN is_closing THEN closed_by ELSE role END AS actor_role) AS acting
ORDER BY at, e.n, sequence;

-- [end]
DROP SCHEMA history CASCADE;
