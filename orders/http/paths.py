"""The paths that middleware recognizes, before Django resolves them."""

API = "/api/v1/"
CHECKOUT = f"{API}orders"
QUOTE = f"{API}orders/quote"
COUPONS = f"{API}coupons"
ANALYTICS = f"{API}analytics"
EXPORT = f"{API}export/"


def opens_stream(method: str | None, path: str) -> bool:
    """Return whether a request is for a stream of Server-Sent Events."""
    return path.startswith(API) and path.endswith("/stream") and method in ("GET", "HEAD")


def needs_no_token(path: str) -> bool:
    """Return whether a path is that of documentation, schema or dashboard."""
    return path in ("/api/doc", "/api/schema", "/dashboard") or path.startswith(("/api/doc/", "/dashboard/"))
