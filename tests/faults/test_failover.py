"""PostgreSQL that changes roles: read-only, promoted, demoted, and an address that leads to a standby (P1, P10)."""

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from typing import TypeVar

import httpx
import pytest

from compose import composition
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.faults.standby import Pair, Standby, execute, fetch
from tests.support.coupons import TERMS, batch
from tests.support.invariants import check_at_rest
from tests.support.problem import problem
from tests.support.server import server
from tests.support.tcp_proxy import Proxy
from tests.support.world import Person, Sandbox, World, eventually

Answer = TypeVar("Answer")

RECOVERY_SECONDS = 30
"""Promise P10."""

CALLERS = 16
"""Enough for every thread of the database to be busy."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a stack whose database has a standby."""
    with Stack(tmp_path_factory.mktemp("failover"), settings={"ORDER_EXPIRY_SECONDS": "600"}, service=False) as stack:
        yield stack


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Iterator[Sandbox]:
    """Yield the neighbours' control; Payment captures every requested payment."""
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="capture", capture_after=0.3)
        yield sandbox


@pytest.fixture(scope="module")
def pair(stack: Stack) -> Iterator[Pair]:
    with Standby(stack.folder / "standby", stack.postgres) as standby:
        yield Pair(stack.postgres, standby)


@pytest.fixture(scope="module")
def proxy(pair: Pair) -> Iterator[Proxy]:
    """Yield an address that is switched between the two servers."""
    with Proxy(pair.primary.port) as proxy:
        yield proxy


@pytest.fixture(scope="module")
def behind_proxy(stack: Stack, pair: Pair, proxy: Proxy) -> Iterator[str]:
    """Yield a server process with that address alone."""
    address = stack.postgres.url.replace(f":{stack.postgres.port}/", f":{proxy.port}/")
    with server(stack, "one address", DATABASE_URL=address) as url:
        yield url


@pytest.fixture(scope="module")
def knowing_both(stack: Stack, pair: Pair) -> Iterator[str]:
    """Yield a server process with both addresses, and a worker with both."""
    environment = {**stack.environment, "DATABASE_URL": pair.url}
    with ExitStack() as running:
        for name, command in (("worker", composition.WORKER), ("beat", composition.BEAT)):
            process = Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment)
            running.callback(process.stop)
            process.start()
        yield running.enter_context(server(stack, "both addresses", DATABASE_URL=pair.url))


@contextmanager
def world_at(url: str, stack: Stack, sandbox: Sandbox, pair: Pair) -> Iterator[World]:
    stack.postgres = pair.primary
    with closing(World(stack, url, sandbox)) as world:
        yield world


def readiness(url: str) -> tuple[int, list[str]]:
    answer = httpx.get(f"{url}/readyz", trust_env=False, timeout=10)
    return answer.status_code, answer.json()["failing"]


def reports_database_unavailable(url: str) -> bool:
    """Return whether readiness reports the database unavailable; loops that use the database may be reported, too."""
    status, failing = readiness(url)
    return status == 503 and failing[0] == "database"


def wait_until_placed(person: Person) -> str:
    """Retry a checkout until it is placed, within RECOVERY_SECONDS, and return its id; each refusal must be a 503 of
    the database.
    """
    end = time.monotonic() + RECOVERY_SECONDS
    while (answer := person.checkout(key="the-one")).status_code != 201:
        problem(answer, 503, "dependency_unavailable", "dependency")
        assert answer.json()["dependency"] == "database"
        assert time.monotonic() < end
        time.sleep(0.1)
    return str(answer.json()["id"])


def at_once(ask: Callable[[], Answer]) -> list[Answer]:
    """Return the responses to concurrent requests of CALLERS."""
    with ThreadPoolExecutor(CALLERS) as callers:
        return [answer.result() for answer in [callers.submit(ask) for _ in range(CALLERS)]]


def ensure_refused(world: World) -> None:
    """Check that checkouts are refused, one after the other and in one batch."""
    answers = [world.shopper().checkout() for _ in range(4)] + at_once(world.shopper().checkout)
    for answer in answers:
        problem(answer, 503, "dependency_unavailable", "dependency")
        assert answer.json()["dependency"] == "database"


@pytest.mark.parametrize("known", ["behind_proxy", "knowing_both"])
def test_a_database_that_is_read_only_takes_no_orders_is_not_ready_and_can_be_read(
    known: str, request: pytest.FixtureRequest, stack: Stack, sandbox: Sandbox, pair: Pair, proxy: Proxy
) -> None:
    proxy.lead_to(pair.primary.port)
    url = request.getfixturevalue(known)
    with world_at(url, stack, sandbox, pair) as world:
        ada = world.shopper()
        order_id = wait_until_placed(ada)
        execute(pair.primary, "ALTER SYSTEM SET default_transaction_read_only = on", "SELECT pg_reload_conf()")
        try:
            eventually(lambda: reports_database_unavailable(url), "readiness to report the database")
            ensure_refused(world)
            if known == "behind_proxy":  # with both addresses, connections lead to a writable server only
                assert ada.order(order_id)["id"] == order_id
        finally:
            execute(pair.primary, "ALTER SYSTEM RESET default_transaction_read_only", "SELECT pg_reload_conf()")
        wait_until_placed(world.shopper())
        eventually(lambda: readiness(url) == (200, []), "readiness to return")


def test_after_a_failover_orders_and_jobs_go_to_the_new_primary(
    knowing_both: str, stack: Stack, sandbox: Sandbox, pair: Pair
) -> None:
    with world_at(knowing_both, stack, sandbox, pair) as world:
        ada, grace = world.shopper(), world.shopper()
        before = wait_until_placed(ada)
        for _ in range(2):  # to the standby and back
            pair.fail_over()
            stack.postgres = pair.primary
            assert ada.order(before)["id"] == before
            eventually(lambda: readiness(knowing_both) == (200, []), "readiness to return", RECOVERY_SECONDS)
            wait_until_placed(world.shopper())
        after = wait_until_placed(grace)
        for person, order_id in ((ada, before), (grace, after)):
            person.order_becomes(order_id, status="confirmed", payment_status="paid")
            check_at_rest(world, order_id)


def test_connections_to_a_standby_are_closed_once_the_address_leads_to_the_primary(
    behind_proxy: str, stack: Stack, sandbox: Sandbox, pair: Pair, proxy: Proxy
) -> None:
    pair.fail_over()
    proxy.lead_to(pair.standby.port)
    with world_at(behind_proxy, stack, sandbox, pair) as world:
        eventually(lambda: reports_database_unavailable(behind_proxy), "readiness to report the database")
        ensure_refused(world)
        ada = world.shopper()
        at_once(lambda: ada.get("/orders"))  # each connection is used for reading
        proxy.lead_to(pair.primary.port)
        execute(
            pair.standby, "SELECT pg_wal_replay_pause()"
        )  # a read from the standby would not see the following writes
        try:
            order_id = wait_until_placed(ada)
            assert at_once(lambda: ada.get(f"/orders/{order_id}").status_code) == [200] * CALLERS
        finally:
            execute(pair.standby, "SELECT pg_wal_replay_resume()")
        eventually(lambda: readiness(behind_proxy) == (200, []), "readiness to return")


@pytest.mark.parametrize("known_to_be_a_standby", [False, True])
def test_an_order_or_a_batch_that_a_standby_has_is_confirmed_by_the_primary_alone(
    behind_proxy: str, stack: Stack, sandbox: Sandbox, pair: Pair, proxy: Proxy, known_to_be_a_standby: bool
) -> None:
    """A former primary that was cut off restarts as a standby, with orders that no other server has received."""
    proxy.lead_to(pair.primary.port)
    with world_at(behind_proxy, stack, sandbox, pair) as world:
        eventually(lambda: readiness(behind_proxy) == (200, []), "readiness to return")
        ada, admin = world.shopper(), world.admin()
        order_id, made = wait_until_placed(ada), batch(admin, key="the-one")
        arrived = f"SELECT 1 FROM orders, coupon_batches b WHERE orders.id = '{order_id}' AND b.id = '{made['id']}'"
        eventually(lambda: fetch(pair.standby, arrived), "both to arrive at the standby")
        proxy.lead_to(pair.standby.port)
        proxy.cut()
        if known_to_be_a_standby:
            eventually(lambda: reports_database_unavailable(behind_proxy), "readiness to report the database")
        again = {"count": 2, "prefix": "", "coupon": TERMS["percentage"]}
        batches = at_once(lambda: admin.post("/coupon-batches", again, Idempotency_Key="the-one"))
        for answer in at_once(lambda: ada.checkout(key="the-one")) + batches:
            problem(answer, 503, "dependency_unavailable", "dependency")
        assert ada.order(order_id)["id"] == order_id
        proxy.lead_to(pair.primary.port)
        assert wait_until_placed(ada) == order_id
        assert batch(admin, key="the-one") == made
        eventually(lambda: readiness(behind_proxy) == (200, []), "readiness to return")


def test_a_standby_that_is_promoted_under_open_connections_takes_orders(
    behind_proxy: str, stack: Stack, sandbox: Sandbox, pair: Pair, proxy: Proxy
) -> None:
    proxy.lead_to(pair.standby.port)
    proxy.cut()
    with world_at(behind_proxy, stack, sandbox, pair) as world:
        eventually(lambda: reports_database_unavailable(behind_proxy), "readiness to report the database")
        ensure_refused(world)
        pair.fail_over()
        stack.postgres = pair.primary
        wait_until_placed(world.shopper())
        eventually(lambda: readiness(behind_proxy) == (200, []), "readiness to return")
