"""Three machines, and HAProxy with one address each for PostgreSQL's primary and Redis' master."""

import json
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import psycopg
import redis

from compose.accounts import way_to_run
from compose.connection_info import write_private
from compose.errors import ServerError
from compose.ha.machine import NO_CERTIFICATES, SERVERS, Machine, rendered
from compose.ha.network import Loopback, Network
from compose.ha.programs import postgres_binaries, program
from compose.ports import HOST, free_port, free_ports
from compose.processes import Process
from compose.servers import ENVIRONMENT, NAME, ONCE, Postgres, Redis

MACHINES = 3
START_SECONDS = 120
"""For three machines on one: a standby copies the data of the primary."""


class Cluster:
    """All of them. Use `start` and `stop`; `postgres` and `redis` are the servers behind HAProxy, as clients see them."""

    def __init__(
        self, folder: Path, logs: Path, *, postgres_port: int, redis_port: int, network: Network | None = None
    ) -> None:
        network = network or Loopback()
        ports = free_ports(MACHINES * len(SERVERS))
        self.folder = folder
        self.machines = [
            Machine(
                number,
                network,
                ports[(number - 1) * len(SERVERS) : number * len(SERVERS)],
                folder / f"machine-{number}",
                logs,
            )
            for number in range(1, MACHINES + 1)
        ]
        self.password = secrets.token_urlsafe(24)
        self.statistics_port = free_port()
        self.haproxy = Process(
            "HAProxy",
            [program("haproxy"), "-f", str(folder / "haproxy.cfg")],
            log=logs / "haproxy.log",
            cwd=folder,
            environment=ENVIRONMENT,
        )
        self.postgres = PrimaryBehindProxy(self, postgres_port)
        self.redis = MasterBehindProxy(self, redis_port)

    @property
    def statistics_url(self) -> str:
        """Return the address of HAProxy's statistics page."""
        return f"http://{HOST}:{self.statistics_port}/"

    def start(self) -> None:
        """Start all programs and wait until there are a primary and two standbys, a master and two replicas."""
        self.configure()
        for machine in self.machines:
            machine.start()
        self.haproxy.start()
        self.wait_until_whole()

    def configure(self) -> None:
        """Write the configurations of all programs."""
        self.folder.mkdir(parents=True, mode=0o700)
        way = way_to_run(postgres_binaries() / "initdb", self.folder)
        for machine in self.machines:
            machine.configure(self.machines, self.password, way)
        write_private(self.folder / "haproxy.cfg", rendered("haproxy.cfg", self._proxied()))

    def stop(self) -> None:
        """Stop everything. Repeatable."""
        self.haproxy.stop()
        for machine in self.machines:
            machine.ask_to_stop()
        for machine in self.machines:
            machine.stop()

    def change_settings(self, **settings: Any) -> None:
        """Change Patroni's settings of the cluster, as `patronictl edit-config` does."""
        self._ask("PATCH", "/config", settings)

    def wait_until_whole(self) -> None:
        """Wait until every machine has its place. Raise ProcessError if a program ends, or after START_SECONDS."""
        for machine in self.machines:
            patroni = machine.process("patroni")
            patroni.wait_ready(self._probe_members, limit=START_SECONDS, errors=(ServerError, httpx.HTTPError))
        self.machines[0].process("redis").wait_ready(
            self._probe_replicas, limit=START_SECONDS, errors=(ServerError, redis.RedisError)
        )

    @property
    def primary(self) -> Machine:
        """Return the machine whose PostgreSQL is the primary. Raise ServerError while there is none."""
        return self._find("/primary", "PostgreSQL has no primary")

    @property
    def standbys(self) -> list[Machine]:
        """Return the machines whose PostgreSQL is a standby that follows the primary."""
        return [machine for machine in self.machines if machine.answers("/replica")]

    @property
    def redis_master(self) -> Machine:
        """Return the machine whose Redis is the master, according to most Sentinels. Raise ServerError while there is none."""
        found = [address for machine in self.machines if (address := self._master_by(machine))]
        for machine in self.machines:
            if found.count((machine.host, machine.ports["redis"])) > MACHINES // 2:
                return machine
        raise ServerError(f"Redis has no master: the Sentinels name {found}.")

    def switch_over(self) -> Machine:
        """Make a standby the primary, as before maintenance; return its machine when both have changed roles."""
        leader, candidate = self.primary, next(each for each in self.standbys if each.answers("/quorum"))
        self._ask("POST", "/switchover", {"leader": leader.name, "candidate": candidate.name}, machine=leader)
        return candidate

    def members(self) -> dict[str, dict[str, Any]]:
        """Return what Patroni says about each machine, by its name: `role`, `state`, `timeline`, `lag`."""
        answer = self._ask("GET", "/cluster")
        return {member["name"]: member for member in answer["members"]}

    def _find(self, path: str, otherwise: str) -> Machine:
        for machine in self.machines:
            if machine.answers(path):
                return machine
        raise ServerError(f"{otherwise}.")

    def _master_by(self, machine: Machine) -> tuple[str, int] | None:
        """Return the address that the Sentinel of a machine names."""
        port = machine.ports["sentinel"]
        try:
            with redis.Redis(machine.host, port, socket_timeout=2, socket_connect_timeout=1, retry=ONCE) as sentinel:
                host, found = sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "orders")
        except redis.RedisError:
            return None
        return host.decode(), int(found)

    def _probe_members(self) -> None:
        members = self.members()
        roles = sorted(each["role"] for each in members.values() if each["state"] in ("running", "streaming"))
        if roles != ["leader", "quorum_standby", "quorum_standby"]:
            raise ServerError(f"Patroni's members are {json.dumps(members)}")

    def _probe_replicas(self) -> None:
        with redis.Redis.from_url(self.redis.url, socket_timeout=2, retry=ONCE) as client:
            replicas = client.info("replication")["connected_slaves"]
        if replicas != MACHINES - 1:
            raise ServerError(f"Redis has {replicas} replicas")
        _ = self.redis_master

    def _ask(self, method: str, path: str, body: Any = None, machine: Machine | None = None) -> Any:
        """Call Patroni's API at a machine, by default the first that responds. Raise ServerError for a refusal."""
        machine = machine or self._find("/health", "No PostgreSQL is running")
        answer = httpx.request(
            method,
            machine.patroni_url(path),
            json=body,
            auth=("patroni", self.password),
            timeout=60,
            trust_env=False,
            verify=NO_CERTIFICATES,
        )
        if not answer.is_success:
            raise ServerError(f"{method} {path}: {answer.status_code} {answer.text}")
        return answer.json() if "json" in answer.headers.get("content-type", "") else answer.text

    def _proxied(self) -> Mapping[str, str]:
        ports = {"postgres": self.postgres.port, "redis": self.redis.port, "statistics": self.statistics_port}
        values = {f"{name}_port": str(port) for name, port in ports.items()}
        for machine in self.machines:
            values |= machine.addresses
        return values | {"listen": HOST, "password": self.password}


class PrimaryBehindProxy(Postgres):
    """The address that always leads to the primary, with the service's account and database."""

    title = "PostgreSQL behind HAProxy"

    def __init__(self, cluster: Cluster, port: int) -> None:
        super().__init__(cluster.folder / "client", port, log=cluster.haproxy.log)
        self._cluster, self._process = cluster, cluster.haproxy

    def start(self) -> None:
        """Create the account and the database, once the primary is reached."""
        self.folder.mkdir(mode=0o700)
        self._ensure_password()
        self.process.wait_ready(self._create_account, errors=psycopg.OperationalError)
        self.process.wait_ready(self._ensure_database, errors=psycopg.OperationalError)

    def stop(self) -> None:
        """Leave the servers to the cluster."""

    def _create_account(self) -> None:
        address = f"postgresql://postgres:{self._cluster.password}@{HOST}:{self.port}/postgres"
        with psycopg.connect(address, connect_timeout=2, sslmode="disable") as connection:
            if connection.execute("SELECT FROM pg_roles WHERE rolname = %s", [NAME]).fetchone() is None:
                connection.execute(f"CREATE ROLE {NAME} LOGIN CREATEDB PASSWORD '{self.password}'".encode())


class MasterBehindProxy(Redis):
    """The address that always leads to the master."""

    title = "Redis behind HAProxy"

    def __init__(self, cluster: Cluster, port: int) -> None:
        super().__init__(cluster.folder, port, log=cluster.haproxy.log)
        self._cluster, self._process = cluster, cluster.haproxy

    @property
    def password(self) -> str:
        return self._cluster.password

    def start(self) -> None:
        """Wait until the master is reached."""
        self.process.wait_ready(self._ping, errors=(redis.ConnectionError, redis.TimeoutError))

    def stop(self) -> None:
        """Leave the servers to the cluster."""
