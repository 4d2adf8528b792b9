"""The knowledge of a history's open orders at the sandbox's neighbours: Product has sold their stock, Payment has their money.

The sandbox keeps its state in memory: after a restart it knows the history's orders as little as any others.
"""

from collections.abc import Mapping
from typing import Any

import grpc
import httpx
import psycopg

from protos.product.v1 import product_pb2 as pb
from protos.product.v1.product_pb2_grpc import ProductServiceStub

DAYS = 4
"""Orders changed within these days are known to Product: reconciliation compares those of the last three."""

CUSTOMERS = "^c-[0-9]{7}$"
"""The ids of a history's customers (`history.sql`): the orders of others have had calls of their own."""

TIMEOUT_SECONDS = 10
_RECENT = """
    SELECT o.id, o.status = 'pending', greatest(extract(epoch FROM o.expires_at - now()), 0)::bigint,
        jsonb_object_agg(i.product_id, i.quantity)
    FROM orders o JOIN vendor_orders v ON v.order_id = o.id JOIN order_items i ON i.vendor_order_id = v.id
    WHERE o.customer_id ~ %s AND o.updated_at > now() - %s * interval '1 day' AND v.status <> 'cancelled' GROUP BY o.id"""
_CANCELLABLE = """
    SELECT message FROM payment_events p JOIN orders o ON o.id = p.order_id
    WHERE o.customer_id ~ %s AND p.type = 'payment.captured' AND o.status IN ('confirmed', 'processing')"""


def hold_and_sell(connection: psycopg.Connection[Any], environment: Mapping[str, str]) -> None:
    """Hold the stock of the pending orders at Product, and sell that of the other recent ones. Raises grpc.RpcError."""
    with grpc.insecure_channel(environment["PRODUCT_SERVICE_ADDR"]) as channel:
        product: Any = ProductServiceStub(channel)  # type: ignore[no-untyped-call]
        for order_id, is_pending, seconds, lines in connection.execute(_RECENT.encode(), [CUSTOMERS, DAYS]).fetchall():
            metadata = (
                ("authorization", f"Bearer {environment['SERVICE_TOKEN']}"),
                ("x-request-id", str(order_id)),
                ("traceparent", f"00-{order_id.hex}-{order_id.hex[:16]}-01"),
            )
            units = [pb.Line(product_id=product_id, quantity=quantity) for product_id, quantity in lines.items()]
            reserve = pb.ReserveStockRequest(order_id=str(order_id), lines=units, ttl_seconds=seconds + 3600)
            hold = product.ReserveStock(reserve, timeout=TIMEOUT_SECONDS, metadata=metadata).hold
            if is_pending:
                connection.execute("UPDATE orders SET stock_revision = %s WHERE id = %s", [hold.revision, order_id])
            else:
                commit = pb.CommitStockRequest(order_id=str(order_id), revision=hold.revision)
                product.CommitStock(commit, timeout=TIMEOUT_SECONDS, metadata=metadata)


def capture(connection: psycopg.Connection[Any], control_url: str) -> None:
    """Have Payment send the captures of the orders that can still be cancelled, so that it can refund them.

    The service knows these events, so they must be committed before. Raises httpx.HTTPError.
    """
    with httpx.Client(base_url=control_url, timeout=TIMEOUT_SECONDS, trust_env=False) as control:
        for (message,) in connection.execute(_CANCELLABLE.encode(), [CUSTOMERS]).fetchall():
            known = {
                name: message[name] for name in ("event_id", "payment_id", "amount_minor", "currency", "occurred_at")
            }
            control.post(f"/payments/{message['order_id']}/capture", json=known).raise_for_status()
