"""The whole composition on one machine, from start to stop: `make run`, `make demo` and the tests use it alike."""

import os
import pwd
import shutil
import socket
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Self

import httpx
import redis

from compose import composition
from compose.connection_info import Site, load_secrets, take
from compose.errors import StackError
from compose.ports import HOST, Ports
from compose.processes import Process
from compose.progress import Progress
from compose.servers import Postgres, Redis

CHECKOUT = Path(__file__).resolve().parent.parent
DATA = CHECKOUT / ".data"


class NotReadyError(Exception):
    """What a probe raises while it has to be asked again."""


class Stack:
    """All processes; state, logs and secrets in one folder, which one stack at a time may use.

    `ports`, `postgres`, `redis` and `environment` are there from the start on.
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
        expiry_seconds: int | None = None,
        durable: bool = True,
        service: bool = True,
        progress: Progress | None = None,
    ) -> None:
        """`settings` win over the environment; `ports` are chosen at the start; `durable` as for the servers.

        `service=False` leaves starting the service, its worker and beat to the caller: for fault tests.
        """
        self.folder = folder.resolve()
        self.logs = self.folder / "logs"
        self._choose_ports, self._durable, self._with_service = ports, durable, service
        self._settings = dict(settings or {})
        if expiry_seconds is not None:
            self._settings["ORDER_EXPIRY_SECONDS"] = str(expiry_seconds)
        self._progress = progress or Progress()
        self._ending = ExitStack()
        self._processes: list[Process] = []
        self._began = False
        self._site: Site | None = None

    @property
    def connection_info(self) -> Site:
        """How to talk to it."""
        if self._site is None:
            raise StackError("The stack is not running.")
        return self._site

    @property
    def url(self) -> str:
        return self.connection_info.url

    @property
    def control_url(self) -> str:
        return self.connection_info.control_url

    def token(self, role: str, subject: str, vendor_id: str | None = None) -> str:
        """A JWT for the service."""
        return self.connection_info.token(role, subject, vendor_id)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Start everything and wait until it is ready. Raises ComposeError, with nothing left running."""
        try:
            self._lock()
            self._start_servers()
            self._start_programs()
        except BaseException:
            self.stop()
            raise

    def stop(self) -> None:
        """Stop everything, what was started last first. Repeatable."""
        if self._began:
            with self._progress.step("Stopping"):
                self._stop()
        self._ending.close()

    def check(self) -> None:
        """Raise ProcessError if something that should run does not."""
        for process in (self.postgres.process, self.redis.process, *self._processes):
            process.check()

    def _stop(self) -> None:
        self._began, self._site = False, None
        (self.folder / "stack.json").unlink(missing_ok=True)
        with self._ending:
            for process in self._processes:
                process.ask_to_stop()  # all programs at once; the servers only after them
        self._processes.clear()

    def _start_servers(self) -> None:
        self.ports = self._choose_ports()
        self._began = True
        postgres, redis = self.folder / "postgres", self.folder / "redis"
        self.postgres = Postgres(postgres, self.ports.postgres, durable=self._durable, log=self._log("postgres"))
        self.redis = Redis(redis, self.ports.redis, durable=self._durable, log=self._log("redis"))
        for server in (self.postgres, self.redis):
            with self._progress.step(server.title) as step:
                self._ending.callback(server.stop)
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
            self._run("schema", composition.MIGRATE)
        with self._progress.step("Neighbours") as step:
            neighbours.wait_ready(self._neighbours_answer, errors=OSError)
            step.note = f"User, Cart, Product, Payment; control on port {self.ports.control}"
        if self._with_service:
            self._start_service()
        self.check()
        self._site = self._describe()
        self._site.write(self.folder)

    def _start_service(self) -> None:
        service = self._start("service", composition.service(self.ports.service), grace=30)
        worker = self._start("worker", composition.WORKER, grace=10)
        beat = self._start("beat", composition.BEAT, grace=5)
        with self._progress.step("Service") as step:
            service.wait_ready(
                lambda: _need_ready(f"http://{HOST}:{self.ports.service}"), errors=(NotReadyError, httpx.TransportError)
            )
            step.note = f"port {self.ports.service}"
        with self._progress.step("Jobs") as step:
            worker.wait_ready(self._worker_answers, errors=(NotReadyError, redis.RedisError))
            beat.check()
            step.note = "Celery worker and beat"

    def _start(self, name: str, command: list[str], *, grace: float) -> Process:
        process = Process(name, command, log=self._log(name), cwd=CHECKOUT, environment=self.environment, grace=grace)
        self._ending.callback(process.stop)
        process.start()
        self._processes.append(process)
        return process

    def _run(self, name: str, command: list[str]) -> None:
        process = Process(name, command, log=self._log(name), cwd=CHECKOUT, environment=self.environment)
        try:
            process.start()
            process.wait_done()
        finally:
            process.stop()

    def _log(self, name: str) -> Path:
        return self.logs / f"{name}.log"

    def _describe(self) -> Site:
        return Site(
            url=f"http://{HOST}:{self.ports.service}",
            control_url=f"http://{HOST}:{self.ports.control}",
            expiry_seconds=int(self.environment["ORDER_EXPIRY_SECONDS"]),
            jwt_secret=self.environment["JWT_SECRET"],
        )

    def _lock(self) -> None:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.logs.mkdir(exist_ok=True, mode=0o700)
            lock: IO[str] = self._ending.enter_context((self.folder / "lock").open("a+"))
        except PermissionError as error:
            owner = _account(self.folder.stat().st_uid)
            raise StackError(f"{self.folder} belongs to {owner}. Run as that account, or move it away.") from error
        if not take(lock):
            lock.seek(0)
            raise StackError(f"This stack is running already (pid {lock.read().strip()}, state in {self.folder}).")
        lock.truncate(0)
        lock.write(f"{os.getpid()}\n")
        lock.flush()

    def _neighbours_answer(self) -> None:
        for port in (self.ports.user, self.ports.cart, self.ports.product, self.ports.control):
            socket.create_connection((HOST, port), timeout=2).close()

    def _worker_answers(self) -> None:
        with redis.Redis.from_url(self.environment["CELERY_BROKER_URL"]) as broker:
            if not any(client["cmd"] == "brpop" for client in broker.client_list()):
                raise NotReadyError("it does not wait for jobs")


def _need_ready(url: str) -> None:
    answer = httpx.get(f"{url}/readyz", timeout=5, trust_env=False)
    if answer.status_code != httpx.codes.OK:
        raise NotReadyError(f"/readyz says {answer.status_code}: {answer.text[:300]}")


def _account(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


@contextmanager
def throwaway_stack(purpose: str, *, settings: Mapping[str, str], progress: Progress) -> Iterator[Site]:
    """A stack of its own for one purpose, beside that of `make run`. Nothing is kept but the logs of a failure."""
    DATA.mkdir(exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f"{purpose}-", dir=DATA))
    try:
        with Stack(folder, settings=settings, durable=False, progress=progress) as stack:
            yield stack.connection_info
    except Exception:
        for state in ("postgres", "redis"):
            shutil.rmtree(folder / state, ignore_errors=True)
        progress.say(f"  Logs: {folder / 'logs'}")
        raise
    except BaseException:
        shutil.rmtree(folder)
        raise
    shutil.rmtree(folder)
