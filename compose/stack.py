"""The lifecycle of the whole composition on one machine, for `make run`, `make demo` and the tests."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Self

import httpx
import redis

from compose import composition
from compose.connection_info import ConnectionInfo, load_secrets, try_lock
from compose.errors import StackError
from compose.ports import HOST, Ports
from compose.processes import Process
from compose.progress import Progress
from compose.servers import Postgres, Redis

CHECKOUT = Path(__file__).resolve().parent.parent
DATA = CHECKOUT / ".data"


class NotReadyError(Exception):
    """Raised by a probe that is to be repeated."""


class Stack:
    """All processes; state, logs and secrets are in one folder, which only one stack may use at a time.

    `ports`, `postgres`, `redis`, `environment` and `connection_info` exist after the start.
    """

    ports: Ports
    postgres: Postgres
    redis: Redis
    environment: dict[str, str]

    def __init__(
        self,
        folder: Path,
        *,
        ports: Callable[[], Ports] = Ports.free,
        settings: Mapping[str, str] | None = None,
        durable: bool = True,
        service: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """Describe the stack: `settings` override the environment; `ports` is called at the start; `durable` as for the servers.

        With `service=False` the caller starts the service, its worker and beat: for fault tests.
        """
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self._choose_ports, self._settings, self._durable, self._with_service = ports, settings or {}, durable, service
        self._progress = progress or Progress()
        self._cleanup = ExitStack()
        self._processes: list[Process] = []
        self._started = False
        self._connection_info: ConnectionInfo | None = None

    @property
    def connection_info(self) -> ConnectionInfo:
        """Return the connection info of the running stack."""
        if self._connection_info is None:
            raise StackError("The stack is not running.")
        return self._connection_info

    @property
    def url(self) -> str:
        return self.connection_info.url

    @property
    def control_url(self) -> str:
        return self.connection_info.control_url

    def token(self, role: str, subject: str, vendor_id: str | None = None) -> str:
        """Return a JWT for the service."""
        return self.connection_info.token(role, subject, vendor_id)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is ready. Raise ComposeError, with nothing left running."""
        try:
            self._lock()
            self._start_servers()
            self._start_programs()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything in reverse order. Repeatable."""
        if self._started:
            with self._progress.step("Stopping"):
                self._stop()
        self._cleanup.close()

    def run_once(self, name: str, command: list[str]) -> None:
        """Run a command of the service to its end; `name` is that of its log. Raise ProcessError if it fails."""
        process = self._process(name, command, grace=10)
        try:
            process.start()
            process.wait_done()
        finally:
            process.stop()

    def check(self) -> None:
        """Raise ProcessError if a process has ended."""
        for process in (self.postgres.process, self.redis.process, *self._processes):
            process.check()

    def _stop(self) -> None:
        self._started, self._connection_info = False, None
        (self.folder / "stack.json").unlink(missing_ok=True)
        with self._cleanup:
            for process in self._processes:
                process.ask_to_stop()  # all programs concurrently; the servers only after them
        self._processes.clear()

    def _start_servers(self) -> None:
        self.ports = self._choose_ports()
        self._started = True
        postgres, redis = self.folder / "postgres", self.folder / "redis"
        self.postgres = Postgres(postgres, self.ports.postgres, durable=self._durable, log=self.logs / "postgres.log")
        self.redis = Redis(redis, self.ports.redis, durable=self._durable, log=self.logs / "redis.log")
        for server in (self.postgres, self.redis):
            with self._progress.step(server.title) as step:
                self._cleanup.callback(server.stop)
                server.start()
                step.note = f"port {server.port}"

    def _start_programs(self) -> None:
        self.environment = composition.environment(
            self.ports,
            database_url=self.postgres.url,
            redis_url=self.redis.url,
            secrets=load_secrets(self.folder),
            settings=self._settings,
        )
        neighbours = self._start("neighbours", composition.sandbox(self.ports, self.environment["REDIS_URL"]), grace=5)
        with self._progress.step("Schema"):
            self.run_once("schema", composition.MIGRATE)
        with self._progress.step("Neighbours") as step:
            neighbours.wait_ready(self._probe_neighbours, errors=OSError)
            step.note = f"User, Cart, Product, Payment; control on port {self.ports.control}"
        if self._with_service:
            self._start_service()
        self.check()
        self._connection_info = ConnectionInfo(
            url=f"http://{HOST}:{self.ports.service}",
            control_url=f"http://{HOST}:{self.ports.control}",
            expiry_seconds=int(self.environment["ORDER_EXPIRY_SECONDS"]),
            jwt_secret=self.environment["JWT_SECRET"],
        )
        self._connection_info.write(self.folder)

    def _start_service(self) -> None:
        service = self._start("service", composition.service(self.ports.service), grace=30)
        worker = self._start("worker", composition.WORKER, grace=10)
        beat = self._start("beat", composition.BEAT, grace=5)
        # One client: a new one reads the system's certificates, which takes longer than the probe.
        with self._progress.step("Service") as step, httpx.Client(timeout=5, trust_env=False) as client:
            service.wait_ready(partial(self._probe_service, client), errors=(NotReadyError, httpx.TransportError))
            step.note = f"port {self.ports.service}"
        with self._progress.step("Jobs") as step:
            worker.wait_ready(self._probe_worker, errors=(NotReadyError, redis.RedisError))
            beat.check()
            step.note = "Celery worker and beat"

    def _process(self, name: str, command: list[str], grace: float) -> Process:
        log = self.logs / f"{name}.log"
        return Process(name, command, log=log, cwd=CHECKOUT, environment=self.environment, grace=grace)

    def _start(self, name: str, command: list[str], *, grace: float) -> Process:
        process = self._process(name, command, grace)
        self._cleanup.callback(process.stop)
        process.start()
        self._processes.append(process)
        return process

    def _lock(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True, mode=0o700)
            lock = self._cleanup.enter_context((self.folder / "lock").open("a+"))
        except PermissionError as error:
            owner = _account_name(self.folder.stat().st_uid)
            raise StackError(f"{self.folder} belongs to {owner}. Run as that account, or move it away.") from error
        if not try_lock(lock):
            lock.seek(0)
            raise StackError(f"This stack is running already (pid {lock.read().strip()}, state in {self.folder}).")
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()

    def _probe_neighbours(self) -> None:
        for port in (self.ports.user, self.ports.cart, self.ports.product, self.ports.control):
            socket.create_connection((HOST, port), timeout=2).close()

    def _probe_service(self, client: httpx.Client) -> None:
        response = client.get(f"http://{HOST}:{self.ports.service}/readyz")
        if response.status_code != httpx.codes.OK:
            raise NotReadyError(f"/readyz returns {response.status_code}: {response.text[:300]}")

    def _probe_worker(self) -> None:
        with redis.Redis.from_url(self.environment["CELERY_BROKER_URL"]) as broker:
            if not any(client["cmd"] == "brpop" for client in broker.client_list()):
                raise NotReadyError("it does not wait for jobs")


def _account_name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@contextmanager
def throwaway_stack(purpose: str, *, settings: Mapping[str, str], progress: Progress) -> Iterator[ConnectionInfo]:
    """Run a temporary stack beside that of `make run`. Keep only the logs of a failure."""
    DATA.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=DATA))
    try:
        with Stack(folder, settings=settings, durable=False, progress=progress) as stack:
            yield stack.connection_info
    except Exception:
        for state in ("postgres", "redis"):
            shutil.rmtree(folder / state, ignore_errors=True)
        progress.print(f"  Logs: {folder / 'logs'}")
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
