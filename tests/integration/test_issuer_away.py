"""The issuer of tokens is unreachable or hangs: the requests refused meanwhile, the others, and readiness."""

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait

import httpx
import pytest

from compose import composition
from compose.ports import HOST, free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.issuer import Issuer, issuing
from tests.support.problem import problem
from tests.support.server import server
from tests.support.world import eventually

IN_FLIGHT = 4


@pytest.fixture
def issuer() -> Iterator[Issuer]:
    with issuing("ES256") as issuer:
        yield issuer


def ask(client: httpx.Client, token: str) -> httpx.Response:
    return client.get("/api/v1/orders", headers={"Authorization": f"Bearer {token}"})


def test_requests_that_wait_for_a_hanging_issuer_take_no_slot(stack: Stack, issuer: Issuer) -> None:
    known, unknown = issuer.new_key(), issuer.new_key(publish=False)
    settings = {"JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": issuer.url, "REQUESTS_IN_FLIGHT": str(IN_FLIGHT)}
    with (
        server(stack, "hanging issuer", "tests.support.impatient_client:application", **settings) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
        ThreadPoolExecutor(40) as threads,
    ):
        assert ask(client, issuer.token(known)).status_code == 200
        issuer.goes_on.clear()
        fetches = issuer.fetches
        crowd: list[Future[httpx.Response]] = []

        def asks_the_issuer() -> bool:
            crowd.append(threads.submit(ask, client, issuer.token(unknown)))
            return issuer.fetches > fetches

        eventually(asks_the_issuer, "a token of an unknown key to make the server ask")
        crowd += [threads.submit(ask, client, issuer.token(unknown)) for _ in range(3 * IN_FLIGHT)]
        waiting = wait(crowd, timeout=0.5).not_done
        assert len(waiting) > 2 * IN_FLIGHT
        for _ in range(2 * IN_FLIGHT):
            assert ask(client, issuer.token(known)).status_code == 200
        assert not wait(waiting, timeout=0).done, "the requests go on waiting"
        issuer.goes_on.set()
        assert {each.result().status_code for each in crowd} == {401}


def test_until_the_first_keys_are_fetched_requests_get_503_with_retry_after(stack: Stack, issuer: Issuer) -> None:
    key = issuer.new_key()
    issuer.status = 500
    port = free_port()
    environment = {**stack.environment, "JWT_ALGORITHM": "ES256", "JWT_JWKS_URL": issuer.url}
    log = stack.logs / "issuer-away.log"
    process = Process("away", composition.service(port), log=log, cwd=CHECKOUT, environment=environment, grace=30)
    process.start()
    try:
        with httpx.Client(base_url=f"http://{HOST}:{port}", trust_env=False, timeout=20) as client:
            process.wait_ready(lambda: client.get("/healthz").raise_for_status(), errors=httpx.HTTPError)
            for token in (issuer.token(key), issuer.token(key, "unknown")):
                answer = ask(client, token)
                assert problem(answer, 503, "dependency_unavailable", "dependency")["dependency"] == "identity"
                assert int(answer.headers["retry-after"]) >= 1
            problem(ask(client, "nonsense"), 401, "not_authenticated")
            ready = client.get("/readyz")
            assert (ready.status_code, ready.json()["failing"]) == (503, ["identity"])
            assert client.get("/healthz").status_code == 200
            issuer.status = 200
            eventually(lambda: client.get("/readyz").status_code == 200, "the keys to be fetched without a request")
            assert ask(client, issuer.token(key)).status_code == 200
            issuer.status = 500
            assert client.get("/readyz").json()["checks"]["identity"] is True
    finally:
        process.stop()
