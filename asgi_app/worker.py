"""The Celery worker, without messages to other workers."""

from typing import Any

from celery.apps.worker import Worker

SILENT = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}


class SilentWorker(Worker):
    """A worker without gossip, mingle and heartbeat, which are unused and an attack surface for a client of the broker."""

    def setup_instance(self, *args: Any, **options: Any) -> None:
        """Set up the worker without those steps, regardless of the command line."""
        super().setup_instance(*args, **{**options, **SILENT})
