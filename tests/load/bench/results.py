"""The figures of all rounds: medians, ratios to the floors, and whether a limit is missed; as a table and as JSON."""

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

from tests.load.bench import limits
from tests.load.bench.cpu import Cpu
from tests.load.bench.rate_limits import Pair

TITLES = {
    "checkout_at_once": ("Checkout, 32 at once", "order"),
    "checkout_at_rate": ("Checkout, 60 a second", "order"),
    "payment": ("Payment event", "order"),
    "life": ("A whole life", "order"),
    "read": ("Read an order", "request"),
    "page": ("List 20 orders", "request"),
    "relay": ("Relay", "message"),
    "job": ("Job: clear a cart", "job"),
}
"""The title of each step, and the unit that its figures are for."""


class Sample(NamedTuple):
    """A step in one round: its CPU and that of its floor, and milliseconds of its responses."""

    cpu: Cpu
    floor: Cpu
    p50: float | None = None
    p99: float | None = None
    floor_p50: float | None = None


class Spread(NamedTuple):
    """The median of all rounds, and the smallest and largest of one round."""

    median: float
    least: float
    greatest: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.least:.2f}–{self.greatest:.2f})"


@dataclass(frozen=True)
class Figure:
    """The figures of a step over all rounds; milliseconds, and ratios to the floor with their limits."""

    title: str
    unit: str
    cpu: Cpu
    floor: Cpu
    ratio: Spread
    limit: float | None
    p50: float | None
    p99: float | None
    floor_p50: float | None
    p50_ratio: Spread | None
    p50_limit: float | None

    @property
    def missed(self) -> list[str]:
        """Return a sentence for each limit that is missed."""
        found = []
        if self.limit is not None and self.ratio.median > self.limit:
            found.append(f"{self.title}: CPU is {self.ratio.median:.2f} times the floor, the limit is {self.limit:g}")
        if self.p50_ratio and self.p50_limit is not None and self.p50_ratio.median > self.p50_limit:
            found.append(
                f"{self.title}: p50 is {self.p50_ratio.median:.2f} times the floor, the limit is {self.p50_limit:g}"
            )
        return found


@dataclass(frozen=True)
class RateLimitCost:
    """The cost of the rate limits: by how many percent a checkout takes more CPU, and by how many ms p50 is later.

    `away` is how often Redis did not answer in time; meanwhile the limits cost nothing.
    """

    more_cpu: Spread
    later: Spread
    away: int

    @classmethod
    def of(cls, pairs: Sequence[Pair], away: int) -> "RateLimitCost":
        """Return the cost, of all pairs of rounds."""
        return cls(Spread.of([pair.more_cpu for pair in pairs]), Spread.of([pair.later for pair in pairs]), away)

    @property
    def missed(self) -> list[str]:
        """Return a sentence for each limit that is missed."""
        found = []
        if self.more_cpu.median > limits.MORE_CPU_WITH_RATE_LIMITS:
            found.append(
                f"Rate limits: {self.more_cpu.median:.1f} % more CPU, the limit is {limits.MORE_CPU_WITH_RATE_LIMITS:g}"
            )
        if self.later.median > limits.LATER_WITH_RATE_LIMITS:
            found.append(
                f"Rate limits: p50 is {self.later.median:.2f} ms later, the limit is {limits.LATER_WITH_RATE_LIMITS:g}"
            )
        return found


@dataclass(frozen=True)
class Results:
    """All figures of a run. `about` describes the run and the machine; `idle` is CPU in ms a second."""

    about: str
    figures: Mapping[str, Figure]
    samples: Mapping[str, Sequence[Sample]]
    rate_limits: RateLimitCost
    idle: Cpu

    @property
    def missed(self) -> list[str]:
        """Return a sentence for each limit that is missed."""
        of_steps = [sentence for figure in self.figures.values() for sentence in figure.missed]
        return of_steps + self.rate_limits.missed

    def as_json(self) -> dict[str, Any]:
        """Return all figures and the samples of each round, as JSON values."""
        steps = {
            name: {**asdict(figure), "missed": figure.missed, "rounds": [_sample(one) for one in self.samples[name]]}
            for name, figure in self.figures.items()
        }
        for step in steps.values():
            for key in ("ratio", "p50_ratio"):
                step[key] = step[key] and step[key]._asdict()
        rate_limits = {
            "more_cpu_percent": {**self.rate_limits.more_cpu._asdict(), "limit": limits.MORE_CPU_WITH_RATE_LIMITS},
            "later_ms": {**self.rate_limits.later._asdict(), "limit": limits.LATER_WITH_RATE_LIMITS},
            "redis_away": self.rate_limits.away,
        }
        return {
            "about": self.about,
            "steps": steps,
            "rate_limits": rate_limits,
            "idle_ms_a_second": asdict(self.idle),
            "missed": self.missed,
        }


def figure_of(name: str, samples: Sequence[Sample]) -> Figure:
    """Return the figures of one step over all rounds; ratios are those of single rounds."""
    title, unit = TITLES[name]
    p50_ratios = [one.p50 / one.floor_p50 for one in samples if one.p50 and one.floor_p50]
    return Figure(
        title,
        unit,
        _median_cpu([one.cpu for one in samples]),
        _median_cpu([one.floor for one in samples]),
        Spread.of([one.cpu.total / one.floor.total for one in samples]),
        limits.CPU_BY_FLOOR.get(name),
        _median([one.p50 for one in samples]),
        _median([one.p99 for one in samples]),
        _median([one.floor_p50 for one in samples]),
        Spread.of(p50_ratios) if p50_ratios else None,
        limits.P50_BY_FLOOR.get(name),
    )


def results(
    about: str, samples: Mapping[str, Sequence[Sample]], rate_limits: RateLimitCost, idle: Sequence[Cpu]
) -> Results:
    """Return the results of all rounds."""
    figures = {name: figure_of(name, samples[name]) for name in TITLES}
    return Results(about, figures, samples, rate_limits, _median_cpu(idle))


CPU_HEAD = ["CPU, ms", "all", "server", "worker", "PostgreSQL", "floor", "by floor", "limit", ""]
TIME_HEAD = ["Duration, ms", "p50", "p99", "floor p50", "by floor", "limit", ""]

Table = list[list[str]]
"""Rows of cells, the first with the heads of the columns."""


def tables(found: Results) -> list[Table]:
    """Return the table of CPU, and that of durations."""
    figures = found.figures.values()
    timed = [figure for figure in figures if figure.p50 is not None]
    return [[CPU_HEAD, *map(_cpu_cells, figures)], [TIME_HEAD, *map(_time_cells, timed)]]


def text(found: Results) -> str:
    """Return the tables with aligned columns, and the notes."""
    return "\n\n".join([*map(_aligned, tables(found)), "\n".join(notes(found))])


def _aligned(table: Table) -> str:
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    lines = (
        first.ljust(widths[0]) + "".join("  " + cell.rjust(width) for cell, width in zip(more, widths[1:], strict=True))
        for first, *more in table
    )
    return "\n".join(line.rstrip() for line in lines)


def notes(found: Results) -> list[str]:
    """Return a sentence for each figure without a row, then the missed limits."""
    cost = found.rate_limits
    sentences = [
        f"Rate limits: a checkout takes {cost.more_cpu} % more CPU with them, limit {limits.MORE_CPU_WITH_RATE_LIMITS:g};"
        f" p50 {cost.later} ms later, limit {limits.LATER_WITH_RATE_LIMITS:g}; Redis was away {cost.away} times.",
        f"Idle: {found.idle.server:.1f} ms of CPU a second in the server, {found.idle.worker:.1f} in the worker,"
        f" {found.idle.postgres:.1f} in PostgreSQL.",
    ]
    return sentences + ([f"Missed: {sentence}." for sentence in found.missed] or ["Every limit is kept."])


def _cpu_cells(figure: Figure) -> list[str]:
    cpu = figure.cpu
    parts = (cpu.total, cpu.server, cpu.worker, cpu.postgres, figure.floor.total)
    return [figure.title, *(f"{part:.2f}" for part in parts), *_ratio(figure.ratio, figure.limit)]


def _time_cells(figure: Figure) -> list[str]:
    times = (figure.p50, figure.p99, figure.floor_p50)
    cells = ["" if time is None else f"{time:.1f}" for time in times]
    return [figure.title, *cells, *_ratio(figure.p50_ratio, figure.p50_limit)]


def _ratio(ratio: Spread | None, limit: float | None) -> list[str]:
    if ratio is None:
        return ["", "", ""]
    return [str(ratio), *(("", "") if limit is None else (f"{limit:g}", "missed" if ratio.median > limit else "ok"))]


def _sample(sample: Sample) -> dict[str, Any]:
    return {**sample._asdict(), "cpu": asdict(sample.cpu), "floor": asdict(sample.floor)}


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _median_cpu(values: Sequence[Cpu]) -> Cpu:
    """Return the medians of the parts."""
    return Cpu(*(statistics.median(getattr(cpu, part) for cpu in values) for part in ("server", "worker", "postgres")))
