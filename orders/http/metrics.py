"""Metrics of the API, for `/metrics`."""

from functools import cache

from prometheus_client import Counter, Gauge, Histogram

from orders.domain.errors import CouponUnavailable

REQUESTS = Histogram(
    "http_request_seconds",
    "Requests by route and status",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 5.5),  # CHECKOUT_BUDGET_SECONDS, and 0.5 s
)
RATE_LIMITED = Counter("rate_limited_total", "Requests refused with 429 rate_limited", ["policy"])
RATE_LIMIT_STORE_UP = Gauge(
    "rate_limit_store_up",
    "1 while Redis counts the rate limits, 0 while each process does",
    multiprocess_mode="livemin",
)
RATE_LIMIT_SECONDS = Histogram(
    "rate_limit_seconds",
    "How long a look at the rate limits took",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
)
PROBLEMS = Counter(
    "http_problems_total", "Error responses by the code of their problem, except shed requests", ["code"]
)
COUPONS_REFUSED = Counter("coupons_refused_total", "Checkouts and quotes refused because of a coupon", ["reason"])

for _reason in CouponUnavailable.REASONS:  # present from the start, so that the first one is an increase
    COUPONS_REFUSED.labels(_reason)


@cache
def requests(method: str, route: str, status: int) -> Histogram:
    """Return the histogram of these requests. Cached, since a look-up of labels takes longer than the observation."""
    return REQUESTS.labels(method, route, status)
