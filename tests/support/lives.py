"""Random lives of orders, written into a database as the service writes them, with times that a test chooses.

A life is a sequence of transactions, each a list of statements. Lives share customers, vendors, products and coupons, so
that they meet in every report. Columns that no report reads have values without a meaning.
"""

import json
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import psycopg

from orders.domain.lifecycle import roll_up

CURRENCIES = ("EUR", "JPY", "KWD")
CUSTOMERS = tuple(f"customer-{number}" for number in range(5))
VENDORS = ("v-1", "v-2", "v-3")
PRODUCTS = {vendor: [f"{vendor}-product-{number}" for number in range(3)] for vendor in VENDORS}
NAMES = ("Mug", "Stoneware mug", '=HYPERLINK("x")')
COUPONS = {funder: uuid.uuid5(uuid.NAMESPACE_OID, funder) for funder in ("platform", *VENDORS)}
PAUSES = (0, 1, 2, 59, 60, 900, 3600, 86_400, 200_000, 9_000_000)

Statement = tuple[str, dict[str, Any]]


@dataclass
class Life:
    """One order, from its placement on. `transactions` writes a step at a time."""

    random: random.Random
    placed_at: datetime
    order_id: uuid.UUID = field(default_factory=uuid.uuid4)
    sequence: int = 0

    def __post_init__(self) -> None:
        self.at = self.placed_at
        self.currency = self.random.choice(CURRENCIES)
        self.customer = self.random.choice(CUSTOMERS)
        self.parts: dict[str, dict[str, Any]] = {
            vendor: {"id": uuid.uuid4(), "items": self._items(vendor), "status": "pending"}
            for vendor in self.random.sample(VENDORS, self.random.randint(1, 3))
        }
        self.coupons: list[dict[str, Any]] = []
        for funder in ("platform", *VENDORS):
            items = [item for part in self.parts.values() for item in part["items"]]
            if funder != "platform":
                items = self.parts.get(funder, {"items": []})["items"]
            if items and self.random.random() < 0.3:
                self._use_coupon(funder, items)
        for part in self.parts.values():
            part["subtotal"] = sum(item["total"] for item in part["items"])
            part["discount"] = sum(item["discount"] for item in part["items"])
        self.subtotal, self.discount = (
            sum(part[name] for part in self.parts.values()) for name in ("subtotal", "discount")
        )
        self.total = self.subtotal - self.discount

    def transactions(self) -> Iterator[list[Statement]]:
        """Yield the transactions of this life, which may end at any step."""
        statements = list(self._placed())
        if self.total:
            yield statements
            self._pass()
            match self.random.choice(["stays", "expires", "is cancelled", *["is paid"] * 5]):
                case "stays":
                    return
                case "expires":
                    yield [*self._cancel_parts("system"), self._entry("order.expired", "system")]
                    return
                case "is cancelled":
                    role = self.random.choice(["customer", "admin", "payment"])
                    yield [*self._cancel_parts(role), self._entry("order.cancelled", role)]
                    return
            statements = [self._paid("payment.captured", self.total), self._entry("payment.paid", "payment")]
        yield [*statements, self._entry("order.confirmed", "payment")]
        yield from self._fulfilment()

    def _fulfilment(self) -> Iterator[list[Statement]]:
        """Yield actions on single parts, then perhaps the cancellation of all, and what Payment does afterwards."""
        status = "confirmed"
        following = {"pending": "processing", "processing": "shipped", "shipped": "delivered"}
        for _ in range(self.random.randint(0, 7)):
            self._pass()
            vendor = self.random.choice([*self.parts])
            part = self.parts[vendor]
            step = following.get(part["status"])
            if step in ("processing", "shipped") and self.random.random() < 0.3:
                step = "cancelled"
            if step is None:
                continue
            part["status"] = step
            statements = [self._entry(f"vendor_order.{step}", "vendor", vendor)]
            for reached in roll_up(status, [each["status"] for each in self.parts.values()]):
                statements.append(self._entry(f"order.{reached}", "vendor"))
                status = str(reached)
            yield statements
        statuses = {part["status"] for part in self.parts.values()}
        is_cancellable = status in ("confirmed", "processing") and not statuses & {"shipped", "delivered"}
        if is_cancellable and self.random.random() < 0.4:
            self._pass()
            yield [*self._cancel_parts("admin"), self._entry("order.cancelled", "admin")]
        if self.total and self.random.random() < 0.5:
            yield from self._refunds()

    def _refunds(self) -> Iterator[list[Statement]]:
        """Yield refunds and failures of one refund, received in any order, and money that came too late."""
        refund_id, amount = str(uuid.uuid4()), self.random.randint(1, self.total)
        for number in range(self.random.randint(1, 4)):
            self._pass()
            type_ = self.random.choice(["payment.refunded", "payment.refund_failed", "payment.captured"])
            occurred_at = self.at - timedelta(seconds=self.random.choice([0, 100, 100_000]), milliseconds=number)
            yield [self._paid(type_, amount, refund_id if "refund" in type_ else None, occurred_at)]

    def _items(self, vendor: str) -> list[dict[str, Any]]:
        items: list[dict[str, Any]] = []
        for product_id in self.random.sample(PRODUCTS[vendor], self.random.randint(1, 3)):
            quantity, price = self.random.randint(1, 3), self.random.choice([0, 1, 999, 12_345])
            amounts = {"quantity": quantity, "price": price, "total": quantity * price, "discount": 0}
            texts = {
                "product_id": product_id,
                "name": self.random.choice(NAMES),
                "sku": self.random.choice(["A", "-1"]),
            }
            items.append({**texts, **amounts})
        return items

    def _use_coupon(self, funder: str, items: list[dict[str, Any]]) -> None:
        percent, discount = self.random.choice([10, 50, 100]), 0
        for item in items:
            off = (item["total"] - item["discount"]) * percent // 100
            item["discount"] += off
            discount += off
        if discount:
            vendor_id = None if funder == "platform" else funder
            coupon = {"coupon_id": str(COUPONS[funder]), "code": f"CODE-{funder.upper()}", "vendor_id": vendor_id}
            funded_by = "vendor" if vendor_id else "platform"
            self.coupons.append({**coupon, "kind": "percentage", "funded_by": funded_by, "discount": discount})

    def _placed(self) -> Iterator[Statement]:
        amounts = {"subtotal": self.subtotal, "discount": self.discount, "total": self.total}
        yield _insert(
            "orders",
            id=self.order_id,
            number=self.order_id.hex[:14],
            customer_id=self.customer,
            currency=self.currency,
            coupons=json.dumps(self.coupons),
            created_at=self.at,
            **amounts,
            **_MEANINGLESS_ORDER,
        )
        position = 0
        for vendor, part in self.parts.items():
            amounts = {name: part[name] for name in ("subtotal", "discount")}
            amounts["total"] = part["subtotal"] - part["discount"]
            common = {"currency": self.currency, "status": "pending", "version": 1, "updated_at": self.at}
            of_order = {"id": part["id"], "order_id": self.order_id, "vendor_id": vendor, "created_at": self.at}
            yield _insert("vendor_orders", **of_order, **amounts, **common)
            for item in part["items"]:
                ids = {
                    "id": uuid.uuid4(),
                    "order_id": self.order_id,
                    "vendor_order_id": part["id"],
                    "vendor_id": vendor,
                }
                given = {name: value for name, value in item.items() if name != "price"}
                yield _insert("order_items", **ids, **given, unit_price=item["price"], position=position)
                position += 1
        yield self._entry("order.placed", "customer")

    def _cancel_parts(self, role: str) -> Iterator[Statement]:
        for vendor, part in self.parts.items():
            if part["status"] != "cancelled":
                part["status"] = "cancelled"
                yield self._entry("vendor_order.cancelled", role, vendor)

    def _entry(self, type_: str, role: str, vendor: str | None = None) -> Statement:
        self.sequence += 1
        return _insert(
            "order_events",
            order_id=self.order_id,
            vendor_order_id=self.parts[vendor]["id"] if vendor else None,
            sequence=self.sequence,
            type=type_,
            to_status=type_.partition(".")[2],
            actor_role=role,
            request_id="",
            data="{}",
            at=self.at,
        )

    def _paid(
        self, type_: str, amount: int, refund_id: str | None = None, occurred_at: datetime | None = None
    ) -> Statement:
        return _insert(
            "payment_events",
            event_id=str(uuid.uuid4()),
            order_id=self.order_id,
            claimed_order_id=self.order_id,
            type=type_,
            amount=amount,
            currency="",
            refund_id=refund_id,
            message="{}",
            occurred_at=occurred_at or self.at,
            received_at=self.at,
        )

    def _pass(self) -> None:
        self.at += timedelta(seconds=self.random.choice(PAUSES), microseconds=self.random.randrange(1_000_000))


_MEANINGLESS_ORDER = {
    "status": "cancelled",
    "payment_status": "paid",
    "note": "",
    "shipping_address": "{}",
    "cart_version": 1,
    "request_hash": b"",
    "version": 1,
    "event_count": 1,
    "payment_checks": 0,
    "updated_at": datetime(2026, 1, 1),
    "expires_at": datetime(2026, 1, 1),
    "payment_check_at": datetime(2026, 1, 1),
}


def _insert(table: str, **values: Any) -> Statement:
    names = ", ".join(f'"{name}"' for name in values)
    places = ", ".join(f"%({name})s" for name in values)
    return f"INSERT INTO {table} ({names}) VALUES ({places})", values


def write(connection: psycopg.Connection[Any], statements: list[Statement]) -> None:
    """Execute the statements of one transaction, without a commit."""
    for text, values in statements:
        connection.execute(text.encode(), values)
