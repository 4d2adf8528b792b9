"""Metrics of the clients, for `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Histogram(
    "neighbour_call_seconds",
    "Calls to neighbours, retries included; unknown: not sent, cancelled, or timed out while this process was busy",
    ["neighbour", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5),
)
RETRIES = Counter("neighbour_retries_total", "Retried calls", ["neighbour"])
IN_FLIGHT = Gauge(
    "neighbour_calls_in_flight",
    "Calls in progress or waiting for a slot (NEIGHBOUR_CALLS_IN_FLIGHT)",
    ["neighbour"],
    multiprocess_mode="livesum",
)
CIRCUIT_OPEN = Gauge(
    "neighbour_circuit_open", "1 while the circuit breaker refuses calls", ["circuit"], multiprocess_mode="livemax"
)
