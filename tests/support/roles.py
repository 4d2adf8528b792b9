"""Table of the roles that may use each route, written by hand from the contract."""

CUSTOMER, BUYERS, SELLERS, ADMINS = ["customer"], ["customer", "admin"], ["vendor", "admin"], ["admin"]

TABLE = {
    ("POST", "/orders"): CUSTOMER,
    ("GET", "/orders"): BUYERS,
    ("POST", "/orders/quote"): CUSTOMER,
    ("GET", "/orders/{order_id}"): BUYERS,
    ("POST", "/orders/{order_id}/cancel"): BUYERS,
    ("GET", "/orders/{order_id}/tracking"): BUYERS,
    ("GET", "/orders/{order_id}/history"): BUYERS,
    ("GET", "/orders/{order_id}/stream"): BUYERS,
    ("GET", "/vendor-orders"): SELLERS,
    ("GET", "/vendor-orders/summary"): SELLERS,
    ("GET", "/vendor-orders/{vendor_order_id}"): SELLERS,
    ("POST", "/vendor-orders/{vendor_order_id}/accept"): SELLERS,
    ("POST", "/vendor-orders/{vendor_order_id}/ship"): SELLERS,
    ("POST", "/vendor-orders/{vendor_order_id}/deliver"): SELLERS,
    ("POST", "/vendor-orders/{vendor_order_id}/cancel"): SELLERS,
    ("GET", "/vendor-orders/{vendor_order_id}/stream"): SELLERS,
    ("POST", "/coupons"): SELLERS,
    ("GET", "/coupons"): SELLERS,
    ("GET", "/coupons/{code}"): SELLERS,
    ("PATCH", "/coupons/{code}"): SELLERS,
    ("DELETE", "/coupons/{code}"): SELLERS,
    ("GET", "/coupons/{code}/redemptions"): SELLERS,
    ("GET", "/coupons/{code}/history"): SELLERS,
    ("POST", "/coupon-batches"): SELLERS,
    ("GET", "/coupon-batches"): SELLERS,
    ("GET", "/coupon-batches/{batch_id}"): SELLERS,
    ("PATCH", "/coupon-batches/{batch_id}"): SELLERS,
    ("GET", "/admin/dead-letters"): ADMINS,
    ("POST", "/admin/dead-letters/{dead_letter_id}/retry"): ADMINS,
}

METHODS = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"]
