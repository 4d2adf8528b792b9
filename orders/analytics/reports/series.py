"""Reports with a row for each interval: sales, customers, payments."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from orders.analytics import bookings
from orders.analytics.reports.snapshot import ENTRIES, PAYMENTS, Snapshot, snapshot
from orders.analytics.time_ranges import Row, TimeRange

Figures = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Source:
    """The kept sums of a report, and the query that books those of the `newer` facts. `condition` selects rows of both."""

    newer: str
    table: str
    booked: str
    columns: Sequence[str]
    condition: str = "TRUE"


SALES_COLUMNS = ("orders", "items", "gross", "discount", "platform_discount", "cancelled")
PAYMENT_COLUMNS = ("captures", "captured", "refunds", "refunded")

_SALES = Source(ENTRIES, "analytics_sales", bookings.SALES, SALES_COLUMNS)
_VENDOR_SALES = Source(
    ENTRIES, "analytics_vendor_sales", bookings.VENDOR_SALES, SALES_COLUMNS, "vendor_id = %(vendor_id)s"
)
_PAYMENTS = Source(PAYMENTS, "analytics_payments", bookings.PAYMENTS, PAYMENT_COLUMNS)


@dataclass(frozen=True, slots=True)
class Series:
    """The figures of a currency ("" where there is none) for each row of a range, and in all. Amounts in minor units."""

    currency: str
    figures: Sequence[Figures]

    @property
    def totals(self) -> Figures:
        return {name: sum(each[name] for each in self.figures) for name in self.figures[0]}


@dataclass(frozen=True, slots=True)
class CustomerReport:
    """`series` has `orders` and `new_customers`; `order_counts` the number of customers by their number of sales."""

    series: Series
    order_counts: Mapping[int, int]


def sales(*, vendor_id: str | None, range_: TimeRange, rows: Sequence[Row], currency: str | None) -> list[Series]:
    """Return the sales of the vendor, or of all, by currency: those that have a fact in the range, or the given one."""
    source = _SALES if vendor_id is None else _VENDOR_SALES
    with snapshot() as now:
        return _by_currency(now, source, range_, rows, currency=currency, vendor_id=vendor_id)


def payments(*, range_: TimeRange, rows: Sequence[Row], currency: str | None) -> list[Series]:
    """Return the sums of the ledger by currency: those that have a fact in the range, or the given one."""
    with snapshot() as now:
        return _by_currency(now, _PAYMENTS, range_, rows, currency=currency)


def customers(*, range_: TimeRange, rows: Sequence[Row]) -> CustomerReport:
    """Return the sales of all currencies, how many were their customer's first, and how many sales customers have."""
    with snapshot() as now:
        sold = _sums(now, _SALES, range_, rows)
        new = now.rows(
            f"""WITH {ENTRIES}, {bookings.CUSTOMERS}, facts AS (
                SELECT quarter, customers FROM analytics_new_customers WHERE generation = %(generation)s
                UNION ALL {bookings.NEW_CUSTOMERS})
            SELECT width_bucket(quarter, %(starts)s::timestamptz[]) - 1 AS number, sum(customers)::bigint AS customers
            FROM facts WHERE quarter >= %(start)s AND quarter < %(end)s GROUP BY 1""",
            **_bounds(range_, rows),
        )
        counts = now.rows(
            f"""WITH {ENTRIES}, {bookings.CUSTOMERS}, facts AS (
                SELECT orders, customers FROM analytics_order_counts WHERE generation = %(generation)s
                UNION ALL {bookings.ORDER_COUNTS})
            SELECT orders, sum(customers)::bigint AS customers FROM facts GROUP BY 1"""
        )
    figures = [{"orders": 0, "new_customers": 0} for _ in rows]
    for of_row in sold:
        figures[of_row["number"]]["orders"] += of_row["orders"]
    for of_row in new:
        figures[of_row["number"]]["new_customers"] = of_row["customers"]
    return CustomerReport(Series("", figures), {each["orders"]: each["customers"] for each in counts})


def _by_currency(
    now: Snapshot,
    source: Source,
    range_: TimeRange,
    rows: Sequence[Row],
    *,
    currency: str | None,
    vendor_id: str | None = None,
) -> list[Series]:
    if currency is not None:
        source = replace(source, condition=f"{source.condition} AND currency = %(currency)s")
    empty = dict.fromkeys(source.columns, 0)
    by_currency: defaultdict[str, list[Figures]] = defaultdict(lambda: [empty] * len(rows))
    if currency is not None:
        by_currency[currency]
    for of_row in _sums(now, source, range_, rows, currency=currency, vendor_id=vendor_id):
        by_currency[of_row["currency"]][of_row["number"]] = {name: of_row[name] for name in source.columns}
    return [Series(each, by_currency[each]) for each in sorted(by_currency)]


def _sums(
    now: Snapshot, source: Source, range_: TimeRange, rows: Sequence[Row], **parameters: str | None
) -> list[dict[str, Any]]:
    """Return the sums by currency and number of the row, where there are facts."""
    names = ", ".join(source.columns)
    within = f"{source.condition} AND quarter >= %(start)s AND quarter < %(end)s"
    return now.rows(
        f"""WITH {source.newer}, facts AS (
            SELECT currency, quarter, {names} FROM {source.table} WHERE generation = %(generation)s AND {within}
            UNION ALL
            SELECT currency, quarter, {names} FROM ({source.booked}) AS booked WHERE {within})
        SELECT currency, width_bucket(quarter, %(starts)s::timestamptz[]) - 1 AS number,
            {", ".join(f"sum({name})::bigint AS {name}" for name in source.columns)}
        FROM facts GROUP BY 1, 2""",
        **_bounds(range_, rows),
        **parameters,
    )


def _bounds(range_: TimeRange, rows: Sequence[Row]) -> dict[str, object]:
    return {"start": range_.start, "end": range_.end, "starts": [row.start for row in rows]}
