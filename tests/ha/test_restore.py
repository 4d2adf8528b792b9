"""Backup by Barman, and restoring to the time before a mistake: every order that was placed until then is there."""

import os
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from compose.composition import PYTHON
from compose.ha.cluster import Cluster
from compose.ha.programs import SEARCHED, missing_programs, postgres_binaries, program
from compose.ha.stack import HighlyAvailableStack
from compose.processes import Process
from compose.servers import Postgres
from compose.stack import CHECKOUT
from tests.support.invariants import check_at_rest, check_invariants
from tests.support.reconciliation import reconcile
from tests.support.records import until_done
from tests.support.server import server
from tests.support.world import Person, World, eventually

needs_barman = pytest.mark.skipif(
    bool(missing_programs("barman", "rsync")), reason="needs Barman and rsync: compose/ha/install"
)
pytestmark = [pytest.mark.long, pytest.mark.serial, needs_barman]

CONFIGURATION = """
[barman]
barman_user = {user}
barman_home = {home}
log_file = {home}/barman.log
configuration_files_directory = {home}/barman.d

[orders]
description = the primary, behind HAProxy
conninfo = host=127.0.0.1 port={port} user=postgres dbname=postgres password={password}
streaming_conninfo = host=127.0.0.1 port={port} user=replication password={password}
backup_method = postgres
streaming_archiver = on
slot_name = barman
path_prefix = {binaries}
"""


class Barman:
    """Barman with the server `orders`; `receiver` is the process that receives the write-ahead log."""

    def __init__(self, cluster: Cluster, home: Path) -> None:
        home.mkdir(mode=0o700)
        (home / "barman.d").mkdir()
        self._configuration = home / "barman.conf"
        values = {"user": os.environ.get("USER") or "root", "home": home, "binaries": postgres_binaries()}
        access = {"port": cluster.postgres.port, "password": cluster.password}
        self._configuration.write_text(CONFIGURATION.format(**values, **access))
        self._environment = {"PATH": SEARCHED, "HOME": str(home), "LC_ALL": "C.UTF-8"}
        self.receiver = Process(
            "barman receive-wal",
            self._command("receive-wal", "orders"),
            log=home / "receiver.log",
            cwd=home,
            environment=self._environment,
        )

    def run(self, *arguments: str) -> str:
        """Run a command and return its output; it must succeed."""
        done = subprocess.run(
            self._command(*arguments),
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=180,
        )
        assert done.returncode == 0, done.stdout
        return done.stdout

    def _command(self, *arguments: str) -> list[str]:
        return [program("barman"), "--config", str(self._configuration), *arguments]


class Restored(Postgres):
    """The restored data as a server of its own, without standbys: else a commit would wait for one."""

    def _settings(self) -> list[str]:
        own = {
            "hba_file": self.data / "pg_hba.conf",
            "ident_file": self.data / "pg_ident.conf",
            "synchronous_standby_names": "",
        }
        return [*super()._settings(), *(part for name, value in own.items() for part in ("-c", f"{name}={value}"))]


@pytest.fixture
def barman(cluster: Cluster, tmp_path: Path) -> Iterator[Barman]:
    """Yield Barman while it receives the log of the primary."""
    cluster.change_settings(slots={"barman": {"type": "physical"}})
    barman = Barman(cluster, tmp_path / "barman")
    try:
        barman.receiver.wait_ready(lambda: _start(barman), errors=AssertionError)
        yield barman
    finally:
        barman.receiver.stop()
        cluster.change_settings(slots=None)


def _start(barman: Barman) -> None:
    """Start the receiver, as soon as Patroni has created its slot."""
    if not barman.receiver.is_running:
        barman.receiver.start()
    barman.run("switch-wal", "--force", "--archive", "--archive-timeout", "10", "orders")


def test_the_database_is_restored_to_the_time_before_a_mistake(
    barman: Barman,
    stack: HighlyAvailableStack,
    cluster: Cluster,
    world: World,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    placed = [paid(world) for _ in range(3)]
    barman.run("backup", "--wait", "orders")
    placed += [paid(world) for _ in range(3)]
    (row,) = world.sql("SELECT clock_timestamp() AS moment")
    moment: datetime = row["moment"]
    world.sql("UPDATE orders SET note = 'mistake'")  # the mistake: a forgotten WHERE
    barman.run("switch-wal", "--force", "--archive", "--archive-timeout", "60", "orders")

    folder = tmp_path / "restored"
    folder.mkdir()
    until = ("--target-time", moment.isoformat(), "--target-action", "promote")
    barman.run("recover", *until, "orders", "latest", str(folder / "data"))
    (folder / "password").write_text(cluster.postgres.password)
    with Restored(folder) as restored:
        monkeypatch.setattr(stack, "postgres", restored)
        monkeypatch.setitem(stack.environment, "DATABASE_URL", restored.url)
        eventually(
            lambda: not world.sql("SELECT pg_is_in_recovery() AS it")[0]["it"], "the restored server to be writable"
        )
        with server(stack, "restored") as url, closing(World(stack, url, world.sandbox)) as afterwards:
            for customer, order in placed:
                assert same_caller(afterwards, customer).order(order["id"])["note"] == order["note"]
            status, output = reconcile(afterwards)
            assert status == 0, output
            check = [PYTHON, "manage.py", "rebuild_analytics", "--check"]
            done = subprocess.run(check, cwd=CHECKOUT, env=stack.environment, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
            assert afterwards.shopper().place()["status"] == "pending"
            check_at_rest(afterwards, *(order["id"] for _, order in placed))
            check_invariants(afterwards)


def same_caller(world: World, customer: Person) -> Person:
    """Return the customer at the server of `world`."""
    return world.person("customer", customer.id)


def paid(world: World) -> tuple[Person, dict[str, Any]]:
    """Return a customer and their paid order, with all effects done."""
    ada = world.shopper()
    order = ada.place({"note": "as the customer wrote it"})
    ada.order_becomes(order["id"], status="confirmed", payment_status="paid")
    until_done(world, order["id"])
    return ada, order
