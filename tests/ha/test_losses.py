"""Machines and servers that are lost while customers order, pay and cancel, and vendors accept (P1–P5, P10).

No process of the service is restarted. Every refusal must be a 503 within its budget and with a Retry-After, every 201 is there
afterwards, nothing is doubled: `Load.check` compares all responses with the database and the neighbours' ledgers.
"""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from random import Random

import psycopg
import pytest
import redis

from compose.errors import ServerError
from compose.ha.cluster import Cluster
from compose.ha.machine import Machine
from compose.ha.network import Namespaces, Network
from compose.servers import NAME
from compose.stack import CHECKOUT
from tests.ha.insider import TABLE
from tests.ha.outage import Outage
from tests.support.checkout_load import Load
from tests.support.fleet import Server
from tests.support.world import World, eventually

Measured = Callable[[str, float], None]

TTL_SECONDS = 20
"""Patroni's `ttl`: a primary without etcd has lost its lock after this time."""

ANSWERED_SECONDS = 2
"""The time until a response to a confirmed commit has arrived."""

REJOIN_SECONDS = 120
"""The time in which a former primary is rewound and follows; orders do not wait for it."""

pytestmark = [pytest.mark.long, pytest.mark.serial]


@pytest.fixture
def outage(world: World, servers: list[Server], load: Load, rng: Random) -> Outage:
    return Outage(world, [server.url for server in servers], load, Random(rng.random()))


@contextmanager
def under_load(load: Load, outage: Outage) -> Iterator[None]:
    """Run the load before, during and after the block until each server has placed orders again, then check everything."""
    with load:
        with outage:
            outage.wait_for_orders()
            yield
            outage.wait_for_orders()
        load.run(2)
    load.check()


def new_primary(cluster: Cluster, old: Machine) -> Machine:
    """Wait until another machine has the primary; return it."""

    def look() -> Machine | None:
        return next((each for each in cluster.machines if each is not old and each.answers("/primary")), None)

    return eventually(look, "another primary", 45)


def test_the_loss_of_the_machine_with_the_primary_and_the_master(
    cluster: Cluster, load: Load, outage: Outage, measured: Measured
) -> None:
    machine = cluster.primary
    with under_load(load, outage):
        machine.kill()
        new_primary(cluster, machine)
    measured("the primary's machine is lost, with everything on it", outage.longest)


def test_the_loss_of_patroni_and_postgresql(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    machine = cluster.primary
    with under_load(load, outage):
        machine.kill("patroni")
        new_primary(cluster, machine)
    measured("the primary's Patroni and PostgreSQL are killed", outage.longest)


def test_a_crash_of_postgresql(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    machine = cluster.primary
    with under_load(load, outage):
        machine.kill_postgres()
    measured("the primary's PostgreSQL alone is killed", outage.longest)


def test_a_planned_switchover(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    old = cluster.primary
    with under_load(load, outage):
        assert cluster.switch_over() is not old
    measured("switchover", outage.longest)


def test_the_loss_of_a_standby(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    machine = cluster.standbys[0]
    with under_load(load, outage):
        machine.kill("patroni")
    measured("a standby is killed", outage.longest)


def test_without_a_standby_no_order_is_confirmed(
    cluster: Cluster, load: Load, outage: Outage, measured: Measured
) -> None:
    with under_load(load, outage):
        for machine in cluster.standbys:
            machine.kill("patroni")
        load.run(ANSWERED_SECONDS)  # responses to what was confirmed before
        alone = time.monotonic()
        load.run(8)
        assert outage.orders_since(alone) == 0
        for machine in cluster.machines:
            machine.start("patroni")
        back = time.monotonic()
        outage.wait_for_orders()
    measured("both standbys are killed, and return after 10 s: from their start on", outage.after(back))


def test_the_loss_of_one_etcd(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    machine = cluster.primary
    with under_load(load, outage):
        machine.kill("etcd")
        load.run(TTL_SECONDS + 5)
        assert cluster.primary is machine
    measured("one etcd of three is killed", outage.longest)


def test_the_loss_of_all_etcd(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    primary = cluster.primary
    with under_load(load, outage):
        for machine in cluster.machines:
            machine.kill("etcd")
        load.run(TTL_SECONDS + 5)
        for machine in cluster.machines:
            machine.start("etcd")
        outage.wait_for_orders()
        assert cluster.primary is primary
    measured("all three etcd are killed, and return after 25 s", outage.longest)


def test_the_loss_of_redis_master(cluster: Cluster, load: Load, outage: Outage, measured: Measured) -> None:
    machine = cluster.redis_master
    with under_load(load, outage):
        machine.kill("redis")
        start = time.monotonic()
        eventually(lambda: accepts_writes(cluster), "Redis to accept writes")
        seconds = time.monotonic() - start
        load.run(3)
    measured("Redis' master is killed: orders", outage.longest)
    measured("Redis' master is killed: messages", seconds)


def accepts_writes(cluster: Cluster) -> bool:
    try:
        with redis.Redis.from_url(cluster.redis.url, socket_timeout=1, socket_connect_timeout=1) as client:
            return bool(client.set("written", "1"))
    except redis.RedisError:
        return False


def test_a_database_that_turns_read_only_under_open_connections(
    cluster: Cluster, load: Load, outage: Outage, measured: Measured
) -> None:
    with under_load(load, outage):
        with psycopg.connect(cluster.primary.postgres_url(cluster.password), autocommit=True) as connection:
            connection.execute("ALTER SYSTEM SET default_transaction_read_only = on")
            connection.execute("SELECT pg_reload_conf()")
            load.run(5)
            connection.execute("ALTER SYSTEM RESET default_transaction_read_only")
            connection.execute("SELECT pg_reload_conf()")
        writable = time.monotonic()
        outage.wait_for_orders()
    measured("a read-only database accepts writes again", outage.after(writable))


@pytest.mark.parametrize("sees_haproxy", [False, True], ids=["from everything", "from the other machines"])
def test_a_primary_that_is_cut_off_while_it_lives_confirms_nothing_that_is_lost(
    cluster: Cluster,
    network: Network,
    load: Load,
    outage: Outage,
    world: World,
    measured: Measured,
    sees_haproxy: bool,
) -> None:
    """A client on the cut-off machine itself, and in one case HAProxy too, still reach the old primary."""
    if not isinstance(network, Namespaces):
        pytest.skip("needs network namespaces: root, and iproute2")
    machine = cluster.primary
    world.sql(f"DROP TABLE IF EXISTS {TABLE}")
    world.sql(f"CREATE TABLE {TABLE} (number int PRIMARY KEY)")
    cut = network.cut_off_from_machines if sees_haproxy else network.cut_off
    with under_load(load, outage), writing_inside(machine, cluster, network) as confirmed:
        eventually(lambda: len(confirmed()) >= 20, "the client on the machine to write")
        with cut(machine.number):
            new_primary(cluster, machine)
            load.run(5)
        eventually(lambda: follows(cluster, machine), "the old primary to follow the new one", REJOIN_SECONDS)
        numbers = confirmed()
    kept = {row["number"] for row in world.sql(f"SELECT number FROM {TABLE}")}
    assert set(numbers) <= kept, f"confirmed, and lost: {sorted(set(numbers) - kept)}"
    where = "the other machines" if sees_haproxy else "everything"
    measured(f"the primary's machine is cut off from {where}", outage.longest)


def follows(cluster: Cluster, machine: Machine) -> bool:
    try:
        return cluster.members()[machine.name]["role"] == "quorum_standby"
    except (ServerError, KeyError):
        return False


@contextmanager
def writing_inside(machine: Machine, cluster: Cluster, network: Network) -> Iterator[Callable[[], list[int]]]:
    """Run a client on the machine; yield a function that returns the numbers that PostgreSQL has confirmed to it so far."""
    address = machine.postgres_url(cluster.password).rpartition("/")[0] + f"/{NAME}"
    log = machine.folder / "inside"
    command = [*network.enter(machine.number), sys.executable, "-m", "tests.ha.insider", address]
    with log.open("w") as output, (machine.folder / "inside.errors").open("w") as errors:
        client = subprocess.Popen(command, cwd=CHECKOUT, stdout=output, stderr=errors)
        try:
            yield lambda: [int(line) for line in log.read_text().splitlines()]
        finally:
            client.kill()
            client.wait()
