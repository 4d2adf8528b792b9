"""Products that are sold in the same orders as a given product; for a vendor, in the same vendor orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orders.analytics import bookings
from orders.analytics.reports.snapshot import ENTRIES, snapshot
from orders.analytics.time_ranges import TimeRange


@dataclass(frozen=True, slots=True)
class BoughtTogether:
    """`orders` is the number of sales with the product; `products` the others, with the number of sales with both."""

    orders: int
    products: Sequence[Mapping[str, Any]]


def bought_together(*, vendor_id: str | None, product_id: str, range_: TimeRange, limit: int) -> BoughtTogether:
    """Return the products that most of the range's sales with `product_id` have too, counted from the lines of these sales.

    The lines are read from their two indexes alone: a sale of a popular product is on another page of the table each time.
    """
    owned = "TRUE" if vendor_id is None else "i.vendor_id = %(vendor_id)s"
    with snapshot() as now:
        found = now.rows(
            f"""WITH {ENTRIES},
            kept AS MATERIALIZED (
                SELECT DISTINCT ON (i.event_id) i.event_id, i.at FROM analytics_product_lines i
                WHERE i.generation = %(generation)s AND i.product_id = %(product_id)s AND i.orders > 0 AND {owned}
                    AND i.at >= %(start)s AND i.at < %(end)s ORDER BY i.event_id),
            new AS MATERIALIZED (
                SELECT DISTINCT i.event_id, i.at FROM sold_items i
                WHERE i.product_id = %(product_id)s AND {owned} AND i.at >= %(start)s AND i.at < %(end)s),
            others AS (
                SELECT product_id, vendor_id, count(*) AS orders, (max({bookings.LATEST_SALE}))[2] AS latest FROM (
                    SELECT i.product_id, i.vendor_id, i.event_id, s.at
                    FROM kept s JOIN analytics_product_lines i ON i.generation = %(generation)s AND i.event_id = s.event_id
                    WHERE i.product_id <> %(product_id)s AND {owned}
                    UNION ALL
                    SELECT i.product_id, i.vendor_id, event_id, s.at FROM new s JOIN sold_items i USING (event_id)
                    WHERE i.product_id <> %(product_id)s AND {owned}) AS lines
                GROUP BY 1, 2 ORDER BY orders DESC, product_id COLLATE "C", vendor_id COLLATE "C" LIMIT %(limit)s)
            SELECT o.product_id, o.vendor_id, o.orders, i.name, sales
            FROM (SELECT (SELECT count(*) FROM kept) + (SELECT count(*) FROM new) AS sales) AS counted
            LEFT JOIN others o ON TRUE
            LEFT JOIN order_events e ON e.id = o.latest
            LEFT JOIN order_items i ON i.order_id = e.order_id AND i.vendor_id = o.vendor_id AND i.product_id = o.product_id
            ORDER BY o.orders DESC, o.product_id COLLATE "C", o.vendor_id COLLATE "C" """,
            vendor_id=vendor_id,
            product_id=product_id,
            start=range_.start,
            end=range_.end,
            limit=limit,
        )
    return BoughtTogether(found[0]["sales"], [each for each in found if each["product_id"] is not None])
