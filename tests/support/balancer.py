"""Load balancer in front of the fleet that polls each server's `/readyz`, as a Kubernetes Service or a cloud's balancer does.

New connections go to a ready server. Open connections stay at theirs and end when that server closes them.
"""

import threading
from collections.abc import Sequence
from typing import Self
from urllib.parse import urlsplit

import httpx

from compose.ports import HOST
from tests.support.fleet import Server
from tests.support.tcp_proxy import Proxy

POLL_SECONDS = 0.1


class Balancer:
    """Polls each server ten times a second and spreads new connections over the ready ones."""

    def __init__(self, servers: Sequence[Server]) -> None:
        self._servers = servers
        self._proxy = Proxy(_port(servers[0]))
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._poll, name="balancer")
        self.ready: list[Server] = []

    def __enter__(self) -> Self:
        self._proxy.__enter__()
        self.url = f"http://{HOST}:{self._proxy.port}"
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._proxy.__exit__()

    def _poll(self) -> None:
        while not self._over.wait(POLL_SECONDS):
            ready = [server for server in self._servers if _is_ready(server)]
            if ready and ready != self.ready:
                self._proxy.lead_to(*map(_port, ready))
            self.ready = ready


def _port(server: Server) -> int:
    return urlsplit(server.url).port or 0


def _is_ready(server: Server) -> bool:
    try:
        return server.get("/readyz").status_code == 200
    except httpx.TransportError:
        return False
