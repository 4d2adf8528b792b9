"""The figures of reports, counted plainly over all rows of orders, items, audit trail and ledger (contract: analytics)."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from math import ceil
from typing import Any

import psycopg
from psycopg.rows import dict_row

Row = dict[str, Any]
Within = Callable[[datetime], bool]

BOUNDS = [
    *(1, 2, 5, 10, 20, 30),
    *(60 * n for n in (1, 2, 5, 10, 15, 20, 30, 45)),
    *(3600 * n for n in (1, 2, 3, 4, 6, 8, 12, 18)),
    *(86_400 * n for n in (1, 2, 3, 4, 5, 6, 7, 10, 14, 21, 30, 45, 60, 90)),
]


@dataclass
class Unit:
    """An order, or a vendor order, with its items, its trail and its order."""

    row: Row
    order: Row
    items: list[Row]
    entries: list[Row]
    order_entries: list[Row]

    @property
    def sold_at(self) -> datetime | None:
        return next((entry["at"] for entry in self.order_entries if entry["type"] == "order.confirmed"), None)

    def at(self, type_: str) -> datetime | None:
        return next((entry["at"] for entry in self.entries if entry["type"] == type_), None)


@dataclass
class Cancellation:
    at: datetime
    part: Row
    items: list[Row]


class Facts:
    """All facts of a database at one moment, in a scope: all orders, or the vendor orders of one vendor."""

    def __init__(self, address: str, vendor_id: str | None = None) -> None:
        with psycopg.connect(address, row_factory=dict_row) as connection:
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            orders, parts, items, entries, self.payments = (
                connection.execute(f"SELECT * FROM {table} ORDER BY id".encode()).fetchall()
                for table in ("orders", "vendor_orders", "order_items", "order_events", "payment_events")
            )
        self.vendor_id = vendor_id
        self.orders = {order["id"]: order for order in orders}
        of_order: defaultdict[Any, list[Row]] = defaultdict(list)
        for entry in sorted(entries, key=lambda entry: entry["sequence"]):
            of_order[entry["order_id"]].append(entry)
        parts = [part for part in parts if vendor_id in (None, part["vendor_id"])]
        self.units = [
            Unit(
                unit,
                self.orders[unit.get("order_id", unit["id"])],
                [item for item in items if unit["id"] in (item["order_id"], item["vendor_order_id"])],
                [e for e in of_order[unit.get("order_id", unit["id"])] if e["vendor_order_id"] == self._part_id(unit)],
                of_order[unit.get("order_id", unit["id"])],
            )
            for unit in (orders if vendor_id is None else parts)
        ]
        self.cancellations = [
            Cancellation(entry["at"], part, [item for item in items if item["vendor_order_id"] == part["id"]])
            for part in parts
            for entry in of_order[part["order_id"]]
            if entry["vendor_order_id"] == part["id"]
            and entry["type"] == "vendor_order.cancelled"
            and any(
                sold["type"] == "order.confirmed" and sold["sequence"] < entry["sequence"]
                for sold in of_order[part["order_id"]]
            )
        ]

    def _part_id(self, unit: Row) -> Any:
        return None if self.vendor_id is None else unit["id"]

    def sales(self, within: Within) -> list[Unit]:
        """Return the sales of a time."""
        return [unit for unit in self.units if unit.sold_at and within(unit.sold_at)]

    def platform_discount(self, unit: Unit) -> int:
        """Return the part of a unit's discount that the platform bears."""
        coupons = unit.order["coupons"]
        if self.vendor_id is None:
            return sum(each["discount"] for each in coupons if each["funded_by"] == "platform")
        own = [c for c in coupons if c["funded_by"] == "vendor" and c["vendor_id"] == self.vendor_id]
        return int(unit.row["discount"]) - sum(each["discount"] for each in own)

    def sales_of(self, currency: str, within: Within) -> Row:
        """Return the figures of `sales`."""
        sales = [unit for unit in self.sales(within) if unit.row["currency"] == currency]
        gross, discount = (sum(unit.row[name] for unit in sales) for name in ("subtotal", "discount"))
        cancelled = sum(
            each.part["total"] for each in self.cancellations if within(each.at) and each.part["currency"] == currency
        )
        return {
            "orders": len(sales),
            "items": sum(item["quantity"] for unit in sales for item in unit.items),
            "gross": gross,
            "discount": discount,
            "platform_discount": sum(map(self.platform_discount, sales)),
            "cancelled": cancelled,
            "returned": 0,
            "revenue": gross - discount - cancelled,
            "average_order": half_up(gross - discount, len(sales)) if sales else None,
        }

    def currencies(self, within: Within) -> list[str]:
        """Return the currencies with a sale or a cancellation."""
        cancelled = {each.part["currency"] for each in self.cancellations if within(each.at)}
        return sorted({unit.row["currency"] for unit in self.sales(within)} | cancelled)

    def top_products(self, within: Within, until: datetime, by: str) -> list[Row]:
        """Return the figures of all products with a fact."""
        found: dict[Any, Row] = {}

        def of(item: Row, currency: str) -> Row:
            zero = ("orders", "quantity", "gross", "discount", "cancelled_quantity", "cancelled")
            return found.setdefault((currency, item["product_id"], item["vendor_id"]), dict.fromkeys(zero, 0))

        for unit in self.sales(within):
            for item in unit.items:
                figures = of(item, unit.row["currency"])
                figures["orders"] += 1
                figures["quantity"] += item["quantity"]
                figures["gross"] += item["total"]
                figures["discount"] += item["discount"]
        for each in self.cancellations:
            for item in each.items if within(each.at) else ():
                figures = of(item, each.part["currency"])
                figures["cancelled_quantity"] += item["quantity"]
                figures["cancelled"] += item["total"] - item["discount"]
        for key, figures in found.items():
            figures |= dict(zip(("currency", "product_id", "vendor_id"), key, strict=True))
            figures["revenue"] = figures["gross"] - figures["discount"] - figures["cancelled"]
            figures |= {"returned_quantity": 0, "returned": 0, **self._latest(figures, until)}
        return sorted(found.values(), key=lambda row: (row["currency"], -row[by], row["product_id"]))

    def _latest(self, product: Row, until: datetime) -> Row:
        sales = [
            (unit.sold_at, item)
            for unit in self.sales(lambda at: at < until)
            for item in unit.items
            if item["product_id"] == product["product_id"] and unit.row["currency"] == product["currency"]
        ]
        latest = max(sales, key=lambda sale: sale[0] or datetime.min)[1]
        return {"name": latest["name"], "sku": latest["sku"]}

    def bought_together(self, product_id: str, within: Within) -> tuple[int, list[Row]]:
        """Return the number of sales with the product, and the others by the number of sales with both."""
        sales = [u for u in self.sales(within) if any(item["product_id"] == product_id for item in u.items)]
        others = Counter(
            (item["product_id"], item["vendor_id"])
            for unit in sales
            for item in unit.items
            if item["product_id"] != product_id
        )
        rows = [
            {"product_id": id_, "vendor_id": vendor, "orders": orders, "share": four_decimals(orders, len(sales))}
            for (id_, vendor), orders in others.items()
        ]
        return len(sales), sorted(rows, key=lambda row: (-row["orders"], row["product_id"]))

    def first_sales(self) -> dict[str, Unit]:
        """Return the first sale of each customer."""
        first: dict[str, Unit] = {}
        for unit in sorted(self.sales(lambda at: True), key=lambda unit: (unit.sold_at, unit.order["id"])):
            first.setdefault(unit.order["customer_id"], unit)
        return first

    def customers_of(self, within: Within) -> Row:
        """Return the figures of `customers`."""
        orders = len(self.sales(within))
        new = sum(1 for unit in self.first_sales().values() if unit.sold_at and within(unit.sold_at))
        repeat = orders - new
        rate = four_decimals(repeat, orders)
        return {"orders": orders, "new_customers": new, "repeat_orders": repeat, "repeat_rate": rate}

    def order_counts(self) -> list[Row]:
        """Return the customers by their number of sales."""
        sales = Counter(unit.order["customer_id"] for unit in self.sales(lambda at: True))
        counts = Counter(min(number, 10) for number in sales.values())
        return [{"orders": number, "customers": counts[number]} for number in range(1, 11)]

    def cohort(self, month: date, present: date) -> Row:
        """Return the cohort of a month."""
        members = {customer for customer, unit in self.first_sales().items() if _month(unit) == month}
        months, active = month, list[int]()
        while months <= present or not active:
            buyers = {u.order["customer_id"] for u in self.sales(lambda at: True) if _month(u) == months}
            active.append(len(members & buyers))
            months = date(months.year + months.month // 12, months.month % 12 + 1, 1)
        return {"month": f"{month:%Y-%m}", "customers": len(members), "active": active}

    def funnel(self, within: Within) -> Row:
        """Return the figures of `funnel`."""
        units = [unit for unit in self.units if within(unit.order["created_at"])]
        prefix = "order." if self.vendor_id is None else "vendor_order."
        steps: dict[str, int] = {"placed": len(units)}
        taken: dict[str, list[int]] = {}
        before: dict[str, Callable[[Unit], datetime | None]] = {
            "confirmed": lambda unit: unit.order["created_at"],
            "processing": lambda unit: unit.sold_at,
            "shipped": lambda unit: unit.at(f"{prefix}processing"),
            "delivered": lambda unit: unit.at(f"{prefix}shipped"),
        }
        for step, since in before.items():
            taken[step] = []
            for unit in units:
                at = unit.sold_at if step == "confirmed" else unit.at(f"{prefix}{step}")
                start = since(unit)
                if at and start:
                    taken[step].append(int((at - start).total_seconds()))
            steps[step] = len(taken[step])
        expired = [u for u in units if any(e["type"] == "order.expired" for e in u.order_entries)]
        cancelled_by: Counter[str] = Counter()
        for unit in units:
            entry = next((e for e in unit.entries if e["type"] == f"{prefix}cancelled"), None)
            if entry and unit not in expired:
                cancelled_by["system" if entry["actor_role"] == "payment" else entry["actor_role"]] += 1
        return {
            "steps": {**steps, "cancelled": cancelled_by.total(), "expired": len(expired)},
            "cancelled_by": {role: cancelled_by[role] for role in ("customer", "vendor", "admin", "system")},
            "times": {step: times_of(seconds) for step, seconds in taken.items()},
        }

    def coupons(self, within: Within) -> list[Row]:
        """Return the figures of all coupons with a sale."""
        found: dict[Any, Row] = {}
        for unit in self.sales(within):
            for coupon in unit.order["coupons"]:
                if self.vendor_id is not None and coupon["vendor_id"] != self.vendor_id:
                    continue
                identity = {name: coupon[name] for name in ("coupon_id", "code", "funded_by", "vendor_id")}
                row = found.setdefault(
                    (coupon["coupon_id"], unit.row["currency"]),
                    {
                        **identity,
                        "currency": unit.row["currency"],
                        "redemptions": 0,
                        "discount": 0,
                        "gross": 0,
                        "net": 0,
                    },
                )
                row["redemptions"] += 1
                row["discount"] += coupon["discount"]
                row["gross"] += unit.row["subtotal"]
                row["net"] += unit.row["subtotal"] - unit.row["discount"]
        return sorted(found.values(), key=lambda row: (row["currency"], -row["discount"], row["code"]))

    def payments_of(self, currency: str, within: Within) -> Row:
        """Return the figures of `payments`: what each event changed in the sums of all events up to it."""
        figures = dict.fromkeys(("captures", "captured", "refunds", "refunded"), 0)
        heard: defaultdict[Any, list[Row]] = defaultdict(list)
        for event in self.payments:
            if event["order_id"] is None or self.orders[event["order_id"]]["currency"] != currency:
                continue
            if event["type"] == "payment.captured":
                changes = {"captures": 1, "captured": event["amount"]}
            else:
                known = heard[event["order_id"], event["refund_id"]]
                old = made(known)
                known.append(event)
                new = made(known)
                changes = {"refunds": len(new) - len(old), "refunded": sum(new) - sum(old)}
            for name, change in changes.items() if within(event["received_at"]) else ():
                figures[name] += change
        return {**figures, "kept": figures["captured"] - figures["refunded"]}

    def payment_currencies(self, within: Within) -> set[str]:
        """Return the currencies with a capture."""
        return {
            self.orders[event["order_id"]]["currency"]
            for event in self.payments
            if event["order_id"] and event["type"] == "payment.captured" and within(event["received_at"])
        }


def made(events: Iterable[Row]) -> list[int]:
    """Return the amounts of a refund's events that count: those that no failure is later than."""
    failures = [event["occurred_at"] for event in events if event["type"] == "payment.refund_failed"]
    latest = max(failures, default=datetime.min.replace(tzinfo=UTC))
    return [e["amount"] for e in events if e["type"] == "payment.refunded" and e["occurred_at"] >= latest]


def times_of(seconds: list[int]) -> Row:
    """Return count, average and percentiles of durations."""
    return {
        "count": len(seconds),
        "average_seconds": sum(seconds) // len(seconds) if seconds else None,
        "p50_seconds": _percentile(seconds, 0.5),
        "p90_seconds": _percentile(seconds, 0.9),
    }


def _percentile(seconds: list[int], share: float) -> int | None:
    kept = (bound for bound in BOUNDS if sum(s <= bound for s in seconds) >= ceil(round(share * len(seconds), 6)))
    return next(kept, None) if seconds else None


def half_up(sum_: int, count: int) -> int:
    """Return the average, rounded half up."""
    return int((Decimal(sum_) / count).quantize(Decimal(1), ROUND_HALF_UP))


def four_decimals(part: int, whole: int) -> str | None:
    """Return a share with four decimals, rounded half up."""
    return str((Decimal(part) / whole).quantize(Decimal("0.0001"), ROUND_HALF_UP)) if whole else None


def _month(unit: Unit) -> date | None:
    return unit.sold_at and unit.sold_at.astimezone(UTC).date().replace(day=1)
