"""The rows of a new order: the order, its parts, its first audit entries and its first effects."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings

from orders.domain.callers import Actor
from orders.domain.ids import ids_of_parts, number_of
from orders.domain.lifecycle import OrderStatus, PaymentStatus, VendorOrderStatus
from orders.domain.money import to_decimal_string
from orders.domain.pricing import Pricing, Share
from orders.domain.records import AppliedCoupon, OrderEventRow, OrderItemRow, OrderRow, VendorOrderRow
from orders.outbox.effects import clear_cart, commit_stock, publish
from orders.outbox.messages import order_event, payment_command
from orders.outbox.queue import leased_rows
from orders.store.order_writer import NewOrder


def new_order(
    *,
    order_id: UUID,
    actor: Actor,
    pricing: Pricing,
    address: dict[str, str],
    note: str,
    cart_version: int,
    request_hash: str,
    stock_revision: int,
    coupon_code: str | None = None,
    coupons: Sequence[AppliedCoupon] = (),
) -> NewOrder:
    """Return all rows of the order, for one insert. An order with a zero total is confirmed from the start."""
    now = datetime.now(UTC)
    events = _events(order_id, actor, pricing, coupons, now)
    order = OrderRow(
        id=order_id,
        number=number_of(order_id),
        customer_id=actor.id or "",
        status=OrderStatus.PENDING if pricing.total else OrderStatus.CONFIRMED,
        payment_status=PaymentStatus.UNPAID if pricing.total else PaymentStatus.PAID,
        currency=pricing.currency,
        subtotal=pricing.subtotal,
        discount=pricing.discount,
        total=pricing.total,
        coupon_code=coupon_code,
        coupons=coupons,
        note=note,
        shipping_address=address,
        cart_version=cart_version,
        request_hash=request_hash,
        stock_revision=stock_revision,
        version=1,
        event_count=len(events),
        created_at=now,
        updated_at=now,
        expires_at=now + timedelta(seconds=settings.ORDER_EXPIRY_SECONDS),
        payment_check_at=now + timedelta(seconds=settings.PAYMENT_STATUS_AFTER_SECONDS),
        payment_checks=0,
    )
    ids = ids_of_parts(order_id, len(pricing.shares) + len(pricing.lines))
    vendor_orders = {
        vendor_id: _vendor_order(next(ids), order, vendor_id, share) for vendor_id, share in pricing.shares.items()
    }
    return NewOrder(
        order=order,
        vendor_orders=list(vendor_orders.values()),
        order_items=_items(ids, vendor_orders, pricing),
        order_events=events,
        outbox=_effects(order, actor, now),
    )


def _vendor_order(id_: UUID, order: OrderRow, vendor_id: str, share: Share) -> VendorOrderRow:
    return VendorOrderRow(
        id=id_,
        order_id=order.id,
        vendor_id=vendor_id,
        status=VendorOrderStatus.PENDING,
        currency=order.currency,
        subtotal=share.subtotal,
        discount=share.discount,
        total=share.total,
        version=1,
        created_at=order.created_at,
        updated_at=order.created_at,
    )


def _items(ids: Iterator[UUID], vendor_orders: Mapping[str, VendorOrderRow], pricing: Pricing) -> list[OrderItemRow]:
    parts = [vendor_orders[line.product.vendor_id] for line in pricing.lines]
    return [
        OrderItemRow(
            id=next(ids),
            order_id=part.order_id,
            vendor_order_id=part.id,
            position=position,
            product_id=line.product.product_id,
            vendor_id=part.vendor_id,
            name=line.product.name,
            sku=line.product.sku,
            quantity=line.quantity,
            unit_price=line.product.unit_price,
            total=line.total,
            discount=line.discount,
        )
        for position, (part, line) in enumerate(zip(parts, pricing.lines, strict=True))
    ]


def _events(
    order_id: UUID, actor: Actor, pricing: Pricing, coupons: Sequence[AppliedCoupon], now: datetime
) -> list[OrderEventRow]:
    system = Actor("system", None, actor.request_id)
    discounts = [
        {"code": each.code, "discount": to_decimal_string(each.discount, pricing.currency)} for each in coupons
    ]
    data = {"coupons": discounts} if discounts else {}
    steps: list[tuple[Actor, str, str | None, str]] = [(actor, "order.placed", None, OrderStatus.PENDING)]
    if not pricing.total:
        steps += [
            (system, "payment.paid", PaymentStatus.UNPAID, PaymentStatus.PAID),
            (system, "order.confirmed", OrderStatus.PENDING, OrderStatus.CONFIRMED),
        ]
    return [
        OrderEventRow(
            order_id=order_id,
            sequence=sequence,
            type=type_,
            from_status=from_status,
            to_status=to_status,
            actor_role=by.role,
            actor_id=by.id,
            request_id=by.request_id,
            data=data if type_ == "order.placed" else {},
            at=now,
        )
        for sequence, (by, type_, from_status, to_status) in enumerate(steps, start=1)
    ]


def _effects(order: OrderRow, actor: Actor, now: datetime) -> list[dict[str, Any]]:
    placed = order_event("order.placed", order, now)
    clear = clear_cart(order.customer_id, order.cart_version)
    if order.total:
        request = payment_command("payment.requested", order, now)
        effects = [publish(placed), publish(request), clear]
    else:
        confirmed = order_event("order.confirmed", order, now)
        effects = [publish(placed, confirmed), clear, commit_stock()]
    return leased_rows(order, actor.request_id, effects, now)
