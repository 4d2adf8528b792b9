"""The cost of the rate limits: checkouts at a server without them and at one with them, whose quotas refuse nothing.

The two servers take turns, for machines slow down and speed up; a figure is that of a pair of rounds.
"""

import statistics
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from tests.load.bench.load import send_at_once
from tests.load.bench.service import Server, Service
from tests.load.bench.steps import Steps

QUOTA = "checkout=1000000/1"

Servers = dict[str, Server]
"""The two servers, `off` and `on`."""


class Side(NamedTuple):
    """CPU of the server for a checkout and the median duration of one, in ms."""

    cpu: float
    p50: float


class Pair(NamedTuple):
    """A round at each server."""

    off: Side
    on: Side

    @property
    def more_cpu(self) -> float:
        """Return by how many percent a checkout takes more CPU with limits."""
        return 100 * (self.on.cpu / self.off.cpu - 1)

    @property
    def later(self) -> float:
        """Return the milliseconds by which the median checkout is later with limits."""
        return self.on.p50 - self.off.p50


@contextmanager
def two_servers(service: Service) -> Iterator[Servers]:
    """Run a new server without limits and one with them; they have served the same."""
    with service.another_server("unlimited") as off, service.another_server("limited", RATE_LIMITS=QUOTA) as on:
        yield {"off": off, "on": on}
        off.ask_to_stop()  # both at once


def measure_pair(service: Service, steps: Steps, servers: Servers, count: int, *, off_first: bool) -> Pair:
    """Place `count` orders at each of the servers."""
    order = servers if off_first else reversed(servers)
    sides = {name: _measure(service, steps, servers[name], count) for name in order}
    return Pair(**sides)


def times_away(servers: Servers) -> int:
    """Return how often Redis did not answer in time; meanwhile the limits cost nothing."""
    return servers["on"].log.read_text().count("rate_limit_store_away")


def _measure(service: Service, steps: Steps, server: Server, count: int) -> Side:
    customers = steps.customers(count)
    service.wait_quiet()
    before = server.milliseconds
    _, responses = steps.place(customers, send_at_once, server.url)
    durations = [response.milliseconds for response in responses]
    return Side((server.milliseconds - before) / count, statistics.median(durations))
