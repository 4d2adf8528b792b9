"""The service that is measured: a stack of its own with one server and one worker, the CPU they use, and what they have done.

Beat does not run: periodic jobs are no part of an order.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.progress import Progress
from compose.stack import CHECKOUT, Stack
from tests.load.bench.cpu import Cpu, move_to_the_servers_core, stay_off_the_servers_core, tree_milliseconds
from tests.load.bench.errors import BenchError
from tests.support.world import Sandbox

BARE = "bare"
"""The name of a second database with the same schema, for the bare statements; no relay reads its outbox."""

PATIENCE_SECONDS = 60
POLL_SECONDS = 0.02
SETTLE_SECONDS = 0.1
"""Time for what follows the last effect, like the acknowledgement of its task."""

PAYMENT_EVENTS = "payments.events"
SETTINGS = {"RATE_LIMITS": "off"}

Connection = psycopg.Connection[Any]


class Server(Process):
    """One server process, on the server's core."""

    def __init__(self, stack: Stack, name: str, application: str, settings: dict[str, str]) -> None:
        port = free_port()
        self.url = f"http://{HOST}:{port}"
        command = [application if ":application" in word else word for word in composition.service(port)]
        environment = {**stack.environment, **settings}
        super().__init__(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment, grace=30)

    def start_and_wait(self, probe: str) -> None:
        """Start the process, and wait until `probe` succeeds."""
        self.start()
        move_to_the_servers_core(self.pid)
        self.wait_ready(
            lambda: httpx.get(self.url + probe, trust_env=False, verify=False).raise_for_status(),
            errors=httpx.HTTPError,
        )

    @property
    def milliseconds(self) -> float:
        """Return the CPU used since the start."""
        return tree_milliseconds(self.pid)


class Service:
    """The running service, and the connections by which it is watched, whose CPU does not count."""

    def __init__(self, stack: Stack, running: ExitStack) -> None:
        self.stack, self._running = stack, running
        address, _, name = stack.postgres.url.rpartition("/")
        with psycopg.connect(f"{address}/postgres", autocommit=True) as admin:
            admin.execute(f'CREATE DATABASE "{BARE}" TEMPLATE "{name}"'.encode())
        self.database, self.bare = self._connect(stack.postgres.url), self._connect(f"{address}/{BARE}")
        self.redis = running.enter_context(redis.Redis.from_url(stack.environment["REDIS_URL"]))
        self.sandbox = Sandbox(stack.control_url)
        running.callback(self.sandbox.close)
        self._worker = self._start_worker()
        self.server = self._enter_server("server")
        self._wait_for(self._is_worker_ready, "the worker to be ready")

    @contextmanager
    def another_server(
        self, name: str, application: str = "asgi_app.asgi:application", probe: str = "/readyz", **settings: str
    ) -> Iterator[Server]:
        """Run one more server, or a server of another application by the same command."""
        server = Server(self.stack, name, application, settings)
        try:
            server.start_and_wait(probe)
            yield server
        finally:
            server.stop()

    def cpu(self) -> Cpu:
        """Return the CPU that server, worker and PostgreSQL have used."""
        watching = [connection.info.backend_pid for connection in (self.database, self.bare)]
        return Cpu(
            self.server.milliseconds,
            tree_milliseconds(self._worker.pid),
            tree_milliseconds(self.stack.postgres.process.pid, without=watching),
        )

    def count(self, table: str, condition: str = "true", *values: object) -> int:
        """Return the number of rows."""
        row = self.database.execute(f"SELECT count(*) FROM {table} WHERE {condition}".encode(), values).fetchone()
        return int(row[0]) if row else 0

    def wait_quiet(self) -> None:
        """Wait until every effect is confirmed and every event of Payment is acknowledged."""
        self._wait_for(lambda: not self.count("outbox") and self._are_events_acknowledged(), "the outbox to be empty")
        time.sleep(SETTLE_SECONDS)

    def wait_for_orders(self, status: str, ids: Sequence[str]) -> None:
        """Wait until all of these orders have this status."""
        reached = "id = ANY($1::uuid[]) AND status = $2"
        self._wait_for(
            lambda: self.count("orders", reached, list(ids), status) == len(ids), f"{len(ids)} orders to be {status}"
        )

    def _wait_for(self, condition: Callable[[], bool], description: str) -> None:
        end = time.monotonic() + PATIENCE_SECONDS
        while not condition():
            if time.monotonic() > end:
                raise BenchError(f"Waited {PATIENCE_SECONDS} s for {description}.")
            time.sleep(POLL_SECONDS)

    def _are_events_acknowledged(self) -> bool:
        if not self.redis.exists(PAYMENT_EVENTS):
            return True
        last: Any = self.redis.xinfo_stream(PAYMENT_EVENTS)
        groups: Any = self.redis.xinfo_groups(PAYMENT_EVENTS)
        return all(not group["pending"] and group["last-delivered-id"] == last["last-generated-id"] for group in groups)

    def _start_worker(self) -> Process:
        log = self.stack.logs / "worker.log"
        worker = Process("worker", composition.WORKER, log=log, cwd=CHECKOUT, environment=self.stack.environment)
        self._running.callback(worker.stop)
        worker.start()
        return worker

    def _is_worker_ready(self) -> bool:
        self._worker.check()
        with redis.Redis.from_url(self.stack.environment["CELERY_BROKER_URL"]) as broker:
            return any(client["cmd"] == "brpop" for client in broker.client_list())

    def _enter_server(self, name: str) -> Server:
        return self._running.enter_context(self.another_server(name))

    def _connect(self, url: str) -> Connection:
        """Connect with PostgreSQL's own placeholders ($1) and prepared statements."""
        connection: Connection = psycopg.connect(
            url, autocommit=True, prepare_threshold=0, cursor_factory=psycopg.RawCursor
        )
        self._running.callback(connection.close)
        return connection


@contextmanager
def running(folder: Path, progress: Progress) -> Iterator[Service]:
    """Run the service with its neighbours, its data on the disk after each commit."""
    stay_off_the_servers_core()
    with Stack(folder, settings=SETTINGS, service=False, progress=progress) as stack, ExitStack() as closing:
        with progress.step("Service"):
            service = Service(stack, closing)
        yield service
