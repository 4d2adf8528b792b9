"""Metrics of the clients, for `/metrics`."""

from prometheus_client import Counter, Gauge, Histogram

CALLS = Histogram(
    "neighbour_call_seconds",
    "Calls to neighbours, retries included; unknown: not asked, given up by the caller, or looked at too late",
    ["neighbour", "outcome"],
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
)
RETRIES = Counter("neighbour_retries_total", "Calls that were sent once more", ["neighbour"])
IN_FLIGHT = Gauge(
    "neighbour_calls_in_flight", "Calls under way or waiting for room (NEIGHBOUR_CALLS_IN_FLIGHT)", ["neighbour"]
)
CIRCUIT_OPEN = Gauge("neighbour_circuit_open", "1 while the circuit breaker refuses calls", ["circuit"])
