"""Orders with steps at given times, as if they had been placed and paid then: the trail is append-only, so it is inserted whole."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg.types.json import Jsonb

from tests.support.world import World

LATE = "2099-01-01T00:00:00Z"
ADDRESS = dict.fromkeys(("name", "line1", "line2", "city", "state", "postal_code", "phone"), "") | {"country": "FR"}
SHIPMENT = {"carrier": "DHL", "tracking_number": "JD0146"}
RANKS = ["pending", "processing", "shipped", "delivered"]


@dataclass(frozen=True)
class Line:
    """An item; amounts in minor units, `discount` that of the whole line."""

    vendor_id: str
    product_id: str
    quantity: int
    price: int
    discount: int = 0
    name: str = "Mug"
    sku: str = "MUG"

    @property
    def total(self) -> int:
        return self.quantity * self.price


@dataclass
class PastOrder:
    """An order of the past with its trail; `coupons` are what each coupon takes off, by its response."""

    currency: str
    placed_at: str
    lines: list[Line]
    customer_id: str = field(default_factory=lambda: f"c-{uuid.uuid4()}")
    coupons: Sequence[tuple[Mapping[str, Any], int]] = field(default_factory=list)
    id: uuid.UUID = field(default_factory=uuid.uuid4)

    def __post_init__(self) -> None:
        self.status = "pending"
        self.parts = {vendor: uuid.uuid4() for vendor in dict.fromkeys(line.vendor_id for line in self.lines)}
        self.statuses = dict.fromkeys(self.parts, "pending")
        self.trail: list[dict[str, Any]] = []
        self._add("order.placed", None, "pending", self.placed_at, "customer")

    def confirm(self, at: str) -> "PastOrder":
        """Pay it."""
        return self._move("confirmed", at, "payment")

    def expire(self, at: str) -> "PastOrder":
        """Cancel all parts, and let it expire."""
        for vendor in self.parts:
            self._move_part("cancelled", at, "system", vendor)
        return self._move("expired", at, "system")

    def cancel(self, at: str, role: str, *vendors: str) -> "PastOrder":
        """Cancel the parts of these vendors, or all."""
        for vendor in vendors or self.parts:
            self._move_part("cancelled", at, role, vendor)
        return self._roll_up(at, role)

    def fulfil(self, vendor: str, *steps: tuple[str, str]) -> "PastOrder":
        """Take a part through these steps (status, time)."""
        for status, at in steps:
            self._move_part(status, at, "vendor", vendor)
            self._roll_up(at, "vendor")
        return self

    def _roll_up(self, at: str, role: str) -> "PastOrder":
        live = [RANKS.index(status) for status in self.statuses.values() if status != "cancelled"]
        status = "cancelled" if not live else RANKS[min(live)] if min(live) > 1 else RANKS[min(max(live), 1)]
        if status not in ("pending", self.status):
            self._move(status, at, role)
        return self

    def _move(self, status: str, at: str, role: str) -> "PastOrder":
        self._add(f"order.{status}", self.status, status, at, role)
        self.status = status
        return self

    def _move_part(self, status: str, at: str, role: str, vendor: str) -> None:
        self._add(f"vendor_order.{status}", self.statuses[vendor], status, at, role, self.parts[vendor])
        self.statuses[vendor] = status

    def _add(
        self, type_: str, before: str | None, after: str, at: str, role: str, part_id: uuid.UUID | None = None
    ) -> None:
        self.trail.append(
            {
                "order_id": self.id,
                "vendor_order_id": part_id,
                "sequence": len(self.trail) + 1,
                "type": type_,
                "from_status": before,
                "to_status": after,
                "actor_role": role,
                "actor_id": "someone",
                "request_id": "past",
                "data": Jsonb({}),
                "at": at,
            }
        )

    def rows(self) -> Iterable[tuple[str, dict[str, Any]]]:
        """Return the rows besides the trail, with their tables."""
        times = {"created_at": self.placed_at, "updated_at": self.trail[-1]["at"]}
        first = self.coupons[0][0]["code"] if self.coupons else None
        yield (
            "orders",
            {
                "id": self.id,
                "number": self.id.hex[:14],
                "customer_id": self.customer_id,
                "status": self.status,
                "payment_status": "unpaid",
                "currency": self.currency,
                **_amounts(self.lines),
                "coupon_code": first,
                "coupons": Jsonb([_applied(coupon, discount) for coupon, discount in self.coupons]),
                "note": "",
                "shipping_address": Jsonb(ADDRESS),
                "cart_version": 1,
                "request_hash": b"",
                "version": 1,
                "event_count": len(self.trail),
                **times,
                "expires_at": LATE,
                "payment_check_at": LATE,
                "payment_checks": 0,
            },
        )
        for vendor, part_id in self.parts.items():
            lines = [line for line in self.lines if line.vendor_id == vendor]
            own = [entry for entry in self.trail if entry["vendor_order_id"] == part_id]
            at = {entry["to_status"]: entry["at"] for entry in own}
            confirmed = any(entry["type"] == "order.confirmed" for entry in self.trail)
            yield (
                "vendor_orders",
                {
                    "id": part_id,
                    "order_id": self.id,
                    "vendor_id": vendor,
                    "status": self.statuses[vendor],
                    "currency": self.currency,
                    **_amounts(lines),
                    "version": 1 + len(own) + (confirmed and _amounts(self.lines)["total"] > 0),
                    **times,
                    **(SHIPMENT if "shipped" in at else {}),
                    "shipped_at": at.get("shipped"),
                    "delivered_at": at.get("delivered"),
                },
            )
        for position, line in enumerate(self.lines):
            yield (
                "order_items",
                {
                    "id": uuid.uuid4(),
                    "order_id": self.id,
                    "vendor_order_id": self.parts[line.vendor_id],
                    "position": position,
                    "product_id": line.product_id,
                    "vendor_id": line.vendor_id,
                    "name": line.name,
                    "sku": line.sku,
                    "quantity": line.quantity,
                    "unit_price": line.price,
                    "total": line.total,
                    "discount": line.discount,
                },
            )
        yield from (("coupon_redemptions", self._redemption(coupon, discount)) for coupon, discount in self.coupons)

    def _redemption(self, coupon: Mapping[str, Any], discount: int) -> dict[str, Any]:
        ended, status = self.trail[-1]["at"], "redeemed"
        if self.status in ("pending", "cancelled", "expired"):
            status = "reserved" if self.status == "pending" else "released"
        return {
            "id": uuid.uuid4(),
            "coupon_id": coupon["id"],
            "order_id": self.id,
            "vendor_order_id": self.parts.get(coupon["vendor_id"]),
            "customer_id": self.customer_id,
            "discount": discount,
            "currency": self.currency,
            "status": status,
            "reserved_at": self.placed_at,
            "redeemed_at": ended if status == "redeemed" else None,
            "released_at": ended if status == "released" else None,
        }


def insert(world: World, orders: Iterable[PastOrder], payments: Iterable[Mapping[str, Any]] = ()) -> None:
    """Insert the orders with their trails, and events of the ledger, in one transaction: a report sees all of it or nothing."""
    orders = list(orders)
    with psycopg.connect(world.stack.postgres.url) as connection:
        for order in orders:
            for table, row in order.rows():
                _insert(connection, table, row)
            if order.status not in ("cancelled", "expired"):
                for coupon, discount in order.coupons:
                    connection.execute(
                        "UPDATE coupon_usage u SET times_used = times_used + 1, amount_used = amount_used"
                        " + CASE WHEN c.currency IS NULL THEN 0 ELSE %s END"
                        " FROM coupons c WHERE c.id = u.coupon_id AND c.id = %s",
                        [discount, coupon["id"]],
                    )
        for entry in sorted((entry for order in orders for entry in order.trail), key=lambda entry: str(entry["at"])):
            _insert(connection, "order_events", entry)
        for payment in payments:
            _insert(connection, "payment_events", dict(payment))


def payment(order: PastOrder, type_: str, amount: int, received_at: str, **fields: Any) -> dict[str, Any]:
    """Return an event of the ledger."""
    return {
        "event_id": f"e-{uuid.uuid4()}",
        "order_id": order.id,
        "claimed_order_id": order.id,
        "type": type_,
        "amount": amount,
        "currency": order.currency,
        "message": Jsonb({}),
        "occurred_at": received_at,
        "received_at": received_at,
        **fields,
    }


def _insert(connection: psycopg.Connection[Any], table: str, row: Mapping[str, Any]) -> None:
    names, values = ", ".join(row), ", ".join(["%s"] * len(row))
    connection.execute(f"INSERT INTO {table} ({names}) VALUES ({values})".encode(), list(row.values()))


def _amounts(lines: Iterable[Line]) -> dict[str, int]:
    lines = list(lines)
    subtotal, discount = sum(line.total for line in lines), sum(line.discount for line in lines)
    return {"subtotal": subtotal, "discount": discount, "total": subtotal - discount}


def _applied(coupon: Mapping[str, Any], discount: int) -> dict[str, Any]:
    return {
        "coupon_id": coupon["id"],
        "code": coupon["code"],
        "kind": coupon["kind"],
        "funded_by": coupon["funded_by"],
        "vendor_id": coupon["vendor_id"],
        "discount": discount,
    }
