"""The figures of a load test beside the thresholds of its profile: a page in `reports/`, and the exit status.

Locust is imported for types alone: it replaces Python's sockets when it is imported.
"""

import math
import os
import time
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from tests.load.profile import Profile

if TYPE_CHECKING:
    from locust.env import Environment
    from locust.stats import StatsEntry

PERCENTILES = (50, 95, 99)
MAX_FAILURES = 20
"""The kinds of failures on the page."""


class Figures:
    """The requests of one kind: their number, the failed ones, and how many took how many milliseconds."""

    def __init__(self) -> None:
        self.requests = self.failures = 0
        self.times: Counter[float] = Counter()

    def percentile(self, percent: float) -> float:
        """Return the response time in milliseconds that so many percent of the requests did not exceed; NaN without requests.

        Locust counts times from 100 ms on by two digits.
        """
        wanted, seen = self.times.total() * percent / 100, 0
        for milliseconds in sorted(self.times):
            seen += self.times[milliseconds]
            if seen >= wanted:
                return milliseconds
        return math.nan


def report(environment: "Environment", profile: Profile) -> None:
    """Write the summary to `reports/`, print it at the end, and set the exit status: 1 if a threshold is exceeded."""
    total = environment.stats.total
    seconds = max((total.last_request_timestamp or total.start_time) - total.start_time, 1)
    figures = by_kind(environment.stats.entries.values())
    exceeded = exceeded_thresholds(profile, figures)
    failures = [
        f"- {error.occurrences} × {error.method} {error.name}: {error.error}"
        for error in list(environment.stats.errors.values())[:MAX_FAILURES]
    ]
    name = os.environ.get("PROFILE") or "smoke"
    when = time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime())
    text = "\n".join(
        [
            f"# Load test: {name}",
            f"\n{profile.purpose}",
            f"\n{when}, {environment.host}, up to {profile.users} users, {seconds:.0f} s.",
            f"{total.num_requests:,} requests, {', '.join(f'{share:.2%} {what}' for what, share in shares(figures).items())}.\n",
            *table(figures, seconds),
            "",
            *([f"**Exceeded**: {sentence}" for sentence in exceeded] or ["Every threshold is kept."]),
            *(["\n## Failures\n", *failures] if failures else []),
        ]
    )
    folder = Path(os.environ.get("REPORTS", "reports"))
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"load-{name}.md").write_text(text + "\n")
    environment.events.quit.add_listener(lambda **_: print(f"\n{text}\n"))
    environment.process_exit_code = 1 if exceeded else 0


def by_kind(entries: "Iterable[StatsEntry]") -> dict[str, Figures]:
    """Add up the entries by the part of their names before the colon."""
    kinds: dict[str, Figures] = {}
    for entry in entries:
        figures = kinds.setdefault(entry.name.partition(":")[0], Figures())
        figures.requests += entry.num_requests
        figures.failures += entry.num_failures
        figures.times.update(entry.response_times)
    return kinds


def shares(figures: Mapping[str, Figures]) -> dict[str, float]:
    """Return the shares of the failures and of the refusals."""
    total = sum(one.requests for one in figures.values()) or 1
    refused = figures["refused"].requests if "refused" in figures else 0
    return {"failures": sum(one.failures for one in figures.values()) / total, "refusals": refused / total}


def exceeded_thresholds(profile: Profile, figures: Mapping[str, Figures]) -> list[str]:
    """Return a sentence for each threshold that is exceeded, or whose figure is missing."""
    exceeded = []
    for what, limit in profile.thresholds.items():
        if not isinstance(limit, dict):
            share = shares(figures)[what]
            exceeded += [f"{what} {share:.2%}, threshold {limit:.2%}"] if share > limit else []
        elif what not in figures:
            exceeded.append(f"{what}: nothing was measured")
        else:
            for name, milliseconds in limit.items():
                measured = figures[what].percentile(float(name.removeprefix("p")))
                if measured > milliseconds:
                    exceeded.append(f"{what} {name} {measured:.0f} ms, threshold {milliseconds:.0f} ms")
    return exceeded


def table(figures: Mapping[str, Figures], seconds: float) -> list[str]:
    """Return the lines of a table with a row for each kind."""
    percentiles = [f"p{percent} ms" for percent in PERCENTILES]
    head = ["kind", "requests", "a second", *percentiles, "failed"]
    rows = [
        [kind, f"{one.requests:,}", f"{one.requests / seconds:.1f}"]
        + [f"{one.percentile(percent):.0f}" for percent in PERCENTILES]
        + [f"{one.failures:,}"]
        for kind, one in sorted(figures.items())
    ]
    return [f"| {' | '.join(line)} |" for line in (head, ["---", *["---:"] * (len(head) - 1)], *rows)]
