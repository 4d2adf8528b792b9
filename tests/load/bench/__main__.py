"""`make bench`: the cost of an order, beside the least possible one.

It starts a stack of its own, durable, with one server on a core of its own where there are two. Each round measures every step
and its floor, for machines slow down and speed up; ratios are those of single rounds. The figures are printed and written to
`reports/`. The exit status is 1 for an error or a wrong count, whatever the figures.
"""

import argparse
import json
import os
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path

from compose.progress import Progress
from tests.load.bench.chart import page
from tests.load.bench.cpu import OTHER_CORES, Cpu
from tests.load.bench.errors import BenchError
from tests.load.bench.floors import Floor, Floors, record_steps
from tests.load.bench.load import send_at_once, send_at_rate
from tests.load.bench.rate_limits import Pair, Servers, measure_pair, times_away, two_servers
from tests.load.bench.results import TITLES, RateLimitCost, Results, Sample, results, text
from tests.load.bench.service import Service, running
from tests.load.bench.steps import Measured, Steps

BARE_APPLICATION = "tests.load.bench.bare_application:application"

PAIRS = 2
"""Pairs of rounds for the rate limits in each round of the steps: one for each order of the two servers."""

LIVES = 6
"""Orders of a round for each one whose whole life is measured."""


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench ARGS=…")
    parser.add_argument("--orders", type=int, default=300, help="orders of each step in a round")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    progress = Progress(visible=True)
    try:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder, running(Path(folder), progress) as service:
            found = measure(service, given.orders, given.rounds, progress)
    except BenchError as error:
        print(f"The figures mean nothing. {error}", file=sys.stderr)
        return 1
    write(found, Path(os.environ.get("REPORTS", "reports")))
    return 0


def measure(service: Service, count: int, rounds: int, progress: Progress) -> Results:
    """Measure all rounds, `count` orders in each step."""
    samples: dict[str, list[Sample]] = defaultdict(list)
    idle: list[Cpu] = []
    steps = Steps(service)
    with progress.step("Statements") as step:
        recordings = record_steps(steps, service)
        step.note = "recorded for the floors"
    with service.another_server("bare", BARE_APPLICATION, probe="/1") as bare:
        floors = Floors(service, steps, recordings, bare)
        for number in range(rounds):
            for name, sample in measure_round(steps, floors, count, progress, f"Round {number + 1}"):
                samples[name].append(sample)
            idle.append(steps.idle())
    with two_servers(service) as servers:
        pairs = list(measure_rate_limits(service, steps, servers, count, PAIRS * rounds, progress))
        cost = RateLimitCost.of(pairs, times_away(servers))
    return results(describe(count, rounds), samples, cost, idle)


def measure_round(
    steps: Steps, floors: Floors, count: int, progress: Progress, title: str
) -> Iterator[tuple[str, Sample]]:
    """Yield the sample of each step; the steps after the checkouts use the orders of the latest."""
    lives = max(1, count // LIVES)
    measurements: dict[str, Callable[[], tuple[Measured, Floor]]] = {
        "checkout_at_rate": lambda: (steps.checkout(count, send_at_rate), floors.checkout(False, count)),
        "checkout_at_once": lambda: (steps.checkout(count, send_at_once), floors.checkout(True, count)),
        "read": lambda: (steps.read(), floors.read(count)),
        "page": lambda: (steps.page(count), floors.page(count)),
        "payment": lambda: (steps.pay(), floors.payment(count)),
        "relay": lambda: (steps.relay(), floors.relay(count)),
        "job": lambda: (steps.job(), floors.job()),
        "life": lambda: (steps.life(lives), floors.life(lives)),
    }
    for name, measurement in measurements.items():
        with progress.step(title) as step:
            measured, floor = measurement()
            step.note = f"{TITLES[name][0]}: {measured.cpu.total:.2f} ms of CPU, floor {floor.cpu.total:.2f} ms"
        yield name, Sample(measured.cpu, floor.cpu, measured.p50, measured.p99, floor.p50)


def measure_rate_limits(
    service: Service, steps: Steps, servers: Servers, count: int, pairs: int, progress: Progress
) -> Iterator[Pair]:
    """Yield so many pairs, after one that warms the servers up."""
    for number in range(pairs + 1):
        with progress.step("Rate limits") as step:
            pair = measure_pair(service, steps, servers, count, off_first=bool(number % 2))
            step.note = f"{pair.more_cpu:+.1f} % of CPU, p50 {pair.later:+.1f} ms" if number else "warmed up"
        if number:
            yield pair


def describe(count: int, rounds: int) -> str:
    """Return what was measured, when, and on what."""
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    amount = f"{rounds} {'round' if rounds == 1 else 'rounds'} of {count} orders"
    cores = f"{1 + len(OTHER_CORES)} cores, one of them the server's" if OTHER_CORES else "one core"
    python = ".".join(map(str, sys.version_info[:3]))
    return f"{when}: {amount}; {cores}; Python {python}. Medians of the rounds; in brackets the least and the greatest."


def write(found: Results, folder: Path) -> None:
    """Print the table, and write `bench.json` and `bench.html`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(found.as_json(), indent=2) + "\n")
    chart = folder / "bench.html"
    chart.write_text(page(found))
    print(f"\n{found.about}\n\n{text(found)}\n\nThe chart: {chart}")


if __name__ == "__main__":
    sys.exit(main())
