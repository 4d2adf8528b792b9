"""Metrics of the API, for `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Histogram(
    "http_request_seconds",
    "Requests by route and status",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
RATE_LIMITED = Counter("rate_limited_total", "Requests refused with 429 rate_limited", ["policy"])
RATE_LIMIT_STORE_UP = Gauge("rate_limit_store_up", "1 while Redis counts the rate limits, 0 while each process does")
RATE_LIMIT_SECONDS = Histogram(
    "rate_limit_seconds",
    "How long a look at the rate limits took",
    buckets=(0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1),
)
