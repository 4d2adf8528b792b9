"""The kept sums: each table with the query that books its rows, and the statement that adds new entries to it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection, models

from orders.analytics import bookings
from orders.analytics.models import (
    CohortSum,
    CouponLine,
    CouponSum,
    CustomerSum,
    EntryRange,
    FunnelSum,
    NewCustomerSum,
    OrderCountSum,
    PaymentSum,
    ProductLine,
    ProductSum,
    SalesSum,
    Span,
    VendorFunnelSum,
    VendorSalesSum,
)

MERGES = {
    "sum": "k.{0} + excluded.{0}",
    "min": "LEAST(k.{0}, excluded.{0})",
    "max": "GREATEST(k.{0}, excluded.{0})",
}


@dataclass(frozen=True)
class KeptSums:
    """A table of sums. `booked` is the query of its rows, one a fact; a column that is not summed up has its `aggregate`."""

    model: type[models.Model]
    booked: str
    aggregates: Mapping[str, str] = field(default_factory=dict)

    @property
    def table(self) -> str:
        return str(self.model._meta.db_table)

    def merge(self) -> str:
        """Return the statement that adds the booked rows to those of a generation.

        Rows of the key's order, so that two writers would not wait for each other in a circle.
        """
        key, columns = ", ".join(key_of(self.model)), columns_of(self.model)
        kind = {name: self.aggregates.get(name, "sum") for name in columns}
        totals = ", ".join(f"{kind[name]}({name})" for name in columns)
        updates = ", ".join(f"{name} = {MERGES[kind[name]].format(name)}" for name in columns)
        return (
            f"INSERT INTO {self.table} AS k (generation, {key}, {', '.join(columns)})"
            f" SELECT %(generation)s::integer, {key}, {totals} FROM ({self.booked}) AS booked GROUP BY {key} ORDER BY {key}"
            f" ON CONFLICT (generation, {key}) DO UPDATE SET {updates}"
        )


def key_of(model: type[models.Model]) -> list[str]:
    """Return the columns of the primary key without `generation`."""
    key: Any = model._meta.pk
    return [name for name in key.field_names if name != "generation"]


def columns_of(model: type[models.Model]) -> list[str]:
    """Return the columns besides the primary key."""
    columns = [str(field.column) for field in model._meta.concrete_fields]
    return [name for name in columns if name not in ("generation", *key_of(model))]


def _by_span(model: type[models.Model], booked: str, aggregates: Mapping[str, str]) -> KeptSums:
    """Return the sums of facts by their spans. They are added up by day first: a product has many sales a day."""
    key = ", ".join(name for name in key_of(model) if name not in ("span", "start"))
    columns = columns_of(model)
    totals = [f"{aggregates.get(name, 'sum')}({name})" for name in columns]
    # A sum of bigint is numeric, of which further sums would take longer.
    typed = [f"{total}::bigint" if total.startswith("sum") else total for total in totals]
    named = ", ".join(f"{total} AS {name}" for total, name in zip(typed, columns, strict=True))
    spans = ", ".join(f"('{span}', date_trunc('{span}', day, 'UTC'))" for span in Span.values)
    by_day = f"SELECT {key}, date_trunc('day', at, 'UTC') AS day, {named} FROM ({booked}) AS facts GROUP BY {key}, day"
    return KeptSums(
        model,
        f"SELECT span, start, days.* FROM ({by_day}) AS days CROSS JOIN LATERAL (VALUES {spans}) AS spans (span, start)",
        aggregates,
    )


_OF_COUPON = dict.fromkeys(("code", "funded_by", "vendor_id"), "max")

OF_ENTRIES = (
    KeptSums(SalesSum, bookings.SALES),
    KeptSums(VendorSalesSum, bookings.VENDOR_SALES),
    _by_span(ProductSum, bookings.PRODUCTS, {"latest_sale": "max"}),
    KeptSums(ProductLine, bookings.PRODUCTS, {"at": "max"}),
    _by_span(CouponSum, bookings.COUPONS, _OF_COUPON),
    KeptSums(CouponLine, bookings.COUPONS, {"at": "max", **_OF_COUPON}),
    KeptSums(FunnelSum, bookings.FUNNEL),
    KeptSums(VendorFunnelSum, bookings.VENDOR_FUNNEL),
    KeptSums(EntryRange, bookings.ENTRY_RANGES, {"first_event_id": "min", "last_event_id": "max"}),
)
"""The sums of the audit trail, except those of customers."""

OF_PAYMENTS = (KeptSums(PaymentSum, bookings.PAYMENTS),)

OF_CUSTOMERS = (
    KeptSums(NewCustomerSum, bookings.NEW_CUSTOMERS),
    KeptSums(OrderCountSum, bookings.ORDER_COUNTS),
    KeptSums(CohortSum, bookings.COHORTS),
)
"""The sums that depend on customers: each adds the difference of the customers before and after the new entries."""

TABLES: tuple[type[models.Model], ...] = (
    *(kept.model for kept in (*OF_ENTRIES, *OF_PAYMENTS, *OF_CUSTOMERS)),
    CustomerSum,
)

_KEEP_CUSTOMERS = """
    kept AS (
        INSERT INTO analytics_customers AS k (generation, customer_id, first_at, first_order_id, orders, months)
        SELECT %(generation)s::integer, customer_id, first_at, first_order_id, orders, months FROM after ORDER BY customer_id
        ON CONFLICT (generation, customer_id) DO UPDATE SET first_at = excluded.first_at,
            first_order_id = excluded.first_order_id, orders = excluded.orders, months = excluded.months)"""


def add_entries(*, generation: int, after: int, upto: int) -> None:
    """Add the trail's entries of these ids, of which none has been added; in one statement, which reads each fact once."""
    *others, last = (*OF_ENTRIES, *OF_CUSTOMERS)
    parts = [
        "entries AS (SELECT * FROM order_events WHERE id > %(after)s::bigint AND id <= %(upto)s::bigint)",
        bookings.FACTS,
        bookings.CUSTOMERS,
        _KEEP_CUSTOMERS,
        *(f"kept_{kept.table} AS ({kept.merge()})" for kept in others),
    ]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH {', '.join(parts)} {last.merge()}", {"generation": generation, "after": after, "upto": upto}
        )


def add_payments(*, generation: int, after: int, upto: int) -> None:
    """Add the ledger's events of these ids, of which none has been added and all have their order."""
    new = "payments AS (SELECT * FROM payment_events WHERE id > %(after)s::bigint AND id <= %(upto)s::bigint)"
    parameters = {"generation": generation, "after": after, "upto": upto}
    with connection.cursor() as cursor:
        for kept in OF_PAYMENTS:
            cursor.execute(f"WITH {new} {kept.merge()}", parameters)
