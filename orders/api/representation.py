"""Orders, vendor orders and quotes in the words of the wire (contract: REST API): the only place that makes JSON of rows."""

from typing import Any

from orders.domain.addresses import MAX_LENGTHS
from orders.domain.callers import Role
from orders.domain.lifecycle import OrderStatus, order_actions, order_status_for_vendor, vendor_order_actions
from orders.domain.money import to_decimal_string
from orders.domain.records import OrderItemRow, OrderRecord, OrderRow, VendorOrderRecord, VendorOrderRow
from orders.services.checkout.quote import Quote
from orders.services.reading.history import Tracked
from orders.services.reading.summary import Summary
from orders.store.models import OrderEvent


def order_body(order: OrderRecord, role: Role) -> dict[str, Any]:
    """The order as a caller of this role sees it."""
    row = order.row
    currency = row.currency
    return {
        "id": row.id,
        "number": row.number,
        "customer_id": row.customer_id,
        "status": row.status,
        "payment_status": row.payment_status,
        "currency": currency,
        "subtotal": to_decimal_string(row.subtotal, currency),
        "discount": to_decimal_string(row.discount, currency),
        "total": to_decimal_string(row.total, currency),
        "coupon_code": row.coupon_code,
        "note": row.note,
        "items": [item_body(item, currency) for item in order.items],
        "vendor_orders": [_part_body(part) for part in order.vendor_orders],
        "shipping_address": _address_body(row),
        "available_actions": order_actions(role, row.status, order.vendor_statuses),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "expires_at": row.expires_at,
        "version": row.version,
    }


def item_body(item: OrderItemRow, currency: str) -> dict[str, Any]:
    """One product of an order."""
    return {
        "id": item.id,
        "product_id": item.product_id,
        "vendor_id": item.vendor_id,
        "name": item.name,
        "sku": item.sku,
        "quantity": item.quantity,
        "unit_price": to_decimal_string(item.unit_price, currency),
        "total": to_decimal_string(item.total, currency),
        "discount": to_decimal_string(item.discount, currency),
    }


def quote_body(quote: Quote) -> dict[str, Any]:
    """What checkout would cost now."""
    pricing = quote.pricing
    currency = pricing.currency
    return {
        "currency": currency,
        "items": [
            {
                "product_id": line.product.product_id,
                "vendor_id": line.product.vendor_id,
                "name": line.product.name,
                "sku": line.product.sku,
                "quantity": line.quantity,
                "unit_price": to_decimal_string(line.product.unit_price, currency),
                "total": to_decimal_string(line.total, currency),
                "available": line.product.available,
            }
            for line in pricing.lines
        ],
        "subtotal": to_decimal_string(pricing.subtotal, currency),
        "discount": to_decimal_string(pricing.discount, currency),
        "total": to_decimal_string(pricing.total, currency),
        "coupon_code": None,
        "cart_version": quote.cart_version,
        "shortages": quote.shortages,
    }


def vendor_order_body(record: VendorOrderRecord) -> dict[str, Any]:
    """A vendor order as its vendor, or an admin, sees it: nothing in it tells of other vendors.

    Where to send it is told while it is to be sent there, or has been: not before the order is paid for, nor of what is
    cancelled.
    """
    row, order = record.row, record.order
    order_status = order_status_for_vendor(order.status, row.status)
    return {
        "id": row.id,
        "order_id": row.order_id,
        "order_number": order.number,
        "order_status": order_status,
        "vendor_id": row.vendor_id,
        "status": row.status,
        "currency": row.currency,
        **_amounts_body(row),
        "items": [item_body(item, row.currency) for item in record.items],
        "shipping_address": _address_body(order) if order_status == OrderStatus.CONFIRMED else None,
        **_shipment_body(row),
        "available_actions": vendor_order_actions(order.status, row.status),
        "created_at": row.created_at,
        "updated_at": row.updated_at,
        "version": row.version,
    }


def tracking_body(tracked: Tracked) -> dict[str, Any]:
    """Where the parcels of an order are, and what has happened so far."""
    order = tracked.order
    items = {part.id: [item for item in order.items if item.vendor_order_id == part.id] for part in order.vendor_orders}
    return {
        "order_id": order.row.id,
        "number": order.row.number,
        "status": order.row.status,
        "shipments": [
            {
                "vendor_order_id": part.id,
                "vendor_id": part.vendor_id,
                "status": part.status,
                **_shipment_body(part),
                "items": [item_body(item, order.row.currency) for item in items[part.id]],
            }
            for part in order.vendor_orders
        ],
        "timeline": [
            {"at": entry.at, "type": entry.type, "from": entry.from_status, "to": entry.to_status}
            for entry in tracked.timeline
        ],
    }


def history_entry_body(entry: OrderEvent, role: Role) -> dict[str, Any]:
    """One entry of the audit trail; admins see it whole."""
    body = {
        "sequence": entry.sequence,
        "type": entry.type,
        "actor_role": entry.actor_role,
        "from": entry.from_status,
        "to": entry.to_status,
        "at": entry.at,
    }
    if role == "admin":
        body |= {"actor_id": entry.actor_id, "request_id": entry.request_id, "data": entry.data}
    return body


def summary_body(summary: Summary) -> dict[str, Any]:
    """A vendor's day at a glance."""
    return {
        "counts": summary.counts,
        "to_accept": summary.to_accept,
        "revenue": {currency: to_decimal_string(sum_, currency) for currency, sum_ in summary.revenue.items()},
        "oldest_waiting_at": summary.oldest_waiting_at,
    }


def dead_letter_body(letter: Any) -> dict[str, Any]:
    """A letter of `list_dead_letters`."""
    return {
        "id": letter.id,
        "source": letter.source,
        "reason": letter.reason,
        "message": letter.shown,
        "order_id": letter.order_id,
        "attempts": letter.attempts,
        "created_at": letter.created_at,
    }


def _part_body(part: VendorOrderRow) -> dict[str, Any]:
    return {
        "id": part.id,
        "vendor_id": part.vendor_id,
        "status": part.status,
        **_amounts_body(part),
        **_shipment_body(part),
    }


def _amounts_body(part: VendorOrderRow) -> dict[str, str]:
    return {
        "subtotal": to_decimal_string(part.subtotal, part.currency),
        "discount": to_decimal_string(part.discount, part.currency),
        "total": to_decimal_string(part.total, part.currency),
    }


def _shipment_body(part: VendorOrderRow) -> dict[str, Any]:
    return {
        "carrier": part.carrier,
        "tracking_number": part.tracking_number,
        "tracking_url": part.tracking_url,
        "shipped_at": part.shipped_at,
        "delivered_at": part.delivered_at,
    }


def _address_body(order: OrderRow) -> dict[str, str]:
    return {name: order.shipping_address.get(name, "") for name in MAX_LENGTHS}  # orders placed earlier have no state
