"""One of the three machines: etcd, Patroni with its PostgreSQL, Redis and Sentinel. Each may be lost as a whole or in part."""

import os
import signal
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from string import Template

import httpx

from compose.accounts import change_owner
from compose.connection_info import write_private
from compose.ha.network import Network
from compose.ha.programs import postgres_binaries, program, redis_server
from compose.processes import Process, launch_command
from compose.servers import ENVIRONMENT, postgres_processes_in

TEMPLATES = Path(__file__).parent
SERVERS = ("etcd", "etcd_peer", "patroni", "postgres", "redis", "sentinel")
STOP_SECONDS = 30
"""Patroni waits for PostgreSQL's shutdown, which waits for the standbys."""

NO_CERTIFICATES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
"""For plain HTTP: to read the system's certificates takes longer than the request."""

Signal = signal.Signals


class Machine:
    """The programs of one machine. `number` is from 1; the ports are the same over restarts."""

    def __init__(self, number: int, network: Network, ports: Sequence[int], folder: Path, logs: Path) -> None:
        self.number, self.name = number, f"machine-{number}"
        self.folder, self._logs = folder, logs
        self.host, self._enter = network.host(number), network.enter(number)
        self.ports = dict(zip(SERVERS, ports, strict=True))
        self._processes: dict[str, Process] = {}
        self._way = "as_is"

    @property
    def data(self) -> Path:
        """Return PostgreSQL's data folder."""
        return self.folder / "postgres"

    @property
    def addresses(self) -> dict[str, str]:
        """Return what other programs' configurations say about this machine, by names that end in its number."""
        addresses = {"host": self.host, **{name: str(port) for name, port in self.ports.items()}}
        return {f"{name}_{self.number}": value for name, value in addresses.items()}

    def configure(self, machines: Sequence["Machine"], password: str, way: str) -> None:
        """Write the configurations, and describe the processes; `way` is that in which PostgreSQL can be run."""
        self._way = way
        everyone = {name: value for machine in machines for name, value in machine.addresses.items()}
        own = {name: str(port) for name, port in self.ports.items()}
        values = everyone | own | {"name": self.name, "host": self.host, "folder": str(self.folder)}
        values |= {"password": password, "binaries": str(postgres_binaries())}
        for folder in ("etcd", "redis", "sentinel"):
            (self.folder / folder).mkdir(parents=True, mode=0o700)
        for name in ("patroni.yml", "redis.conf", "sentinel.conf"):
            write_private(self.folder / name, rendered(name, values))
        if self.number != 1:
            with (self.folder / "redis.conf").open("a") as configuration:
                configuration.write(f"replicaof {machines[0].host} {machines[0].ports['redis']}\n")
        change_owner(self.folder, way)
        self._describe("etcd", self._etcd(machines))
        redis = redis_server()
        self._describe("redis", [redis, str(self.folder / "redis.conf")])
        self._describe("sentinel", [redis, str(self.folder / "sentinel.conf"), "--sentinel"])
        patroni = launch_command([program("patroni"), str(self.folder / "patroni.yml")], way, Signal.SIGTERM)
        self._describe("patroni", patroni)

    def process(self, name: str) -> Process:
        """Return `etcd`, `patroni`, `redis` or `sentinel`."""
        return self._processes[name]

    @property
    def is_running(self) -> bool:
        """Return whether all of its programs run; PostgreSQL is Patroni's affair."""
        return all(process.is_running for process in self._processes.values())

    def start(self, *names: str) -> None:
        """Start these programs, by default all; one that runs is left alone. Patroni starts PostgreSQL."""
        for name in names or tuple(self._processes):
            process = self._processes[name]
            if not process.is_running:
                process.start()

    def ask_to_stop(self) -> None:
        """Ask the programs but etcd, which Patroni needs to the end, to stop."""
        for name, process in self._processes.items():
            if name != "etcd" and process.is_running:
                process.ask_to_stop()

    def stop(self) -> None:
        """Stop all programs. Repeatable."""
        for process in reversed(self._processes.values()):
            process.stop()
        self.kill_postgres()

    def kill(self, *names: str) -> None:
        """Kill these programs, by default all, like a loss of power: PostgreSQL together with Patroni."""
        for name in names or tuple(self._processes):
            if self._processes[name].is_running:
                self._processes[name].kill()
            if name == "patroni":
                self.kill_postgres()

    def kill_postgres(self) -> None:
        """Kill all processes of PostgreSQL; Patroni, if it runs, is left alone."""
        while processes := postgres_processes_in(self.data):
            for pid in processes:
                with suppress(ProcessLookupError):
                    os.kill(pid, Signal.SIGKILL)

    def patroni_url(self, path: str = "") -> str:
        return f"http://{self.host}:{self.ports['patroni']}{path}"

    def answers(self, path: str) -> bool:
        """Return whether Patroni's API responds to this path with 200, as HAProxy asks it: `/primary`, `/replica` …"""
        try:
            return (
                httpx.get(self.patroni_url(path), timeout=2, trust_env=False, verify=NO_CERTIFICATES).status_code == 200
            )
        except httpx.HTTPError:
            return False

    def postgres_url(self, password: str) -> str:
        """Return the address of this machine's own PostgreSQL, for its superuser."""
        return f"postgresql://postgres:{password}@{self.host}:{self.ports['postgres']}/postgres"

    def _etcd(self, machines: Sequence["Machine"]) -> list[str]:
        client, peer = (f"http://{self.host}:{self.ports[name]}" for name in ("etcd", "etcd_peer"))
        members = ",".join(f"{each.name}=http://{each.host}:{each.ports['etcd_peer']}" for each in machines)
        options = {
            "name": self.name,
            "data-dir": self.folder / "etcd",
            "listen-client-urls": client,
            "advertise-client-urls": client,
            "listen-peer-urls": peer,
            "initial-advertise-peer-urls": peer,
            "initial-cluster": members,
            "initial-cluster-state": "new",  # read at the first start only
            "auto-compaction-retention": 1,
            "logger": "zap",
        }
        return [program("etcd"), *(f"--{name}={value}" for name, value in options.items())]

    def _describe(self, name: str, command: Sequence[str]) -> None:
        self._processes[name] = Process(
            f"{name} of {self.name}",
            [*self._enter, *command],
            log=self._logs / f"{self.name}-{name}.log",
            cwd=self.folder,
            environment=ENVIRONMENT,
            orphan_signal=Signal.SIGTERM,
            grace=STOP_SECONDS,
        )


def rendered(template: str, values: Mapping[str, str]) -> str:
    """Return a template of this folder with its values. Raise KeyError if one is missing."""
    return Template((TEMPLATES / template).read_text()).substitute(values)
