"""The cost of the rate limits: checkouts at a server without them and at one with them, whose quotas refuse nothing.

The two servers take turns, for machines slow down and speed up; a figure is that of a pair of rounds.
"""

import statistics
from typing import NamedTuple

from tests.load.bench.load import send_at_once
from tests.load.bench.service import Server, Service
from tests.load.bench.steps import Steps

QUOTA = "checkout=1000000/1"


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


def measure_pair(service: Service, steps: Steps, limited: Server, count: int, *, off_first: bool) -> Pair:
    """Place `count` orders at each of the servers."""
    servers = {"off": service.server, "on": limited}
    sides = {
        name: _measure(service, steps, servers[name], count) for name in (servers if off_first else [*servers][::-1])
    }
    return Pair(sides["off"], sides["on"])


def _measure(service: Service, steps: Steps, server: Server, count: int) -> Side:
    customers = steps.customers(count)
    service.wait_quiet()
    before = server.milliseconds
    _, responses = steps.place(customers, send_at_once, server.url)
    durations = [response.milliseconds for response in responses]
    return Side((server.milliseconds - before) / count, statistics.median(durations))
