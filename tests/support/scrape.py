"""Scrapes of `/metrics`: the samples of one process, or of several that share them."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx
from prometheus_client.parser import text_string_to_metric_families

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack


@dataclass
class Scrape:
    """The samples of one or several scrapes: the values by name and labels, and the labels of each name."""

    values: dict[tuple[str, frozenset[tuple[str, str]]], float] = field(default_factory=dict)
    labels: dict[str, set[str]] = field(default_factory=dict)
    kinds: dict[str, str] = field(default_factory=dict)

    def add(self, text: str) -> "Scrape":
        """Add the samples of another scrape."""
        for family in text_string_to_metric_families(text):
            for sample in family.samples:
                self.kinds[sample.name] = family.type
                self.labels.setdefault(sample.name, set()).update(sample.labels)
                self.values[sample.name, frozenset(sample.labels.items())] = sample.value
        return self

    def total(self, name: str, **labels: str) -> float:
        """Return the sum of the samples with this name and these labels."""
        return sum(value for (each, its), value in self.values.items() if each == name and labels.items() <= set(its))


def scrape(url: str) -> Scrape:
    """Scrape one address, which may be a server's or that of a worker or beat."""
    return Scrape().add(httpx.get(f"{url}/metrics", trust_env=False, verify=False, timeout=10).raise_for_status().text)


@contextmanager
def observed_processes(stack: Stack) -> Iterator[dict[str, str]]:
    """Run a server of two processes, a worker of two and beat; yield the addresses of their metrics by their names."""
    ports = {name: free_port() for name in ("server", "worker", "beat")}
    commands = {
        "server": [*composition.service(ports["server"]), "--workers", "2"],
        "worker": [*composition.CELERY, "worker", "--concurrency", "2"],
        "beat": composition.BEAT,
    }
    urls = {name: f"http://{HOST}:{port}" for name, port in ports.items()}
    with ExitStack() as closing:
        processes = []
        for name, command in commands.items():
            own = {"RATE_LIMITS": "on"} if name == "server" else {"METRICS_ADDRESS": f"{HOST}:{ports[name]}"}
            log = stack.logs / f"observed-{name}.log"
            environment = {**stack.environment, **own}
            processes.append(
                Process(f"observed {name}", command, log=log, cwd=CHECKOUT, environment=environment, grace=30)
            )
            processes[-1].start()
            closing.callback(processes[-1].stop)
        for process, url in zip(processes, urls.values(), strict=True):
            process.wait_ready(partial(scrape, url), errors=httpx.HTTPError)
        yield urls
