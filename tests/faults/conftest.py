"""Marketplace of the fault tests: short times, durable servers, and every process of the service behind proxies.

FAULT_SEED repeats the random choices of a run, FAULT_KILLS sets the number of kills in a row (`make test-faults` sets
both).
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack, closing
from random import Random

import pytest

from compose.stack import Stack
from tests.support.checkout_load import Client, Load
from tests.support.fleet import Fleet
from tests.support.invariants import check_invariants
from tests.support.tcp_proxy import Proxy
from tests.support.world import Sandbox, World

SETTINGS = {
    "ORDER_EXPIRY_SECONDS": "20",
    "STOCK_HOLD_SECONDS": "30",
    "PAYMENT_STATUS_AFTER_SECONDS": "3",
    "LOG_LEVEL": "INFO",
    "RATE_LIMITS": "off",
}
WARM_UP_CUSTOMERS = 30
"""More concurrent requests than any test has: pooled connections are no leak."""

WARM_UP_DELAY = 0.3
"""Seconds that User and Cart take meanwhile, so that the calls of all customers are under way at the same time."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the tests that use the fleet as serial: they load the service, and measure its recovery (P10)."""
    for item in items:
        if "fleet" in getattr(item, "fixturenames", ()):
            item.add_marker(pytest.mark.serial)


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack whose PostgreSQL and Redis are durable, and the neighbours."""
    with Stack(tmp_path_factory.mktemp("faults"), settings=SETTINGS, service=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def sandbox(stack: Stack) -> Iterator[Sandbox]:
    """Yield the neighbours' control; Payment captures every requested payment."""
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="capture", capture_after=0.3)
        yield sandbox


@pytest.fixture(scope="session")
def running_fleet(stack: Stack, sandbox: Sandbox) -> Iterator[Fleet]:
    """Yield the service after its warm-up: its usage at rest is the limit after a fault."""
    with Proxy(stack.ports.postgres) as postgres, Proxy(stack.ports.redis) as redis:
        fleet = Fleet(stack, postgres, redis)
        try:
            fleet.start()
            with closing(World(stack, fleet.urls[0], sandbox)) as world:
                for url in fleet.urls:
                    with ExitStack() as slow, Load(world, [url], Random(0), customers=WARM_UP_CUSTOMERS) as load:
                        for neighbour in ("user", "cart"):
                            slow.enter_context(sandbox.fault(neighbour, kind="delay", value=WARM_UP_DELAY))
                        load.run(2)
                    load.check()
            fleet.usual = fleet.usage()
            yield fleet
        finally:
            fleet.stop()


@pytest.fixture
def fleet(running_fleet: Fleet) -> Iterator[Fleet]:
    """Yield the service's processes. After the test they must have recovered by themselves and use no more resources (P10)."""
    running_fleet.restart_terminated()
    running_fleet.wait_until_ready()
    yield running_fleet
    running_fleet.wait_until_ready()
    running_fleet.wait_for_usual_usage()


@pytest.fixture
def world(fleet: Fleet, stack: Stack, sandbox: Sandbox) -> Iterator[World]:
    """Yield the marketplace at the first server; after the test the invariants must hold."""
    with closing(World(stack, fleet.urls[0], sandbox)) as world:
        yield world
        check_invariants(world)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """Return the random choices of one test; a failure shows the seed that repeats them."""
    seed = int(os.environ.get("FAULT_SEED") or Random().randrange(2**32))
    print(f"Again: make test-faults SEED={seed} KILLS={kills()} ARGS='-k {request.node.originalname}'")
    return Random(seed)


@pytest.fixture
def client(fleet: Fleet, world: World, rng: Random) -> Iterator[Client]:
    """Yield a caller that retries at either server until it gets a response."""
    with closing(Client(world, fleet.urls, rng)) as client:
        yield client


def kills() -> int:
    """Return the number of kills in a row."""
    return int(os.environ.get("FAULT_KILLS") or 2)
