"""Metrics of the API, for `/metrics`."""

from prometheus_client import Histogram

REQUESTS = Histogram(
    "http_request_seconds",
    "Requests by route and status",
    ["method", "route", "status"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
