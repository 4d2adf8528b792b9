"""The service's processes in the fault tests: two servers, a worker and beat, behind proxies to PostgreSQL and Redis.

All of them are started from the test's main thread, because a process ends with the thread that started it.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import psycopg
import redis

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.tcp_proxy import Proxy
from tests.support.world import eventually

RECOVERY_SECONDS = 30
"""Promise P10."""

RESTARTS_AT_MOST = 20
PRODUCT_SECONDS = 0.7
"""During a restart Product is slow enough for checkouts to be under way at any moment."""

DRAIN_SECONDS = 3
"""The time that a stopping server goes on serving: longer than the balancer takes to notice, and than callers keep an idle
connection."""

POOLS_GROW_BY = 4
"""A pool opens threads and connections on demand, up to four for the database, so this growth after the warm-up is no leak."""


class Server(Process):
    """One server process; it has the same port over restarts."""

    def __init__(self, name: str, stack: Stack, environment: dict[str, str]) -> None:
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        log = stack.logs / f"{name}.log"
        super().__init__(name, composition.service(port), log=log, cwd=CHECKOUT, environment=environment, grace=30)

    def start_and_wait(self) -> None:
        """Start the process and wait until it is ready."""
        self.start()
        self.wait_until_ready()

    def wait_until_ready(self) -> None:
        """Wait until the server is ready. Raise ProcessError when it ends, or after RECOVERY_SECONDS."""
        self.wait_ready(lambda: self.get("/readyz").raise_for_status(), errors=httpx.HTTPError, limit=RECOVERY_SECONDS)

    def get(self, path: str) -> httpx.Response:
        return httpx.get(f"{self.url}{path}", trust_env=False, verify=False, timeout=10)

    def tasks(self) -> int:
        """Return the number of tasks in its event loop, the one that serves this request included."""
        lines = self.get("/metrics").text.splitlines()
        return int(float(next(line for line in lines if line.startswith("event_loop_tasks ")).split()[1]))


class Fleet:
    """All processes of the service over one stack."""

    def __init__(self, stack: Stack, postgres: Proxy, redis: Proxy) -> None:
        self.stack, self.postgres, self.redis = stack, postgres, redis
        environment = dict(stack.environment)
        for name, port, proxy in (
            ("DATABASE_URL", stack.ports.postgres, postgres),
            ("REDIS_URL", stack.ports.redis, redis),
            ("CELERY_BROKER_URL", stack.ports.redis, redis),
        ):
            environment[name] = environment[name].replace(f":{port}/", f":{proxy.port}/")
        drain = {"SHUTDOWN_DRAIN_SECONDS": str(DRAIN_SECONDS)}
        self.servers = [Server(f"server-{number}", stack, environment | drain) for number in (1, 2)]
        self.worker, self.beat = (
            Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment)
            for name, command in (("worker", composition.WORKER), ("beat", composition.BEAT))
        )
        self.usual: dict[str, int] = {}

    @property
    def urls(self) -> list[str]:
        return [server.url for server in self.servers]

    @property
    def processes(self) -> list[Process]:
        return [*self.servers, self.worker, self.beat]

    def start(self) -> None:
        """Start all processes at once and wait until the servers are ready; the worker may become ready later."""
        for process in self.processes:
            process.start()
        self.wait_until_ready()

    def restart_terminated(self) -> None:
        """Restart each process that a failed test has left terminated."""
        for server in (self.stack.postgres, self.stack.redis):
            if server.process.exit_status is not None:
                server.start()
        for process in self.processes:
            if process.exit_status is not None:
                process.start()

    def stop(self) -> None:
        """Stop all processes at once."""
        for process in self.processes:
            process.ask_to_stop()
        for process in self.processes:
            process.stop()

    def wait_until_ready(self) -> None:
        """Wait until the servers are ready; every other process must run. Raise ProcessError."""
        for process in self.processes:
            process.check()
        for server in self.servers:
            server.wait_until_ready()

    def wait_for_usual_usage(self) -> None:
        """Wait until no resource is used beyond `usual`; after RECOVERY_SECONDS, fail with the resources that are."""

        beyond: dict[str, str] = {}

        def back() -> bool:
            beyond.clear()
            for name, now in self.usage().items():
                if now > self.usual[name] + POOLS_GROW_BY:
                    beyond[name] = f"{self.usual[name]} -> {now}"
            return not beyond

        with suppress(AssertionError):  # the figures beyond the usual ones say more
            eventually(back, "all resources to be released", RECOVERY_SECONDS)
        assert not beyond, f"more is in use than before the fault: {beyond}"

    def usage(self) -> dict[str, int]:
        """Return file descriptors, threads and tasks of each process, and the connections at PostgreSQL and Redis."""
        used = {}
        for process in self.processes:
            family = list(_family(process.pid))
            used[f"{process.name}: descriptors"] = sum(_count(pid, "fd") for pid in family)
            used[f"{process.name}: threads"] = sum(_count(pid, "task") for pid in family)
        for server in self.servers:
            used[f"{server.name}: tasks"] = server.tasks()
        with psycopg.connect(self.stack.postgres.url) as connection:
            query = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'order-service'"
            row = connection.execute(query).fetchone()
            used["connections to PostgreSQL"] = row[0] if row else 0
        with redis.Redis.from_url(self.stack.redis.url) as client:
            used["connections to Redis"] = len(client.client_list())
        return used


def _family(pid: int) -> Iterator[int]:
    """Yield a process and all of its descendants."""
    yield pid
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            yield from _family(int(child))


def _count(pid: int, folder: str) -> int:
    return sum(1 for _ in Path(f"/proc/{pid}/{folder}").iterdir())
