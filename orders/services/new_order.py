"""The rows of an order that is about to be placed: the order, its parts, its first audit entries, its first effects."""

import secrets
import uuid
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from django.conf import settings

from orders import outbox
from orders.callers import Actor
from orders.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.models import Order
from orders.pricing import Pricing
from orders.writer import NewOrder

NUMBER_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
"""Crockford's base 32: no letter that is mistaken for a digit when read aloud."""


def new_order(
    order_id: uuid.UUID,
    actor: Actor,
    pricing: Pricing,
    address: Mapping[str, str],
    note: str,
    cart_version: int,
    request_hash: bytes,
) -> NewOrder:
    """All rows of the order, ready to be written at once. One that costs nothing is confirmed from the start."""
    now = datetime.now(UTC)
    expires_at = now + timedelta(seconds=settings.ORDER_EXPIRY_SECONDS)
    events = _events(order_id, actor, pricing, now)
    order = {
        "id": order_id,
        "number": number(),
        "customer_id": actor.id,
        "status": OrderStatus.PENDING if pricing.total else OrderStatus.CONFIRMED,
        "payment_status": PaymentStatus.UNPAID if pricing.total else PaymentStatus.PAID,
        "currency": pricing.currency,
        "subtotal": pricing.subtotal,
        "discount": pricing.discount,
        "total": pricing.total,
        "coupon_code": None,
        "note": note,
        "shipping_address": address,
        "cart_version": cart_version,
        "request_hash": "\\x" + request_hash.hex(),
        "version": 1,
        "event_count": len(events),
        "created_at": now,
        "updated_at": now,
        "expires_at": expires_at,
        "payment_check_at": now + timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS),
        "payment_checks": 0,
    }
    vendor_orders = {vendor_id: _vendor_order(order_id, vendor_id, pricing, now) for vendor_id in pricing.shares}
    items = [
        {
            "id": uuid.uuid4(),
            "order_id": order_id,
            "vendor_order_id": vendor_orders[line.product.vendor_id]["id"],
            "position": position,
            "product_id": line.product.product_id,
            "vendor_id": line.product.vendor_id,
            "name": line.product.name,
            "sku": line.product.sku,
            "quantity": line.quantity,
            "unit_price": line.product.unit_price,
            "total": line.total,
        }
        for position, line in enumerate(pricing.lines)
    ]
    return NewOrder([order], list(vendor_orders.values()), items, events, _effects(order, actor, now))


def number() -> str:
    """What people call the order: 60 random bits, readable and unguessable, like "7KQM-3XPA-9T2F"."""
    bits = secrets.randbits(60)
    letters = "".join(NUMBER_ALPHABET[bits >> shift & 31] for shift in range(0, 60, 5))
    return f"{letters[:4]}-{letters[4:8]}-{letters[8:]}"


def _vendor_order(order_id: uuid.UUID, vendor_id: str, pricing: Pricing, now: datetime) -> dict[str, Any]:
    share = pricing.shares[vendor_id]
    return {
        "id": uuid.uuid4(),
        "order_id": order_id,
        "vendor_id": vendor_id,
        "status": VendorOrderStatus.PENDING,
        "subtotal": share.subtotal,
        "discount": share.discount,
        "total": share.total,
        "carrier": None,
        "tracking_number": None,
        "tracking_url": None,
        "shipped_at": None,
        "delivered_at": None,
        "version": 1,
        "created_at": now,
        "updated_at": now,
    }


def _events(order_id: uuid.UUID, actor: Actor, pricing: Pricing, now: datetime) -> list[dict[str, Any]]:
    steps: list[tuple[str, str | None, str]] = [("order.placed", None, OrderStatus.PENDING)]
    if not pricing.total:
        steps += [
            ("payment.paid", PaymentStatus.UNPAID, PaymentStatus.PAID),
            ("order.confirmed", OrderStatus.PENDING, OrderStatus.CONFIRMED),
        ]
    return [
        {
            "order_id": order_id,
            "vendor_order_id": None,
            "sequence": sequence,
            "type": type_,
            "from_status": from_status,
            "to_status": to_status,
            "actor_role": actor.role if sequence == 1 else "system",
            "actor_id": actor.id if sequence == 1 else None,
            "request_id": actor.request_id,
            "data": {},
            "at": now,
        }
        for sequence, (type_, from_status, to_status) in enumerate(steps, start=1)
    ]


def _effects(row: Mapping[str, Any], actor: Actor, now: datetime) -> list[dict[str, Any]]:
    order = Order(id=row["id"], total=row["total"], currency=row["currency"])
    placed = outbox.order_event("order.placed", order, now)
    clear = outbox.clear_cart(row["customer_id"], row["cart_version"])
    if order.total:
        effects = [outbox.publish(placed, outbox.payment_command("payment.requested", order, now)), clear]
    else:
        confirmed = outbox.order_event("order.confirmed", order, now)
        effects = [outbox.publish(placed, confirmed), clear, outbox.commit_stock()]
    return [effect.as_row(order.id, actor.request_id) for effect in effects]
