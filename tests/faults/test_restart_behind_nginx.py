"""A rolling restart of the servers behind nginx, which has no active health checks (promises: shutdown, P1, P2, P4)."""

import json
from pathlib import Path
from random import Random

import pytest

from tests.faults.conftest import kills
from tests.support.checkout_load import Load
from tests.support.fleet import DRAIN_SECONDS, PRODUCT_SECONDS, RESTARTS_AT_MOST, Fleet
from tests.support.nginx import Nginx, needs_nginx, nginx
from tests.support.tls import HERE, Authority
from tests.support.world import World

pytestmark = [needs_nginx, pytest.mark.long]

KEPT = (r"keepalive_timeout 4s;", f"keepalive_timeout {DRAIN_SECONDS - 1}s;")
"""nginx keeps idle connections for less than the drain, as in docker-compose.yml: 4 s and 5 s."""


def test_no_request_is_lost_during_a_rolling_restart_behind_nginx(
    fleet: Fleet, world: World, rng: Random, tmp_path: Path
) -> None:
    slow = world.sandbox.fault("product", kind="delay", value=PRODUCT_SECONDS, call="ReserveStock")
    certificate = Authority(tmp_path, "authority").certificate(HERE)
    addresses = [url.removeprefix("http://") for url in fleet.urls]
    restarts = min(kills(), RESTARTS_AT_MOST)
    with nginx(tmp_path / "nginx", addresses, KEPT, certificate=certificate) as proxy:
        with slow, Load(world, [proxy.https], rng, "crashes") as load:
            for number in range(restarts):
                load.run(rng.uniform(0.2, 1))
                fleet.servers[number % 2].stop()
                fleet.servers[number % 2].start_and_wait()
        load.check()
        assert load.lost == 0, "a connection was broken off"
        assert _refused(proxy) <= restarts, "nginx responds with 503 to one request of a restart at most"


def test_a_server_that_is_killed_costs_the_requests_that_it_had_and_no_other(
    fleet: Fleet, world: World, rng: Random, tmp_path: Path
) -> None:
    addresses = [url.removeprefix("http://") for url in fleet.urls]
    with nginx(tmp_path / "nginx", addresses, KEPT) as proxy:
        with Load(world, [proxy.http], rng, "crashes") as load:
            for number in range(min(kills(), RESTARTS_AT_MOST)):
                load.run(rng.uniform(0.2, 1))
                fleet.servers[number % 2].kill()
                load.run(0.5)
                fleet.servers[number % 2].start_and_wait()
        load.check()
        assert load.lost == 0, "a connection was broken off"


def _refused(proxy: Nginx) -> int:
    """Return how many requests nginx itself has refused, and print why."""
    lines = [json.loads(line) for line in proxy.access_log.read_text().splitlines()]
    print(*lines, sep="\n")
    return len(lines)
