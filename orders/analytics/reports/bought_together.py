"""Products that are sold in the same orders as a given product; for a vendor, in the same vendor orders."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from orders.analytics import bookings
from orders.analytics.reports.snapshot import snapshot
from orders.analytics.time_ranges import TimeRange


@dataclass(frozen=True, slots=True)
class BoughtTogether:
    """`orders` is the number of sales with the product; `products` the others, with the number of sales with both."""

    orders: int
    products: Sequence[Mapping[str, Any]]


def bought_together(*, vendor_id: str | None, product_id: str, range_: TimeRange, limit: int) -> BoughtTogether:
    """Return the products that most of the range's sales with `product_id` have too, counted from the facts."""
    owned = "TRUE" if vendor_id is None else "i.vendor_id = %(vendor_id)s"
    with snapshot() as now:
        found = now.rows(
            f"""WITH sales AS MATERIALIZED (
                SELECT DISTINCT i.order_id, e.at FROM order_items i JOIN order_events e ON e.order_id = i.order_id
                WHERE i.product_id = %(product_id)s AND {owned} AND {bookings.SOLD}
                    AND e.at >= %(start)s AND e.at < %(end)s),
            others AS (
                SELECT i.product_id, i.vendor_id, count(*) AS orders,
                    (array_agg(i.name ORDER BY s.at DESC, s.order_id DESC))[1] AS name
                FROM sales s JOIN order_items i ON i.order_id = s.order_id
                WHERE i.product_id <> %(product_id)s AND {owned}
                GROUP BY 1, 2 ORDER BY orders DESC, i.product_id COLLATE "C", i.vendor_id COLLATE "C" LIMIT %(limit)s)
            SELECT product_id, vendor_id, orders, name, (SELECT count(*) FROM sales) AS sales
            FROM (SELECT count(*) FROM sales) AS counted LEFT JOIN others ON TRUE
            ORDER BY orders DESC, product_id COLLATE "C", vendor_id COLLATE "C" """,
            vendor_id=vendor_id,
            product_id=product_id,
            start=range_.start,
            end=range_.end,
            limit=limit,
        )
    return BoughtTogether(found[0]["sales"], [each for each in found if each["product_id"] is not None])
