"""The Celery worker, without messages to other workers."""

from typing import Any

from celery.apps.worker import Worker

SILENT = {"without_gossip": True, "without_mingle": True, "without_heartbeat": True}


class SilentWorker(Worker):
    """Gossip, mingle and heartbeat are of no use here, and one more attack surface for a client that reaches the broker."""

    def setup_instance(self, *args: Any, **options: Any) -> None:
        """Set up the worker without those steps, whatever the command line says."""
        super().setup_instance(*args, **{**options, **SILENT})
