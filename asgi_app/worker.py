"""The Celery worker: one that speaks with no other worker."""

from typing import Any

from celery.apps.worker import Worker

SILENT = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}


class SilentWorker(Worker):
    """What workers tell each other is of no use here, and one more way in for whoever reaches the broker."""

    def setup_instance(self, *args: Any, **options: Any) -> None:
        """Make the worker's parts, whatever the command line says, without those that speak to other workers."""
        super().setup_instance(*args, **{**options, **SILENT})
