"""The requests that nginx passes on to the service and those that it refuses, as behind an outer proxy that terminates TLS."""

import socket
import uuid
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack

import httpx
import pytest

from compose.ports import HOST, free_port
from tests.deploy.conftest import StartNginx, caller
from tests.support.nginx import needs_nginx
from tests.support.problem import FIELDS
from tests.support.world import Person, World, eventually

pytestmark = needs_nginx

STREAMS = 3
FROM_OUTSIDE = {"X-Forwarded-Proto": "https", "X-Forwarded-For": "6.6.6.6, 203.0.113.9", "Host": "localhost:8443"}
"""Headers of a proxy that terminates TLS; the first address was forged by its client."""


def next_link(client: httpx.Client) -> str:
    return str(client.get("/api/v1/orders?limit=1", headers=FROM_OUTSIDE).json()["next"])


def test_behind_a_proxy_that_ends_tls_links_are_https_under_its_host(start_nginx: StartNginx, shopper: Person) -> None:
    with caller(start_nginx().http, shopper) as client:
        assert next_link(client).startswith("https://localhost:8443/api/v1/orders?")
        answer = client.get("/api/v1/orders", headers=FROM_OUTSIDE)
        assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_without_tls_links_are_http_and_hsts_is_not_sent(start_nginx: StartNginx, shopper: Person) -> None:
    with caller(start_nginx().http, shopper) as client:
        answer = client.get("/api/v1/orders?limit=1")
        assert answer.json()["next"].startswith("http://127.0.0.1:")
        assert "Strict-Transport-Security" not in answer.headers


def test_forwarded_headers_of_an_untrusted_client_are_ignored(start_nginx: StartNginx, shopper: Person) -> None:
    strangers = (r"127\.0\.0\.0/8 1;", ""), (r"set_real_ip_from 127\.0\.0\.0/8;", "")
    with caller(start_nginx(*strangers).http, shopper) as client:
        assert next_link(client).startswith("http://localhost:8443/")


@pytest.mark.parametrize(
    "path", ["/healthz", "/readyz", "/metrics", "/readyz/", "//readyz?x=1", "/%72eadyz", "/shop/readyz"]
)
def test_the_operators_addresses_are_not_reachable_from_outside(
    start_nginx: StartNginx, shopper: Person, path: str
) -> None:
    url = start_nginx().http
    with caller(url, shopper) as client:
        answer = client.get(f"{url}{path}", headers={"X-Request-ID": "mine"})  # a relative "//readyz" would name a host
        assert problem_by_nginx(answer, 404, "not_found") == "mine"
    assert shopper.http.get("/readyz").status_code == 200


def test_one_client_has_a_limit_of_streams_and_its_other_requests_go_on(start_nginx: StartNginx, world: World) -> None:
    url = start_nginx((r"limit_conn streams_of_client \d+;", f"limit_conn streams_of_client {STREAMS};")).http
    customers = [world.shopper() for _ in range(STREAMS + 1)]
    paths = [f"/api/v1/orders/{customer.place()['id']}/stream" for customer in customers]
    with ExitStack() as closing:
        clients = [closing.enter_context(caller(url, customer)) for customer in customers]
        for client, path in list(zip(clients, paths, strict=True))[:STREAMS]:
            assert closing.enter_context(client.stream("GET", path)).status_code == 200
        refused = clients[-1].get(paths[-1])
        problem_by_nginx(refused, 429, "rate_limited")
        assert int(refused.headers["Retry-After"]) >= 1
        assert clients[-1].get("/api/v1/orders").status_code == 200

    def opens_again() -> bool:
        with caller(url, customers[-1]) as client, client.stream("GET", paths[-1]) as answer:
            return answer.status_code == 200

    eventually(opens_again, "the slot of the closed stream to be free")


def test_an_unreachable_service_is_503_with_retry_after(start_nginx: StartNginx, shopper: Person) -> None:
    with caller(start_nginx(servers=[f"{HOST}:{free_port()}"]).http, shopper) as client:
        answer = client.get("/api/v1/orders")
        problem_by_nginx(answer, 503, "overloaded")
        assert answer.headers["Retry-After"] == "1"


def test_forms_and_their_tags_pass_unchanged(start_nginx: StartNginx, shopper: Person) -> None:
    order = f"/api/v1/orders/{shopper.get('/orders').json()['results'][0]['id']}"
    with caller(start_nginx().http, shopper) as client:
        for path in ("/", "/api/doc", "/api/schema", "/api/doc/swagger-ui-bundle.js", order):
            for coding in ("identity", "gzip", "br"):
                accepting = {"Accept-Encoding": coding}
                direct, answer = (one.get(path, headers=accepting) for one in (shopper.http, client))
                kept = (
                    "content-encoding",
                    "etag",
                    "cache-control",
                    "vary",
                    "content-length",
                    "content-security-policy",
                )
                assert [answer.headers.get(name) for name in kept] == [direct.headers.get(name) for name in kept]
                assert answer.content == direct.content
                known = client.get(path, headers={**accepting, "If-None-Match": answer.headers["etag"]})
                assert (known.status_code, known.headers["etag"]) == (304, answer.headers["etag"])


def test_the_dashboards_addresses_are_the_services(start_nginx: StartNginx, shopper: Person) -> None:
    with caller(start_nginx().http, shopper) as client:
        for path in ("/dashboard", "/dashboard/orders", "/dashboard/coupons/new", "/dashboard/assets/0/main.js"):
            direct, answer = (one.get(path, headers={"X-Request-ID": "mine"}) for one in (shopper.http, client))
            assert (answer.status_code, answer.content) == (direct.status_code, direct.content), path
            assert answer.headers["content-security-policy"] == direct.headers["content-security-policy"]


def first(port: int) -> str:
    """Return a server that nearly every request tries before the others."""
    return f"{HOST}:{port} weight=100 max_fails=0"


def address(world: World) -> str:
    return world.url.removeprefix("http://")


def test_a_replica_whose_port_is_closed_costs_no_request(start_nginx: StartNginx, world: World) -> None:
    url = start_nginx(servers=[first(free_port()), address(world)]).http
    for _ in range(3):
        with caller(url, world.shopper()) as client:
            placed = client.post("/api/v1/orders", headers={"Idempotency-Key": str(uuid.uuid4())})
            assert placed.status_code == 201
            assert client.get(placed.headers["location"]).status_code == 200


def test_an_order_that_was_sent_to_a_replica_is_not_sent_to_another(start_nginx: StartNginx, world: World) -> None:
    shopper = world.shopper()
    with socket.create_server((HOST, 0)) as broken, ThreadPoolExecutor() as threads:
        url = start_nginx(servers=[first(broken.getsockname()[1]), address(world)]).http
        read = threads.submit(_read_and_close, broken)
        with caller(url, shopper) as client:
            answer = client.post("/api/v1/orders", headers={"Idempotency-Key": str(uuid.uuid4())})
        assert read.result().startswith(b"POST /api/v1/orders")
    assert answer.status_code == 503
    assert shopper.get("/orders").json()["results"] == []


def _read_and_close(server: socket.socket) -> bytes:
    """Read one request, and close its connection without a response."""
    connection, _ = server.accept()
    with connection:
        return connection.recv(65536)


def test_an_unreadable_request_gets_a_problem(start_nginx: StartNginx, shopper: Person) -> None:
    with caller(start_nginx().http, shopper) as client:
        problem_by_nginx(client.get("/api/v1/orders", headers={"X-Long": "a" * 50_000}), 400, "invalid")
        problem_by_nginx(client.post("/api/v1/orders", content=b" " * 2**21), 413, "payload_too_large")
        problem_by_nginx(client.get(f"/{'a' * 50_000}"), 400, "invalid")


def problem_by_nginx(answer: httpx.Response, status: int, code: str) -> str:
    """Check that a refusal by nginx has the fields and headers of the service's problems; return its request id."""
    body = answer.json()
    assert (answer.status_code, answer.headers["Content-Type"]) == (status, "application/problem+json")
    assert (body.keys(), body["status"], body["code"]) == (FIELDS, status, code)
    assert answer.request.url.raw_path.decode().startswith(body["instance"])
    assert body["request_id"] == answer.headers["X-Request-ID"]
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    return str(body["request_id"])
