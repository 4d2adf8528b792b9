"""Servers with different clocks: times come from the database, so a client that polls for changes misses none."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.records import pay
from tests.support.server import server
from tests.support.world import Person, World, eventually

LATE_SECONDS = 20
SOURCE = Path(__file__).with_name("late_clock.c")


@pytest.fixture(scope="module")
def late_url(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Yield a server process whose clock is late, with a longer leeway for tokens."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler to make a late clock with")
    library = tmp_path_factory.mktemp("clock") / "late_clock.so"
    subprocess.run([compiler, "-shared", "-fPIC", "-o", library, SOURCE, "-ldl"], check=True)
    stack = request.getfixturevalue("stack")
    with server(stack, "late", LD_PRELOAD=str(library), LATE_SECONDS=str(LATE_SECONDS)) as url:
        yield url


@pytest.fixture
def late(world: World, late_url: str) -> Iterator[World]:
    """Yield the same marketplace at the server whose clock is late."""
    with closing(World(world.stack, late_url, world.sandbox)) as late:
        yield late


def database_time(world: World) -> datetime:
    (row,) = world.sql("SELECT clock_timestamp() AS now")
    now: datetime = row["now"]
    return now


def found(person: Person, path: str, since: str) -> set[str]:
    """Return the ids of the orders changed since then."""
    answer = person.get(path, params={"updated_since": since, "limit": 100})
    assert answer.status_code == 200, answer.text
    return {each["id"] for each in answer.json()["results"]}


def test_a_new_order_has_the_databases_time(world: World, late: World) -> None:
    ada = world.shopper()
    before = database_time(world)
    order = late.person("customer", ada.id).place()
    after = database_time(world)
    placed, expires = (datetime.fromisoformat(order[name]) for name in ("created_at", "expires_at"))
    assert before <= placed <= after
    assert (expires - placed).total_seconds() == 900
    assert order["updated_at"] == order["created_at"]
    assert ada.order(order["id"]) == order, "the response has the stored times"
    (entry,) = ada.get(f"/orders/{order['id']}/history").json()["results"]
    assert before <= datetime.fromisoformat(entry["at"]) <= after
    (part,) = world.sql("SELECT created_at, updated_at FROM vendor_orders WHERE order_id = %s", order["id"])
    assert part == {"created_at": placed, "updated_at": placed}


def test_a_change_at_a_server_whose_clock_is_late_is_found_by_a_poll_for_changes(world: World, late: World) -> None:
    ada, bob, vendor, admin = world.shopper(vendor="v-late"), world.shopper(), world.vendor("v-late"), world.admin()
    changed = ada.place()
    pay(world, changed["id"])
    ada.order_becomes(changed["id"], status="confirmed")
    latest = bob.place()
    # A client that has seen the latest change polls for changes since then, and must get the next one.
    (part,) = changed["vendor_orders"]
    elsewhere = late.person("vendor", vendor.id, "v-late")
    assert elsewhere.post(f"/vendor-orders/{part['id']}/accept").status_code == 200
    for person in (ada, admin):
        assert changed["id"] in found(person, "/orders", latest["updated_at"])
    assert part["id"] in found(vendor, "/vendor-orders", latest["updated_at"])


def test_a_time_never_goes_backwards(world: World, late: World) -> None:
    """The database's own clock may be set back, and another server's clock may have been ahead."""
    ada = world.shopper()
    order = ada.place()
    world.sql("UPDATE orders SET updated_at = now() + interval '1 min' WHERE id = %s", order["id"])
    before = ada.order(order["id"])
    assert ada.post(f"/orders/{order['id']}/cancel").status_code == 200
    after = eventually(lambda: ada.order(order["id"]), "the order")
    assert datetime.fromisoformat(after["updated_at"]) >= datetime.fromisoformat(before["updated_at"])
    entries = ada.get(f"/orders/{order['id']}/history").json()["results"]
    assert [entry["at"] for entry in entries] == sorted(entry["at"] for entry in entries)
