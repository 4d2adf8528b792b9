"""Reports that rank products or coupons over a range.

The quarters, months, weeks and days of UTC within the range are read from the kept sums, its edges from the kept lines of single
sales and cancellations.
"""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from orders.analytics import bookings
from orders.analytics.models import CouponLine, ProductLine
from orders.analytics.reports.parts import parts_of
from orders.analytics.reports.snapshot import Snapshot, snapshot
from orders.analytics.time_ranges import TimeRange

PRODUCT_ORDERINGS = {
    "revenue": "gross - discount - cancelled",
    "quantity": "quantity",
    "orders": "orders",
}

_PRODUCT = "currency, product_id, vendor_id"
_PRODUCT_SUMS = ("orders", "quantity", "gross", "discount", "cancelled_quantity", "cancelled")
_COUPON_SUMS = ("redemptions", "discount", "gross", "net")

_SPANS = "unnest(%(spans)s::text[], %(starts)s::timestamptz[]) AS s (span, start)"
_OF_SPAN = "k.generation = %(generation)s AND k.span = s.span AND k.start = s.start"

Record = Mapping[str, Any]


def top_products(
    *, vendor_id: str | None, range_: TimeRange, currency: str | None, by: str, limit: int
) -> Sequence[Record]:
    """Return the first products of each currency by `by`, then by product. Amounts in minor units.

    All products are ranked by one sum; the other sums are read for the first ones alone.
    """
    wanted = " AND ".join([_in_currency(currency), "TRUE" if vendor_id is None else "vendor_id = %(vendor_id)s"])
    names, sums = ", ".join(_PRODUCT_SUMS), ", ".join(f"sum({name}) AS {name}" for name in _PRODUCT_SUMS)
    both = ", ".join(f"(coalesce(k.{name}, 0) + coalesce(c.{name}, 0))::bigint AS {name}" for name in _PRODUCT_SUMS)
    with snapshot() as now:
        entries, lines, parameters = _sources(now, range_, ProductLine)
        found = now.rows(
            f"""WITH {entries}, single AS MATERIALIZED (
                SELECT {_PRODUCT}, {names}, at, event_id FROM ({lines}) AS kept WHERE {wanted}
                UNION ALL
                SELECT {_PRODUCT}, {names}, at, event_id FROM ({bookings.PRODUCTS}) AS booked WHERE {wanted}),
            facts AS (
                SELECT {_PRODUCT}, sum({PRODUCT_ORDERINGS[by]})::bigint AS total
                FROM {_SPANS} JOIN analytics_products k ON {_OF_SPAN} WHERE {wanted} GROUP BY {_PRODUCT}
                UNION ALL
                SELECT {_PRODUCT}, {PRODUCT_ORDERINGS[by]} FROM single),
            totals AS (SELECT {_PRODUCT}, sum(total) AS total FROM facts GROUP BY {_PRODUCT}),
            ranked AS MATERIALIZED ({_first_of_each_currency("total DESC, product_id, vendor_id")}),
            counted AS (
                SELECT {_PRODUCT}, {sums}, max(CASE WHEN orders > 0 THEN {bookings.LATEST_SALE} END) AS latest_sale
                FROM ranked JOIN single USING ({_PRODUCT}) GROUP BY {_PRODUCT})
            SELECT {_PRODUCT}, {both}, greatest(k.latest_sale, c.latest_sale) AS latest_sale
            FROM ranked r LEFT JOIN counted c USING ({_PRODUCT})
            CROSS JOIN LATERAL (
                SELECT {sums}, max(latest_sale) AS latest_sale FROM {_SPANS} JOIN analytics_products k ON {_OF_SPAN}
                WHERE k.currency = r.currency AND k.vendor_id = r.vendor_id AND k.product_id = r.product_id) AS k
            ORDER BY currency, place""",
            **parameters,
            vendor_id=vendor_id,
            currency=currency,
            limit=limit,
        )
        names_of = _names(now, found, range_)
        return [{**each, **names_of[_key(each)]} for each in found]


def top_coupons(*, vendor_id: str | None, range_: TimeRange, currency: str | None, limit: int) -> Sequence[Record]:
    """Return the first coupons of each currency by discount, then by code. Amounts in minor units.

    A vendor's are those that it funds, and the amounts those of its vendor orders.
    """
    owned, gross, net = "TRUE", "gross", "net"
    if vendor_id is not None:
        owned, gross, net = "funded_by = 'vendor' AND vendor_id = %(vendor_id)s", "vendor_gross", "vendor_net"
    columns = f"currency, coupon_id, code, funded_by, vendor_id, redemptions, discount, {gross} AS gross, {net} AS net"
    with snapshot() as now:
        entries, lines, parameters = _sources(now, range_, CouponLine)
        return now.rows(
            f"""WITH {entries}, facts AS (
                SELECT {columns} FROM {_SPANS} JOIN analytics_coupons k ON {_OF_SPAN} WHERE {owned}
                UNION ALL
                SELECT {columns} FROM ({lines}) AS kept WHERE {owned}
                UNION ALL
                SELECT {columns} FROM ({bookings.COUPONS}) AS booked WHERE {owned}),
            totals AS (
                SELECT currency, coupon_id, code, funded_by, vendor_id, {_totals(_COUPON_SUMS)}
                FROM facts WHERE {_in_currency(currency)} GROUP BY 1, 2, 3, 4, 5)
            {_first_of_each_currency("discount DESC, code, coupon_id")}""",
            **parameters,
            vendor_id=vendor_id,
            currency=currency,
            limit=limit,
        )


def _totals(names: Sequence[str]) -> str:
    return ", ".join(f"sum({name})::bigint AS {name}" for name in names)


def _in_currency(currency: str | None) -> str:
    return "TRUE" if currency is None else "currency = %(currency)s"


def _first_of_each_currency(ordering: str) -> str:
    """Return the query of the first `limit` of `totals`; texts are compared as bytes."""
    ordering = re.sub(r"\b(product_id|vendor_id|code)\b", r'\1 COLLATE "C"', ordering)
    return f"""
        SELECT * FROM (
            SELECT *, row_number() OVER (PARTITION BY currency ORDER BY {ordering}) AS place FROM totals) AS ranked
        WHERE place <= %(limit)s ORDER BY currency, place"""


def _names(now: Snapshot, products: Sequence[Record], range_: TimeRange) -> dict[tuple[str, str, str], Record]:
    """Return by currency, vendor and product name and sku of the latest sale in the range, or else before it."""
    of_range = [each for each in products if each["latest_sale"]]
    found = now.rows(
        """SELECT wanted.currency, i.vendor_id, i.product_id, i.name, i.sku
        FROM unnest(%(ids)s::bigint[], %(currencies)s::text[], %(vendors)s::text[], %(products)s::text[])
            AS wanted (event_id, currency, vendor_id, product_id)
        JOIN order_events e ON e.id = wanted.event_id
        JOIN order_items i ON i.order_id = e.order_id AND i.vendor_id = wanted.vendor_id AND i.product_id = wanted.product_id""",
        ids=[each["latest_sale"][1] for each in of_range],
        currencies=[each["currency"] for each in of_range],
        vendors=[each["vendor_id"] for each in of_range],
        products=[each["product_id"] for each in of_range],
    )
    for product in products:
        if not product["latest_sale"]:  # only cancelled in the range
            found += now.rows(
                f"""SELECT v.currency, i.vendor_id, i.product_id, i.name, i.sku
                FROM order_items i JOIN vendor_orders v ON v.id = i.vendor_order_id JOIN order_events e ON e.order_id = i.order_id
                WHERE i.product_id = %(product_id)s AND i.vendor_id = %(vendor_id)s AND v.currency = %(currency)s
                    AND {bookings.SOLD} AND e.at < %(end)s
                ORDER BY e.at DESC, e.id DESC LIMIT 1""",
                **{name: product[name] for name in ("currency", "vendor_id", "product_id")},
                end=range_.end,
            )
    return {_key(each): {"name": each["name"], "sku": each["sku"]} for each in found}


def _key(product: Record) -> tuple[str, str, str]:
    return product["currency"], product["vendor_id"], product["product_id"]


def _sources(
    now: Snapshot, range_: TimeRange, lines: type[ProductLine | CouponLine]
) -> tuple[str, str, dict[str, Any]]:
    """Return what a report reads besides the sums of spans, and the parameters of its query.

    That is the part of a WITH clause with the range's entries that are not kept yet and their facts, and the query of the
    kept lines at the edges, whose ids are known by quarter hour.
    """
    parts = parts_of(range_.start, range_.end)
    parameters: dict[str, Any] = {
        "spans": [span for span, _ in parts.spans],
        "starts": [start for _, start in parts.spans],
        "start": range_.start,
        "end": range_.end,
    }
    table = lines._meta.db_table
    at_edges = [f"SELECT * FROM {table} WHERE FALSE"]
    for number, (start, end) in enumerate(parts.edges):
        ids = now.row(
            """SELECT min(first_event_id) AS first, max(last_event_id) AS last FROM analytics_entries
            WHERE generation = %(generation)s AND quarter >= %(start)s AND quarter < %(end)s""",
            start=start,
            end=end,
        )
        names = {"start": start, "end": end, "first": ids["first"], "last": ids["last"]}
        parameters |= {f"edge{number}_{name}": value for name, value in names.items()}
        at_edges.append(
            f"SELECT * FROM {table} WHERE generation = %(generation)s"
            f" AND event_id BETWEEN %(edge{number}_first)s::bigint AND %(edge{number}_last)s::bigint"
            f" AND at >= %(edge{number}_start)s AND at < %(edge{number}_end)s"
        )
    booked = ", ".join(f"'{type_}'" for type_ in bookings.BOOKED_TYPES)
    new = (
        "SELECT * FROM order_events WHERE id > %(last_event_id)s::bigint AND at >= %(start)s AND at < %(end)s"
        f" AND type IN ({booked})"
    )
    return f"entries AS ({new}), {bookings.FACTS}", " UNION ALL ".join(at_edges), parameters
