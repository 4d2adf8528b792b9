"""`rediss://` is TLS for every use of Redis: channel, stream, relay, readiness, worker and beat; certificates are verified."""

from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest

from compose import composition
from compose.ports import HOST
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.fleet import Server
from tests.support.records import clears, hold, until_done, until_requested
from tests.support.tls import ELSEWHERE, HERE, Authority, TLSFront
from tests.support.world import Sandbox, World, eventually

HANDSHAKE = b"\x16\x03"
"""The first bytes of a client over TLS (RFC 8446, 5.1)."""

USES = 3
"""The server, the worker and beat each connect."""


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "ours")


@contextmanager
def processes(stack: Stack, port: int, more: str = "", **settings: str) -> Iterator[tuple[Server, list[Process]]]:
    """Yield a server, a worker and beat whose Redis has a rediss:// address."""
    address = f"rediss://:{stack.redis.password}@{HOST}:{port}"
    environment = {**stack.environment, "ORDER_EXPIRY_SECONDS": "8", **settings}
    environment |= {"REDIS_URL": f"{address}/0{more}", "CELERY_BROKER_URL": f"{address}/1{more}"}
    server = Server("tls-server", stack, environment)
    jobs = [
        Process(name, command, log=stack.logs / f"{name}.log", cwd=CHECKOUT, environment=environment)
        for name, command in (("tls-worker", composition.WORKER), ("tls-beat", composition.BEAT))
    ]
    with ExitStack() as running:
        for process in (server, *jobs):
            running.callback(process.stop)
            process.start()
        yield server, jobs


@pytest.fixture
def manual_payments(stack: Stack) -> Iterator[Sandbox]:
    """Set Payment to publish nothing by itself, and back to its usual behaviour afterwards."""
    with closing(Sandbox(stack.control_url)) as sandbox:
        sandbox.payments(behaviour="manual")
        yield sandbox
        sandbox.payments(behaviour="capture", capture_after=0.3)


def has_logged(log: Path, word: str) -> bool:
    """Return whether `word` is in the log."""
    return word in log.read_text().lower()


@pytest.mark.parametrize("way", ["in the address", pytest.param("in the environment", marks=pytest.mark.long)])
def test_every_use_of_redis_goes_over_tls(
    stack: Stack, manual_payments: Sandbox, authority: Authority, way: str
) -> None:
    more, settings = (
        (f"?ssl_ca_certs={authority.file}", {})
        if way == "in the address"
        else ("", {"SSL_CERT_FILE": str(authority.file)})
    )
    with ExitStack() as opened:
        front = opened.enter_context(TLSFront(stack.redis.port, authority.certify(HERE)))
        server, _ = opened.enter_context(processes(stack, front.port, more, **settings))
        server.wait_until_ready()
        world = opened.enter_context(closing(World(stack, server.url, manual_payments)))
        for via in ("channel", "stream"):
            takes_effect(world, via)
        unpaid = world.shopper()
        unpaid.order_becomes(unpaid.place()["id"], status="expired")  # on beat's schedule
        assert len(front.sent) > USES
        assert all(sent.startswith(HANDSHAKE) for sent in front.sent)


def takes_effect(world: World, via: str) -> None:
    """Check that an order is requested, paid by a message on the channel or in the stream, cleared and sold."""
    ada = world.shopper()
    order = ada.place()
    until_requested(world, order["id"])
    world.sandbox.payments(behaviour="manual", via=via)
    world.sandbox.pay(order["id"], "capture")
    ada.order_becomes(order["id"], status="confirmed")
    until_done(world, order["id"])
    assert (clears(world, order["id"])["in_effect"], hold(world, order["id"])["commits"]) == (1, 1)


@pytest.mark.parametrize("what", ["of another authority", "for another host", "that this system does not trust"])
def test_a_redis_without_a_valid_certificate_receives_nothing(
    stack: Stack, authority: Authority, tmp_path: Path, what: str
) -> None:
    trusted = "" if "system" in what else f"?ssl_ca_certs={authority.file}"
    certified = Authority(tmp_path, "another").certify(HERE) if "host" not in what else authority.certify(ELSEWHERE)
    with (
        TLSFront(stack.redis.port, certified) as front,
        processes(stack, front.port, trusted) as (server, jobs),
    ):
        eventually(lambda: readiness(server).get("failing"), "the server's readiness report")
        assert "redis" in readiness(server)["failing"]
        for process in jobs:
            eventually(partial(has_logged, process.log, "certificate"), "the refusal to be logged")
            process.check()
        assert len(front.sent) > USES
        assert all(sent.startswith(HANDSHAKE) for sent in front.sent if sent)
        assert stack.redis.password.encode() not in b"".join(front.sent)


def readiness(server: Server) -> dict[str, Any]:
    """Return the readiness report, or nothing while the server does not listen."""
    try:
        return dict(server.get("/readyz").json())
    except httpx.HTTPError:
        return {}
