"""Real servers for the whole run: PostgreSQL, Redis, the sandbox neighbours, the service, its worker and beat.

`world` is the service as it is run; `either_world` repeats a test under Django's stock ASGI handler. After each test
that uses a world, the invariants are checked over the whole database.
"""

import gc
import os
from collections.abc import Iterator
from contextlib import closing

import pytest
from hypothesis import HealthCheck, settings

from compose import ports
from compose.stack import Stack
from tests.support.invariants import check_invariants
from tests.support.server import server
from tests.support.world import Sandbox, World

SETTINGS = {
    "ORDER_EXPIRY_SECONDS": "900",
    "PAYMENT_STATUS_AFTER_SECONDS": "30",
    "PAYMENT_PARKING_SECONDS": "3",
    "RECONCILE_SECONDS": "86400",  # only when a test uses it
    "LOG_LEVEL": "INFO",
    "RATE_LIMITS": "off",
    "CIRCUIT_FAILURE_RATIO": "2",  # tests break the neighbours all the time; those of the circuit breakers have their own server
}

# Without limits on an example's duration: the other process may have the core.
settings.register_profile("tests", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tests")


def pytest_configure() -> None:
    """Give each process of pytest-xdist ports of its own: one that is free is not taken until its server listens."""
    if worker := os.environ.get("PYTEST_XDIST_WORKER"):  # gw0, gw1 …
        number, count = int(worker.removeprefix("gw")), int(os.environ["PYTEST_XDIST_WORKER_COUNT"])
        ports.FREE_RANGE = ports.FREE_RANGE[number::count]


def pytest_collection_finish() -> None:
    """Leave the collected tests out of garbage collection: a full one would stop the event loop of a test for 0.3 s."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield everything that `make run` starts, in a folder of its own."""
    folder = tmp_path_factory.mktemp("stack")
    with Stack(folder, settings=SETTINGS, durable=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def sandbox(stack: Stack) -> Iterator[Sandbox]:
    """Yield the neighbours' control; Payment publishes nothing by itself."""
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="manual")
        yield sandbox


@pytest.fixture(scope="session")
def second_url(stack: Stack) -> Iterator[str]:
    """Yield a second server process of the same service."""
    with server(stack, "second") as url:
        yield url


@pytest.fixture(scope="session")
def stock_url(stack: Stack) -> Iterator[str]:
    """Yield the service under Django's stock ASGI handler."""
    with server(stack, "stock", "tests.support.stock:application") as url:
        yield url


@pytest.fixture
def world(stack: Stack, sandbox: Sandbox) -> Iterator[World]:
    """Yield the service as it is run."""
    with closing(World(stack, stack.url, sandbox)) as world:
        yield world
        stack.check()
        check_invariants(world)


@pytest.fixture
def second_world(stack: Stack, sandbox: Sandbox, second_url: str) -> Iterator[World]:
    """Yield the same marketplace through a second server process."""
    with closing(World(stack, second_url, sandbox)) as world:
        yield world


@pytest.fixture(params=["lean", "stock"])
def either_world(request: pytest.FixtureRequest, stack: Stack, sandbox: Sandbox) -> Iterator[World]:
    """Yield the service under the lean handler, then under Django's own."""
    url = stack.url if request.param == "lean" else request.getfixturevalue("stock_url")
    with closing(World(stack, url, sandbox)) as world:
        yield world
        check_invariants(world)
