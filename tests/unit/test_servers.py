"""The local stack's servers and processes: they start, keep their data, and leave no process behind."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import jwt
import psycopg
import pytest
import redis
import yaml

from compose import accounts, composition, servers
from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER, ConnectionInfo, find_running, load_secrets, try_lock
from compose.errors import AccountError, PortError, ProcessError, ServerError, StackError
from compose.ports import HOST, Ports, free_port
from compose.processes import Process
from compose.servers import ONCE, Postgres, Redis
from compose.stack import CHECKOUT, Stack

root_only = pytest.mark.skipif(os.geteuid() != 0, reason="only root needs another account for PostgreSQL")


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.create_server((HOST, free_port())) as server:
        yield server.getsockname()[1]


@pytest.fixture
def closed_folder(tmp_path: Path) -> Path:
    """Return a folder that only its owner may enter, as /root is."""
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    return closed / "postgres"


def sql(server: Postgres, statement: str) -> list[tuple[object, ...]]:
    with psycopg.connect(server.url, autocommit=True) as connection:
        cursor = connection.execute(statement.encode())
        return cursor.fetchall() if cursor.description else []


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def is_gone(pid: int, within: float = 5) -> bool:
    end = time.monotonic() + within
    while runs(pid) and time.monotonic() < end:
        time.sleep(0.02)
    return not runs(pid)


def test_postgres_keeps_what_was_committed_and_leaves_no_process(tmp_path: Path) -> None:
    server = Postgres(tmp_path, durable=False)
    (tmp_path / "data.unfinished" / "base").mkdir(parents=True)  # as a first start leaves it when interrupted
    with server:
        sql(server, "CREATE TABLE kept AS SELECT 'Ünïcode' AS word")
        first = server.process.pid
        assert servers.postgres_processes_in(server.data)
    assert is_gone(first)
    assert not servers.postgres_processes_in(server.data)
    with server:
        assert sql(server, "SELECT upper(word) FROM kept") == [("ÜNÏCODE",)]


def test_postgres_starts_after_a_kill_although_another_process_has_its_pid(tmp_path: Path) -> None:
    server = Postgres(tmp_path)
    with server:
        sql(server, "CREATE TABLE kept (n int)")
        os.kill(server.process.pid, signal.SIGKILL)
    lock = server.data / "postmaster.pid"
    lock.write_text(lock.read_text().replace(lock.read_text().split()[0], str(os.getpid()), 1))
    with server:
        assert sql(server, "SELECT * FROM kept") == []


@root_only
@pytest.mark.parametrize("way", accounts.ROOT_WAYS)
def test_root_runs_postgres_where_only_root_may_enter_and_may_change_the_way(
    way: str, closed_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for ways in ((way,), accounts.ROOT_WAYS):
        monkeypatch.setattr(accounts, "ROOT_WAYS", ways)
        try:
            with Postgres(closed_folder, durable=False) as server:
                sql(server, "CREATE TABLE IF NOT EXISTS kept (n int)")
        except AccountError as error:
            pytest.skip(f"not allowed on this machine: {error}")


@root_only
def test_root_without_a_way_gets_an_error(closed_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "ROOT_WAYS", ())
    with pytest.raises(AccountError, match="refuses to run as root"):
        Postgres(closed_folder).start()


@pytest.mark.parametrize(("durable", "found"), [(True, b"1"), (False, None)])
def test_redis_keeps_its_state_when_durable_and_forgets_it_otherwise(
    tmp_path: Path, durable: bool, found: bytes | None
) -> None:
    server = Redis(tmp_path, durable=durable)
    with server, redis.Redis.from_url(server.url) as client:
        client.set("kept", 1)
    assert is_gone(server.process.pid)
    with server, redis.Redis.from_url(server.url) as client:
        assert client.get("kept") == found


def test_a_server_requires_its_password(tmp_path: Path) -> None:
    with Redis(tmp_path, durable=False) as server:
        stranger = redis.Redis(port=server.port, retry=ONCE)
        with stranger, pytest.raises(redis.AuthenticationError):
            stranger.ping()
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("server", [Postgres, Redis])
def test_the_error_of_a_taken_port_names_the_port(
    tmp_path: Path, taken_port: int, server: type[Postgres] | type[Redis]
) -> None:
    with pytest.raises(ServerError, match=str(taken_port)):
        server(tmp_path, taken_port).start()


@pytest.mark.parametrize("variable", ["PORT", "POSTGRES_PORT", "REDIS_PORT", "CONTROL_PORT"])
def test_a_requested_port_that_is_taken_is_named_with_its_variable(variable: str, taken_port: int) -> None:
    asked = {"PORT": str(free_port()), variable: str(taken_port)}
    with pytest.raises(PortError, match=rf"Port {taken_port} \({variable}.*{variable}={taken_port + 1} make run"):
        Ports.from_environment(asked)


def test_a_taken_default_port_is_replaced_by_a_free_one(taken_port: int) -> None:
    assert Ports.from_environment({"PORT": str(free_port())}, Ports(redis=taken_port)).redis != taken_port


@pytest.mark.parametrize("nonsense", ["x", "0", "65536", "-1", "tcp://10.0.0.1:6379"])
def test_an_invalid_port_is_refused(nonsense: str) -> None:
    with pytest.raises(PortError, match="is not a port"):
        Ports.from_environment({"PORT": nonsense})


def process(tmp_path: Path, *command: str, grace: float = 5) -> Process:
    return Process("it", command, log=tmp_path / "log", cwd=tmp_path, environment={"PATH": os.defpath}, grace=grace)


def test_a_process_that_does_not_stop_is_killed_with_its_children(tmp_path: Path) -> None:
    stubborn = process(tmp_path, "sh", "-c", "trap '' TERM; sleep 60 & echo $! >child; wait; sleep 60", grace=0.2)
    stubborn.start()
    stubborn.wait_ready(lambda: int((tmp_path / "child").read_text()), errors=(OSError, ValueError))
    stubborn.stop()
    assert is_gone(stubborn.pid)
    assert is_gone(int((tmp_path / "child").read_text()))


def test_a_terminated_process_is_reported_with_the_end_of_its_log(tmp_path: Path) -> None:
    dead = process(tmp_path, "sh", "-c", "echo what happened; exit 3")
    dead.start()
    with pytest.raises(ProcessError, match=r"(?s)it ended with exit status 3.*what happened"):
        dead.wait_ready(lambda: (tmp_path / "never").read_text(), errors=OSError)
    dead.stop()


def test_no_process_outlives_its_starter_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import sys, time; from pathlib import Path; from compose.servers import Redis; "
        "server = Redis(Path(sys.argv[1])); server.start(); print(server.process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", program, str(tmp_path)]
    with subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        pid = int(starter.stdout.readline())
        starter.kill()
    assert is_gone(pid)


def test_a_second_stack_on_the_same_folder_is_refused_with_the_pid_of_the_first(tmp_path: Path) -> None:
    with (tmp_path / "lock").open("w") as lock:
        assert try_lock(lock)
        lock.write("4711")
        lock.flush()
        with pytest.raises(StackError, match=r"running already \(pid 4711"):
            Stack(tmp_path).start()


def test_a_stack_that_cannot_start_leaves_its_folder_free(tmp_path: Path, taken_port: int) -> None:
    stack = Stack(tmp_path, ports=lambda: Ports.from_environment({"PORT": str(taken_port)}))
    for _ in range(2):
        with pytest.raises(PortError):
            stack.start()


def test_a_running_stack_is_found_by_its_folder_and_a_terminated_one_is_not(tmp_path: Path) -> None:
    info = ConnectionInfo("http://service", "http://control", 900, "a secret of more than thirty-two bytes")
    assert find_running(tmp_path) is None
    with (tmp_path / "lock").open("w") as lock:
        assert try_lock(lock)
        info.write(tmp_path)
        assert find_running(tmp_path) == info
    assert find_running(tmp_path) is None


def test_a_token_carries_subject_role_and_vendor() -> None:
    info = ConnectionInfo("http://service", "http://control", 900, "a secret of more than thirty-two bytes")
    token = info.token("vendor", "vera", "v-atelier")
    claims = jwt.decode(token, info.jwt_secret, ["HS256"], issuer=JWT_ISSUER, audience=JWT_AUDIENCE)
    assert (claims["sub"], claims["role"], claims["vendor_id"]) == ("vera", "vendor", "v-atelier")
    assert claims["exp"] - claims["iat"] == 12 * 3600


def test_the_environment_tunes_the_stack_but_cannot_redirect_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDER_EXPIRY_SECONDS", "60")
    for name in ("DATABASE_URL", "JWT_SECRET", "PGHOST", "JWT_PUBLIC_KEY"):
        monkeypatch.setenv(name, "theirs")
    secrets = load_secrets(tmp_path)
    settings = {"LOG_LEVEL": "DEBUG"}
    names = composition.environment(
        Ports.free(), database_url="ours", redis_url="redis://ours", secrets=secrets, settings=settings
    )
    assert (names["ORDER_EXPIRY_SECONDS"], names["LOG_LEVEL"]) == ("60", "DEBUG")
    assert "theirs" not in names.values()
    assert load_secrets(tmp_path) == secrets


def test_the_containers_read_only_what_the_sample_environment_explains() -> None:
    text = (CHECKOUT / "docker-compose.yml").read_text()
    services = yaml.safe_load(text)["services"]
    read = set(re.findall(r"\$\{(\w+)", text)) | set(services["service"]["environment"])
    explained = set(re.findall(r"^#? ?([A-Z_]+)=", (CHECKOUT / ".env.sample").read_text(), re.MULTILINE))
    assert read - explained == set()


def test_the_containers_run_the_commands_of_the_local_stack() -> None:
    services = yaml.safe_load((CHECKOUT / "docker-compose.yml").read_text())["services"]
    assert services.keys() >= {"postgres", "redis", "migrate", "service", "nginx", "worker", "beat", "sandbox"}
    drain = int(services["service"]["environment"]["SHUTDOWN_DRAIN_SECONDS"])
    assert int(services["service"]["stop_grace_period"].removesuffix("s")) > drain + 25
    assert services["beat"]["command"] == composition.BEAT[2:]
    image = (CHECKOUT / "compose" / "Dockerfile").read_text()
    assert all(f'"{part}"' in image for part in composition.service(8000)[3:] if part != HOST)
