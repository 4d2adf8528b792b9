"""The progress until now of the orders, or of a vendor's vendor orders, that were placed in a range."""

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from orders.analytics import bookings
from orders.analytics.reports.parts import parts_of
from orders.analytics.reports.snapshot import ENTRIES, snapshot
from orders.analytics.time_ranges import TimeRange

# A vendor's units are kept by day; those of the range's edges are counted from the facts. Of the entries that are not kept yet, the
# vendor's alone are booked.
_OF_VENDOR = f"""
    entries AS (
        SELECT e.* FROM order_events e WHERE e.id > %(last_event_id)s::bigint AND EXISTS (
            SELECT FROM vendor_orders v WHERE v.order_id = e.order_id AND v.vendor_id = %(vendor_id)s)),
    units AS (
        SELECT id, order_id, created_at FROM vendor_orders
        WHERE vendor_id = %(vendor_id)s AND created_at >= %(start)s AND created_at < %(first)s
        UNION ALL
        SELECT id, order_id, created_at FROM vendor_orders
        WHERE vendor_id = %(vendor_id)s AND created_at >= %(last)s AND created_at < %(end)s),
    of_orders AS (
        SELECT u.id, u.created_at, e.type, e.at FROM units u JOIN order_events e ON e.order_id = u.order_id
        WHERE e.type IN ('order.confirmed', 'order.expired')),
    of_units AS (
        SELECT e.vendor_order_id AS id, e.type, e.at, e.actor_role FROM units u
        JOIN order_events e ON e.vendor_order_id = u.id
        WHERE e.type IN ('vendor_order.processing', 'vendor_order.shipped', 'vendor_order.delivered',
            'vendor_order.cancelled')),
    steps AS (
        SELECT 'placed' AS step, NULL::bigint AS seconds FROM units
        UNION ALL
        SELECT 'expired', NULL FROM of_orders WHERE type = 'order.expired'
        UNION ALL
        SELECT {bookings.CANCELLED_BY}, NULL FROM of_units e WHERE type = 'vendor_order.cancelled'
            AND NOT EXISTS (SELECT FROM of_orders o WHERE o.id = e.id AND o.type = 'order.expired')
        UNION ALL
        SELECT 'confirmed', {bookings.SECONDS_SINCE.format("created_at")} FROM of_orders e WHERE type = 'order.confirmed'
        UNION ALL
        SELECT split_part(e.type, '.', 2), {bookings.SECONDS_SINCE.format("p.at")}
        FROM of_units e JOIN (SELECT id, type, at FROM of_orders UNION ALL SELECT id, type, at FROM of_units) AS p
            ON p.id = e.id AND p.type = CASE e.type WHEN 'vendor_order.processing' THEN 'order.confirmed'
                WHEN 'vendor_order.shipped' THEN 'vendor_order.processing'
                WHEN 'vendor_order.delivered' THEN 'vendor_order.shipped' END),
    facts AS (
        SELECT step, bucket, units, seconds FROM analytics_vendor_funnel
        WHERE generation = %(generation)s AND vendor_id = %(vendor_id)s AND day >= %(first)s AND day < %(last)s
        UNION ALL
        SELECT step, bucket, units, seconds FROM ({bookings.VENDOR_FUNNEL}) AS booked
        WHERE vendor_id = %(vendor_id)s AND day >= %(first)s AND day < %(last)s
        UNION ALL
        SELECT step, CASE WHEN seconds IS NULL THEN 0 ELSE {bookings.BUCKET.format("seconds")} END AS bucket, 1 AS units,
            coalesce(seconds, 0) AS seconds FROM steps)"""

_OF_ALL = f"""
    {ENTRIES}, facts AS (
        SELECT quarter, step, bucket, units, seconds FROM analytics_funnel
        WHERE generation = %(generation)s AND quarter >= %(start)s AND quarter < %(end)s
        UNION ALL
        SELECT * FROM ({bookings.FUNNEL}) AS booked WHERE quarter >= %(start)s AND quarter < %(end)s)"""

_STEPS = "SELECT step, bucket, sum(units)::bigint AS units, sum(seconds)::bigint AS seconds FROM facts GROUP BY 1, 2"


@dataclass(slots=True)
class Step:
    """The units that took a step. `buckets` are their numbers by the time since the step before, `seconds` the sum of it."""

    units: int = 0
    seconds: int = 0
    buckets: Counter[int] = field(default_factory=Counter)


def funnel(*, vendor_id: str | None, range_: TimeRange) -> Mapping[str, Step]:
    """Return the steps that were taken so far; `cancelled_by_` and a role for a cancellation. An absent step was not taken."""
    statement = f"WITH {_OF_ALL if vendor_id is None else _OF_VENDOR} {_STEPS}"
    parts = parts_of(range_.start, range_.end)
    times = {"start": range_.start, "first": parts.first, "last": parts.last, "end": range_.end}
    with snapshot() as now:
        found = now.rows(statement, vendor_id=vendor_id, **times)
    steps: defaultdict[str, Step] = defaultdict(Step)
    for each in found:
        step = steps[each["step"]]
        step.units += each["units"]
        step.seconds += each["seconds"]
        step.buckets[each["bucket"]] += each["units"]
    return steps
