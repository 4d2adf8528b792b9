"""A history of past orders, written straight into the service's tables: for a look (`make run HISTORY=1`) and for measurements.

The rows are those that the service would have written, by `history.sql`. They cause no work: there are no effects in the
outbox, no repetition of a request is due, and every refund has been executed.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import chain
from pathlib import Path
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from compose.sandbox.catalogue import Row
from compose.sandbox.coupons import COUPONS
from compose.sandbox.seed import GENERATED, IN_STOCK

DAYS = 365
ORDERS = 20_000

PREPARATION = (
    ("schema",),
    ("customers",),
    ("checkouts",),
    ("items", "items with coupons"),
    ("vendors",),
    ("outcomes",),
    ("entries", "messages"),
    ("sequences", "coupons"),
)
"""The sections of `history.sql` that decide on the orders, in groups; `fill_plan` belongs after the first one."""

TABLES = ("orders", "vendor_orders", "order_items", "coupon_redemptions", "payment_events", "refunds", "order_events")
"""The sections that write the tables of their names, in the order of the foreign keys.

Those of one group of PREPARATION, and these while no foreign key is checked, can run concurrently."""

_DECIMALS = {"EUR": 2, "USD": 2, "JPY": 0, "KWD": 3}
_SHARES = {"EUR": 0.86, "USD": 0.08, "JPY": 0.05, "KWD": 0.01}
_PLACES = {
    "EUR": ("12 Rue des Martyrs", "Paris", "", "75009", "FR"),
    "USD": ("3 Harbour Street", "New York", "NY", "10004", "US"),
    "JPY": ("1-1 Marunouchi, Chiyoda-ku", "Tokyo", "Tokyo", "100-0005", "JP"),
    "KWD": ("14 Salem Al Mubarak Street", "Salmiya", "", "22001", "KW"),
}
_MORE_COUPONS: tuple[dict[str, Any], ...] = (
    {"code": "BOOKS10", "kind": "percentage", "percent": "10.00", "vendor_id": "v-books", "name": "Readers' week"},
    {"code": "GARDEN20", "kind": "percentage", "percent": "20.00", "vendor_id": "v-garden", "name": "Planting time"},
    {"code": "KYOTO12", "kind": "percentage", "percent": "12.50", "vendor_id": "v-kyoto", "name": "Tea time"},
    {"code": "FRIDAY25", "kind": "percentage", "percent": "25.00", "name": "Late November"},
    {"code": "THANKS5", "kind": "percentage", "percent": "5.00", "name": "Thank you"},
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The size of a history and its marketplace.

    Vendors and products sell the better the earlier they are in `products`; a vendor needs five of them at least, and up to
    four vendors of one currency a multiple of four. `coupons` are bodies of `POST /coupons`, of the kinds `percentage` and
    `fixed_amount` (EUR). `single_use`: the share of the orders with a code of their own.
    """

    orders: int
    customers: int
    end: datetime
    days: int = DAYS
    products: Sequence[Row] = (*IN_STOCK, *GENERATED)
    coupons: Sequence[Mapping[str, Any]] = field(
        default_factory=lambda: [coupon for coupon in (*COUPONS, *_MORE_COUPONS) if coupon["kind"] != "buy_x_get_y"]
    )
    single_use: float = 0.005

    @classmethod
    def of_a_year(cls, orders: int = ORDERS) -> "Plan":
        """Return the history of the sandbox's marketplace until now; a quarter of the orders are their customer's first."""
        return cls(orders=orders, customers=orders // 4, end=datetime.now(UTC))

    @property
    def begin(self) -> datetime:
        return self.end - timedelta(days=self.days)

    @property
    def vendors(self) -> dict[str, str]:
        """Return the currency of each vendor, in the order of their sales."""
        return {row[1]: row[5] for row in self.products}


def sections() -> dict[str, str]:
    """Return the statements of `history.sql` by section."""
    text = Path(__file__).with_suffix(".sql").read_text()
    parts = re.split(r"^-- \[(.+)\]$", text, flags=re.MULTILINE)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


def add_history(connection: psycopg.Connection[Any], plan: Plan) -> None:
    """Write a history in the transaction of this connection, which the caller commits. It must be of a superuser.

    Foreign keys are not checked, which would take longer than all the rest; a test checks them.
    """
    statements = sections()
    for setting in ("session_replication_role = replica", "work_mem = '128MB'", "jit = off"):
        connection.execute(f"SET LOCAL {setting}".encode())
    for name in (*chain.from_iterable(PREPARATION), *TABLES, "end"):
        connection.execute(statements[name].encode())
        if name == "schema":
            fill_plan(connection, plan)
    connection.execute(f"ANALYZE {', '.join(TABLES)}".encode())


def fill_plan(connection: psycopg.Connection[Any], plan: Plan) -> None:
    """Fill the tables of the section `schema`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO history.plan (orders, customers, began_at, ended_at, single_use) VALUES (%s, %s, %s, %s, %s)",
            [plan.orders, plan.customers, plan.begin, plan.end, plan.single_use],
        )
        for table, rows in (
            ("market", _markets(plan)),
            ("vendor", _vendors(plan)),
            ("product", _products(plan)),
            ("coupon", _coupons(plan)),
        ):
            with cursor.copy(f"COPY history.{table} FROM STDIN".encode()) as copy:
                for row in rows:
                    copy.write_row(row)


def _markets(plan: Plan) -> Iterator[tuple[Any, ...]]:
    sizes = Counter(plan.vendors.values())
    whole, start = sum(_SHARES[currency] for currency in sizes), 0.0
    for currency, vendors in sizes.items():
        end = start + _SHARES[currency] / whole
        line1, city, state, postal_code, country = _PLACES[currency]
        address = {"line1": line1, "city": city, "state": state, "postal_code": postal_code, "country": country}
        yield currency, _DECIMALS[currency], vendors, start, min(end, 1.0), Jsonb({**address, "line2": "", "phone": ""})
        start = end


def _vendors(plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Yield the vendors, numbered by their ids, as an order's vendor orders are sorted."""
    ranks: Counter[str] = Counter()
    sizes = Counter(row[1] for row in plan.products)
    numbers = {vendor_id: number for number, vendor_id in enumerate(sorted(plan.vendors))}
    for vendor_id, currency in plan.vendors.items():
        yield numbers[vendor_id], vendor_id, currency, ranks[currency], sizes[vendor_id]
        ranks[currency] += 1


def _products(plan: Plan) -> Iterator[tuple[Any, ...]]:
    ranks: Counter[str] = Counter()
    numbers = {vendor_id: number for number, vendor_id in enumerate(sorted(plan.vendors))}
    for number, (product_id, vendor_id, name, sku, price, _, _) in enumerate(plan.products):
        yield number, numbers[vendor_id], ranks[vendor_id], product_id, name, sku, price
        ranks[vendor_id] += 1


def _coupons(plan: Plan) -> Iterator[tuple[Any, ...]]:
    """Yield the coupons, each with the key of the orders that use it."""
    platform = 0
    for number, coupon in enumerate(plan.coupons, start=1):
        vendor_id = coupon.get("vendor_id")
        if coupon.get("first_order_only"):
            key = "first"
        elif vendor_id is not None:
            key = f"vendor:{vendor_id}"
        else:
            key, platform = f"platform:{platform}", platform + 1
        hundredths = {name: coupon[name] and int(Decimal(coupon[name]) * 100) for name in _AMOUNTS if name in coupon}
        yield (
            number, key, coupon["code"], coupon["kind"], hundredths.get("percent"), hundredths.get("amount"),
            coupon.get("currency"), vendor_id, "platform" if vendor_id is None else "vendor",
            hundredths.get("minimum_spend"), coupon.get("first_order_only", False), coupon.get("stackable", False),
            None, coupon.get("name", ""), None,
        )  # fmt: skip


_AMOUNTS = ("percent", "amount", "minimum_spend")
"""Hundredths of a percent, and of EUR."""
