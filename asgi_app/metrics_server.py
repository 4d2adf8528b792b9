"""The metrics of all processes that share them, and their endpoint for a worker or beat, on a port of its own."""

import os
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, multiprocess, start_http_server
from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from asgi_app.metrics_directory import VARIABLE


def serve_if_configured() -> None:
    """Serve the metrics at METRICS_ADDRESS in a thread, if it is set. Exit when the address is not free."""
    if not settings.METRICS_ADDRESS:
        return
    host, _, port = settings.METRICS_ADDRESS.rpartition(":")
    registry = CollectorRegistry()
    registry.register(_Shared())
    try:
        start_http_server(int(port), host.strip("[]"), registry)
    except OSError as error:
        raise SystemExit(f"METRICS_ADDRESS is {settings.METRICS_ADDRESS!r}, which cannot be used: {error}") from error


def shared_registry() -> CollectorRegistry:
    """Return the registry of this process, or one over the files of all processes that share a directory."""
    directory = os.environ.get(VARIABLE)
    if not directory:
        return REGISTRY
    for pid in {int(file.stem.rpartition("_")[2]) for file in Path(directory).glob("gauge_live*_*.db")}:
        if not _runs(pid):
            multiprocess.mark_process_dead(pid, directory)  # type: ignore[no-untyped-call]
    registry = CollectorRegistry()
    multiprocess.MultiProcessCollector(registry, directory)  # type: ignore[no-untyped-call]
    return registry


class _Shared(Collector):
    """The shared metrics, collected anew for each scrape."""

    def collect(self) -> Iterable[Metric]:
        return shared_registry().collect()


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass
    return True
