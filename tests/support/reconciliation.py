"""Runs of `manage.py reconcile` on orders whose effects are complete."""

import subprocess
import sys
from typing import Any

from compose.stack import CHECKOUT
from tests.support.records import (
    account,
    clears,
    hold,
    pay,
    until_done,
    until_requested,
)
from tests.support.world import Person, World

SECONDS = 60


def reconcile(world: World, *arguments: str) -> tuple[int, str]:
    """Run the command, without Django's checks, which take a third of its time; return its exit status and its output."""
    done = subprocess.run(
        [sys.executable, "manage.py", "reconcile", "--skip-checks", *arguments],
        cwd=CHECKOUT,
        env=dict(world.stack.environment),
        capture_output=True,
        text=True,
        timeout=SECONDS,
    )
    assert "Traceback" not in done.stderr
    return done.returncode, done.stdout + done.stderr


def everything(world: World, order_id: str) -> list[Any]:
    """Return all that is stored of an order here and at Product, Payment and Cart, including the calls that were made."""
    tables = ("orders", "vendor_orders", "order_events", "payment_events", "refunds", "outbox", "dead_letters")
    key = {"orders": "id"}
    rows = [
        world.sql(f"SELECT * FROM {table} WHERE {key.get(table, 'order_id')} = %s ORDER BY id", order_id)
        for table in tables
    ]
    return [rows, hold(world, order_id), account(world, order_id), clears(world, order_id)]


def check_found_then_repaired(world: World, order_id: str, *problems: str) -> None:
    """Check that a dry run finds exactly these problems and changes nothing; then repair them."""
    before = everything(world, order_id)
    status, output = reconcile(world, "--dry-run", "--order", order_id)
    found = [line.split()[0] for line in output.splitlines() if order_id in line]
    assert (status, found) == (1, list(problems)), output
    assert everything(world, order_id) == before
    status, output = reconcile(world, "--order", order_id)
    assert status == 0, output


def pending(world: World, **product: Any) -> tuple[Person, dict[str, Any]]:
    """Return a customer and their order, with every effect of the checkout done."""
    ada = world.shopper(**product)
    order = ada.place()
    until_done(world, order["id"])
    until_requested(world, order["id"])
    return ada, order


def confirmed(world: World, **product: Any) -> tuple[Person, dict[str, Any]]:
    """Return a customer and their paid order."""
    ada, order = pending(world, **product)
    pay(world, order["id"])
    ada.order_becomes(order["id"], status="confirmed")
    until_done(world, order["id"])
    return ada, order
