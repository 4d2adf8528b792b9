"""Measure what metrics and spans cost a request, in microseconds: the minimum of many short rounds, which is the least disturbed.

python -m tests.load.observability_cost      metrics in memory, as in a server of one process; with PROMETHEUS_MULTIPROC_DIR=…
                                             (an empty directory) as with `--workers N`
"""

import timeit
from collections.abc import Callable

from clients.metrics import CALLS
from orders.http.metrics import REQUESTS, requests
from orders.runtime import tracing
from orders.runtime.metrics import DATABASE_CALL, effect_seconds

ROUNDS, REPETITIONS = 400, 500

CALLED = CALLS.labels("user", "answered")

PARTS: dict[str, tuple[int, Callable[[], object]]] = {
    "a request, by its labels (before)": (0, lambda: REQUESTS.labels("GET", "api/v1/orders", 200).observe(0.02)),
    "a request, cached (now)": (1, lambda: requests("GET", "api/v1/orders", 200).observe(0.02)),
    "a call to another service": (3, lambda: CALLED.observe(0.02)),
    "a database call": (2, lambda: DATABASE_CALL.observe(0.002)),
    "an effect of the outbox": (3, lambda: effect_seconds("publish").observe(0.1)),
    "a span, off": (7, lambda: _span()),
    "a traceparent for the outbox, off": (3, tracing.traceparent),
    "a function for another thread, off": (2, lambda: tracing.in_this_context(_span)),
}
"""By part: how often a checkout does it, and the function."""


def _span() -> None:
    with tracing.span("name", "client"):
        pass


def main() -> None:
    """Print the table."""
    empty = _microseconds(lambda: None)
    for name, (times, part) in PARTS.items():
        print(f"{name:40} {_microseconds(part) - empty:6.2f} µs   {times} × a checkout")


def _microseconds(part: Callable[[], object]) -> float:
    return min(timeit.repeat(part, number=REPETITIONS, repeat=ROUNDS)) / REPETITIONS * 1e6


if __name__ == "__main__":
    main()
