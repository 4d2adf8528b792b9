"""The service behind a real PgBouncer that gives each transaction another connection (DATABASE_POOLER=transaction)."""

import json
import shutil
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path

import psycopg
import pytest

from compose import composition
from compose.accounts import way_to_run
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.servers import ENVIRONMENT, NAME
from compose.stack import CHECKOUT, Stack
from tests.support.invariants import check_at_rest
from tests.support.problem import problem
from tests.support.server import away, server
from tests.support.world import Sandbox, World, eventually

PGBOUNCER = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/sbin:/usr/local/bin")
CONNECTIONS = 3
"""Of PgBouncer to PostgreSQL: fewer than the service has threads, so that threads share them all the time."""

OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND usename = current_user"
)

pytestmark = pytest.mark.skipif(PGBOUNCER is None, reason="needs PgBouncer (Debian: apt-get install pgbouncer)")


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Yield a marketplace whose service is started by the tests."""
    with Stack(tmp_path_factory.mktemp("pooler"), service=False, durable=False) as stack:
        yield stack


@pytest.fixture(scope="module")
def sandbox(stack: Stack) -> Iterator[Sandbox]:
    """Yield the neighbours' control; Payment captures every requested payment."""
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="capture", capture_after=0.3)
        yield sandbox


@pytest.fixture(scope="module")
def address(stack: Stack) -> Iterator[str]:
    """Yield DATABASE_URL by way of PgBouncer."""
    folder = stack.folder / "pgbouncer"
    port = free_port()
    command = [str(PGBOUNCER), str(configure(folder, port, stack))]
    way = way_to_run(Path(str(PGBOUNCER)), folder)
    process = Process(
        "pgbouncer", command, log=stack.logs / "pgbouncer.log", cwd=folder, environment=ENVIRONMENT, way=way
    )
    url = stack.postgres.url.replace(f":{stack.postgres.port}/", f":{port}/")
    process.start()
    try:
        process.wait_ready(lambda: psycopg.connect(url).close(), errors=psycopg.OperationalError)
        yield url
    finally:
        process.stop()


def configure(folder: Path, port: int, stack: Stack) -> Path:
    """Write PgBouncer's configuration: Debian's with another pool."""
    folder.mkdir(mode=0o700)
    (folder / "users").write_text(f'"{NAME}" "{stack.postgres.password}"\n')
    file = folder / "pgbouncer.ini"
    file.write_text(
        f"[databases]\n{NAME} = host={HOST} port={stack.postgres.port}\n"
        f"[pgbouncer]\nlisten_addr = {HOST}\nlisten_port = {port}\nunix_socket_dir =\n"
        f"auth_type = scram-sha-256\nauth_file = {folder / 'users'}\n"
        f"pool_mode = transaction\ndefault_pool_size = {CONNECTIONS}\nadmin_users = {NAME}\n"
    )
    return file


@contextmanager
def service(stack: Stack, sandbox: Sandbox, name: str, address: str) -> Iterator[World]:
    """Yield a server, a worker and beat with the pooler's address."""
    settings = {"DATABASE_URL": address, "DATABASE_POOLER": "transaction"}
    with ExitStack() as running:
        for job, command in (("worker", composition.WORKER), ("beat", composition.BEAT)):
            log, environment = stack.logs / f"{job} of {name}.log", {**stack.environment, **settings}
            process = Process(job, command, log=log, cwd=CHECKOUT, environment=environment)
            running.callback(process.stop)
            process.start()
        url = running.enter_context(server(stack, name, **settings))
        yield running.enter_context(closing(World(stack, url, sandbox)))


def remedies(stack: Stack, name: str) -> list[str]:
    """Return the remedies for timeouts in the log of the server of this name."""
    lines = [json.loads(line) for line in (stack.logs / f"{name}.log").read_text().splitlines() if line.startswith("{")]
    return [line["remedy"] for line in lines if line["event"] == "database_timeouts_missing"]


def test_an_order_goes_from_checkout_to_delivery_through_a_pooler(stack: Stack, sandbox: Sandbox, address: str) -> None:
    with service(stack, sandbox, "pooled", address) as world:
        shoppers = [world.shopper(vendor="v-pool") for _ in range(12)]
        ids = [shopper.place({"note": "by way of the pooler"})["id"] for shopper in shoppers]
        ada, order_id = shoppers[0], ids[0]
        for shopper, id_ in zip(shoppers, ids, strict=True):
            shopper.order_becomes(id_, status="confirmed", payment_status="paid")
        vera = world.vendor("v-pool")
        part = ada.order(order_id)["vendor_orders"][0]["id"]
        shipment = {"carrier": "DHL", "tracking_number": "1"}
        for action, body in (("accept", {}), ("ship", shipment), ("deliver", {})):
            assert vera.post(f"/vendor-orders/{part}/{action}", body).status_code == 200
        assert ada.order(order_id)["status"] == "delivered"
        assert {each["id"] for each in vera.get("/vendor-orders?limit=100").json()["results"]} >= {part}
        assert world.admin().get("/orders?ordering=total&status=delivered").status_code == 200
        assert shoppers[1].post(f"/orders/{ids[1]}/cancel").status_code == 200
        with ada.http.stream("GET", f"/api/v1/orders/{order_id}/stream") as stream:
            delivered = next(line for line in stream.iter_lines() if "order.delivered" in line)
        assert delivered
        check_at_rest(world, order_id)
        statements = "SELECT count(*) AS prepared FROM pg_prepared_statements"
        with psycopg.connect(address, prepare_threshold=None) as connection:
            assert connection.execute(statements).fetchall() == [(0,)]


def test_timeouts_that_are_not_in_force_are_logged_with_their_remedy(
    stack: Stack, sandbox: Sandbox, address: str
) -> None:
    with server(stack, "unlimited", DATABASE_URL=address, DATABASE_POOLER="transaction"):
        [remedy] = eventually(lambda: remedies(stack, "unlimited"), "the remedy in the log")
    for statement in remedy.split("; "):
        with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
            connection.execute(statement.encode())
    try:
        with psycopg.connect(address, dbname="pgbouncer", autocommit=True) as console:
            console.pgconn.exec_(b"RECONNECT")
        settings = {"DATABASE_URL": address, "DATABASE_POOLER": "transaction"}
        with server(stack, "limited", **settings) as url, closing(World(stack, url, sandbox)) as world:
            ada = world.shopper()
            order_id = ada.place()["id"]
            with psycopg.connect(stack.postgres.url) as other:
                other.execute("SELECT id FROM orders WHERE id = %s FOR UPDATE", [order_id])
                began = time.monotonic()
                problem(ada.post(f"/orders/{order_id}/cancel"), 503, "dependency_unavailable", "dependency")
                assert 0.9 < time.monotonic() - began < 2.5
        assert remedies(stack, "limited") == []
    finally:
        with psycopg.connect(stack.postgres.url, autocommit=True) as connection:
            connection.execute(f"ALTER ROLE {NAME} RESET ALL".encode())


def test_without_the_setting_the_log_has_the_reason_of_the_poolers_refusal(stack: Stack, address: str) -> None:
    with away(stack, "not told of the pooler", DATABASE_URL=address) as log:
        eventually(lambda: "unsupported startup parameter: options" in log.read_text(), "the reason in the log")


def test_connections_that_the_pooler_closed_are_opened_again(stack: Stack, sandbox: Sandbox, address: str) -> None:
    settings = {"DATABASE_URL": address, "DATABASE_POOLER": "transaction"}
    with server(stack, "cut", **settings) as url, closing(World(stack, url, sandbox)) as world:
        for _ in range(5):
            world.sql(OTHERS)
            eventually(lambda: world.shopper().checkout().status_code == 201, "an order to be placed")
