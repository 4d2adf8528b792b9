"""The local stack on three machines: two server processes, the worker and beat, behind HAProxy to PostgreSQL and Redis."""

from pathlib import Path
from typing import Any

import httpx

from compose import composition
from compose.ha.cluster import Cluster
from compose.ha.network import Network
from compose.ports import HOST, free_port
from compose.stack import Stack


class HighlyAvailableStack(Stack):
    """`Stack`, whose `postgres` and `redis` are addresses of HAProxy. Its state is not kept: the folder must be empty."""

    cluster: Cluster

    def __init__(self, folder: Path, *, network: Network | None = None, **options: Any) -> None:
        """Describe the stack; `options` are those of `Stack`."""
        super().__init__(folder, **options)
        self._network = network
        self.second_port = 0

    def _start_servers(self) -> None:
        self.ports = self._choose_ports()
        self._started = True
        ports = {"postgres_port": self.ports.postgres, "redis_port": self.ports.redis}
        self.cluster = Cluster(self.folder / "machines", self.logs, network=self._network, **ports)
        self._cleanup.callback(self.cluster.stop)
        with self._progress.step("Machines") as step:
            self.cluster.start()
            step.note = "three, each with etcd, Patroni, PostgreSQL, Redis and Sentinel"
        self.postgres, self.redis = self.cluster.postgres, self.cluster.redis
        for server in (self.postgres, self.redis):
            server.start()

    def _start_service(self) -> None:
        """Start a second server beside the processes of `Stack`."""
        super()._start_service()
        self.second_port = free_port()
        with self._progress.step("Second server") as step, httpx.Client(timeout=5, trust_env=False) as client:
            second = self._start("service-2", composition.service(self.second_port), grace=30)
            second.wait_ready(
                lambda: client.get(f"http://{HOST}:{self.second_port}/readyz").raise_for_status(),
                errors=httpx.HTTPError,
            )
            step.note = f"port {self.second_port}"
