"""Three machines, and the service's processes, which are started once and never again: two servers, the worker and beat.

As root each machine is a network namespace, so that it can be cut off. The terminal's summary has the seconds of each outage.
"""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import closing, nullcontext
from functools import partial
from random import Random

import httpx
import pytest

from compose import composition
from compose.ha.cluster import Cluster
from compose.ha.network import Loopback, Namespaces, Network
from compose.ha.programs import missing_programs
from compose.ha.stack import HighlyAvailableStack
from compose.processes import Process
from compose.stack import CHECKOUT
from tests.support.checkout_load import Load
from tests.support.fleet import Server
from tests.support.world import Sandbox, World

SETTINGS = {
    "ORDER_EXPIRY_SECONDS": "120",
    "PAYMENT_STATUS_AFTER_SECONDS": "3",
    "LOG_LEVEL": "INFO",
    "RATE_LIMITS": "off",
}
CUSTOMERS = 4

START_SECONDS = 120

MEASURED: dict[str, float] = {}
"""Seconds of the outage by fault, for the terminal's summary."""


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print the seconds of each outage."""
    if MEASURED:
        terminalreporter.section("seconds without an order, at the slower of two servers")
    for fault, seconds in MEASURED.items():
        terminalreporter.write_line(f"{seconds:6.1f}  {fault}")


@pytest.fixture(scope="session")
def network() -> Iterator[Network]:
    """Yield namespaces if this account may create them, else the loopback."""
    can_cut_off = os.geteuid() == 0 and shutil.which("ip") is not None
    with Namespaces() if can_cut_off else nullcontext(Loopback()) as network:
        yield network


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, network: Network) -> Iterator[HighlyAvailableStack]:
    """Yield the machines and the neighbours."""
    if missing := missing_programs():
        pytest.skip(f"needs {', '.join(missing)}: compose/ha/install")
    folder = tmp_path_factory.mktemp("ha")
    with HighlyAvailableStack(folder, network=network, settings=SETTINGS, service=False) as stack:
        yield stack


@pytest.fixture(scope="session")
def sandbox(stack: HighlyAvailableStack) -> Iterator[Sandbox]:
    """Yield the neighbours' control; Payment captures every requested payment."""
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="capture", capture_after=0.3)
        yield sandbox


@pytest.fixture(scope="session")
def servers(stack: HighlyAvailableStack) -> Iterator[list[Server]]:
    """Yield the service's servers; a process that ends fails every test that follows."""
    servers = [Server(f"server-{number}", stack, stack.environment) for number in (1, 2)]
    jobs = [
        Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=stack.environment)
        for name, command in (("worker", composition.WORKER), ("beat", composition.BEAT))
    ]
    processes = [*servers, *jobs]
    try:
        for process in processes:
            process.start()
        for server in servers:
            server.wait_ready(partial(probe, server), errors=httpx.HTTPError, limit=START_SECONDS)
        yield servers
        for process in processes:
            process.check()
    finally:
        for process in processes:
            process.ask_to_stop()
        for process in processes:
            process.stop()


def probe(server: Server) -> None:
    """Raise httpx.HTTPError unless the server is ready."""
    server.get("/readyz").raise_for_status()


@pytest.fixture
def cluster(stack: HighlyAvailableStack, servers: list[Server]) -> Iterator[Cluster]:
    """Yield the machines, all in place. After the test all of them must return to their place without a hand."""
    stack.cluster.wait_until_whole()
    yield stack.cluster
    for machine in stack.cluster.machines:
        machine.start()  # as a machine that is switched on again
    stack.cluster.wait_until_whole()
    for server in servers:
        server.wait_until_ready()


@pytest.fixture
def world(stack: HighlyAvailableStack, cluster: Cluster, servers: list[Server], sandbox: Sandbox) -> Iterator[World]:
    """Yield the marketplace at the first server."""
    with closing(World(stack, servers[0].url, sandbox)) as world:
        yield world


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> Random:
    """Return the random choices of one test; a failure shows the seed that repeats them."""
    seed = int(os.environ.get("FAULT_SEED") or Random().randrange(2**32))
    print(f"Again: make test-ha SEED={seed} ARGS='-k {request.node.originalname}'")
    return Random(seed)


@pytest.fixture
def load(world: World, servers: list[Server], rng: Random) -> Load:
    """Return customers and vendors who tolerate nothing but a timely 503 with a Retry-After."""
    return Load(world, [server.url for server in servers], rng, "refusals", customers=CUSTOMERS)


@pytest.fixture
def measured() -> Callable[[str, float], None]:
    """Return a function that notes the seconds of an outage, which must be over in time (P10)."""

    def note(fault: str, seconds: float) -> None:
        MEASURED[fault] = seconds
        assert seconds < 30, f"{fault}: no orders for {seconds:.1f} s"

    return note
