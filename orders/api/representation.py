"""Orders and quotes in the words of the wire (contract: REST API). The only place that turns rows into JSON values."""

from typing import Any

from orders.callers import Role
from orders.lifecycle import order_actions
from orders.money import to_decimal_string
from orders.rows import OrderItemRow, OrderRecord, VendorOrderRow
from orders.services.quote import Quote

ADDRESS = ("name", "line1", "line2", "city", "postal_code", "country", "phone")


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
        "vendor_orders": [_vendor_order_body(part, currency) for part in order.vendor_orders],
        "shipping_address": {name: row.shipping_address[name] for name in ADDRESS},
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


def _vendor_order_body(part: VendorOrderRow, currency: str) -> dict[str, Any]:
    return {
        "id": part.id,
        "vendor_id": part.vendor_id,
        "status": part.status,
        "subtotal": to_decimal_string(part.subtotal, currency),
        "discount": to_decimal_string(part.discount, currency),
        "total": to_decimal_string(part.total, currency),
        "carrier": part.carrier,
        "tracking_number": part.tracking_number,
        "tracking_url": part.tracking_url,
        "shipped_at": part.shipped_at,
        "delivered_at": part.delivered_at,
    }
