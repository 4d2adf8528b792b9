"""Table of the caching of each route's responses, written by hand from the contract ("HTTP caching")."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Caching:
    """The headers of a successful response. `conditional`: If-None-Match is honoured."""

    cache_control: str
    vary: str | None = None
    tagged: bool = False
    conditional: bool = False


NO_STORE = Caching("no-store")
TAGGED = Caching("no-store", tagged=True)  # for If-Match
PRIVATE = Caching("private, no-cache", "Authorization", tagged=True, conditional=True)
REVALIDATED = Caching("no-cache", "Accept-Encoding", tagged=True, conditional=True)
PUBLISHED = Caching("public, max-age=31536000, immutable", "Accept-Encoding", tagged=True, conditional=True)
ASSET = Caching("public, max-age=3600", "Accept-Encoding", tagged=True, conditional=True)

TABLE = {
    ("POST", "/api/v1/orders"): TAGGED,
    ("GET", "/api/v1/orders"): NO_STORE,
    ("POST", "/api/v1/orders/quote"): NO_STORE,
    ("GET", "/api/v1/orders/{order_id}"): PRIVATE,
    ("POST", "/api/v1/orders/{order_id}/cancel"): TAGGED,
    ("GET", "/api/v1/orders/{order_id}/tracking"): PRIVATE,
    ("GET", "/api/v1/orders/{order_id}/history"): PRIVATE,
    ("GET", "/api/v1/orders/{order_id}/stream"): NO_STORE,
    ("GET", "/api/v1/vendor-orders"): NO_STORE,
    ("GET", "/api/v1/vendor-orders/summary"): NO_STORE,
    ("GET", "/api/v1/vendor-orders/{vendor_order_id}"): PRIVATE,
    ("POST", "/api/v1/vendor-orders/{vendor_order_id}/accept"): TAGGED,
    ("POST", "/api/v1/vendor-orders/{vendor_order_id}/ship"): TAGGED,
    ("POST", "/api/v1/vendor-orders/{vendor_order_id}/deliver"): TAGGED,
    ("POST", "/api/v1/vendor-orders/{vendor_order_id}/cancel"): TAGGED,
    ("GET", "/api/v1/vendor-orders/{vendor_order_id}/stream"): NO_STORE,
    ("POST", "/api/v1/coupons"): TAGGED,
    ("GET", "/api/v1/coupons"): NO_STORE,
    ("GET", "/api/v1/coupons/{code}"): TAGGED,
    ("PATCH", "/api/v1/coupons/{code}"): TAGGED,
    ("DELETE", "/api/v1/coupons/{code}"): NO_STORE,
    ("GET", "/api/v1/coupons/{code}/redemptions"): NO_STORE,
    ("GET", "/api/v1/coupons/{code}/history"): NO_STORE,
    ("POST", "/api/v1/coupon-batches"): NO_STORE,
    ("GET", "/api/v1/coupon-batches"): NO_STORE,
    ("GET", "/api/v1/coupon-batches/{batch_id}"): NO_STORE,
    ("PATCH", "/api/v1/coupon-batches/{batch_id}"): NO_STORE,
    ("GET", "/api/v1/analytics/sales"): PRIVATE,
    ("GET", "/api/v1/analytics/top-products"): PRIVATE,
    ("GET", "/api/v1/analytics/bought-together"): PRIVATE,
    ("GET", "/api/v1/analytics/customers"): PRIVATE,
    ("GET", "/api/v1/analytics/cohorts"): PRIVATE,
    ("GET", "/api/v1/analytics/funnel"): PRIVATE,
    ("GET", "/api/v1/analytics/coupons"): PRIVATE,
    ("GET", "/api/v1/analytics/payments"): PRIVATE,
    ("GET", "/api/v1/admin/dead-letters"): NO_STORE,
    ("POST", "/api/v1/admin/dead-letters/{dead_letter_id}/retry"): NO_STORE,
    ("GET", "/"): REVALIDATED,
    ("GET", "/api/schema"): REVALIDATED,
    ("GET", "/api/doc"): REVALIDATED,
    ("GET", "/api/doc/{name}"): ASSET,
    ("GET", "/dashboard"): REVALIDATED,
    ("GET", "/dashboard/vendor-orders/{vendor_order_id}"): REVALIDATED,
    ("GET", "/dashboard/orders"): REVALIDATED,
    ("GET", "/dashboard/orders/{order_id}"): REVALIDATED,
    ("GET", "/dashboard/analytics"): REVALIDATED,
    ("GET", "/dashboard/coupons"): REVALIDATED,
    ("GET", "/dashboard/coupons/new"): REVALIDATED,
    ("GET", "/dashboard/coupons/{code}"): REVALIDATED,
    ("GET", "/dashboard/dead-letters"): REVALIDATED,
    ("GET", "/dashboard/assets/{digest}/{name}"): PUBLISHED,
    ("GET", "/healthz"): NO_STORE,
    ("GET", "/readyz"): NO_STORE,
    ("GET", "/metrics"): NO_STORE,
}
