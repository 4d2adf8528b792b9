"""Metrics of orders, for `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

DATABASE_WAIT = Histogram(
    "database_wait_seconds",
    "How long functions waited for a thread with a connection (DATABASE_THREADS)",
    buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1),
)
CHECKOUTS_IN_FLIGHT = Gauge("checkouts_in_flight", "Checkouts under way in this process (CHECKOUTS_IN_FLIGHT)")
SHED = Counter(
    "requests_shed_total", "Requests refused with 503 overloaded before any work was done for them", ["what"]
)
DEAD_LETTERS_DROPPED = Counter(
    "dead_letters_dropped_total", "Unusable messages that were not kept, because too many are kept already", ["source"]
)
