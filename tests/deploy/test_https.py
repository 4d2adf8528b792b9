"""nginx that terminates TLS itself, as with `compose/tls.yml`, in front of two servers: HTTP/2, links, assets, streams."""

import json
import socket
import ssl
import uuid
from collections.abc import Iterator

import httpx
import pytest

from tests.deploy.conftest import StartNginx
from tests.support.links import links
from tests.support.nginx import Nginx, needs_nginx
from tests.support.tls import Authority
from tests.support.world import Person, World

pytestmark = needs_nginx

FORGED = {"X-Forwarded-Proto": "http", "X-Forwarded-For": "203.0.113.9"}
PROMPT_SECONDS = 3
"""An event arrives within a second of its commit, and nothing else is sent for a longer time."""


@pytest.fixture
def nginx(start_nginx: StartNginx, world: World, second_url: str) -> Nginx:
    return start_nginx(servers=[url.removeprefix("http://") for url in (world.url, second_url)])


@pytest.fixture
def client(nginx: Nginx, shopper: Person, authority: Authority) -> Iterator[httpx.Client]:
    """Yield a customer with two orders who verifies the certificate and speaks HTTP/2."""
    verified = ssl.create_default_context(cafile=str(authority.file))
    headers = {"Authorization": str(shopper.http.headers["Authorization"])}
    with httpx.Client(
        base_url=nginx.https, headers=headers, verify=verified, http2=True, trust_env=False, timeout=20
    ) as client:
        yield client


def test_an_order_is_placed_over_http_2_and_its_links_are_https(
    nginx: Nginx, client: httpx.Client, world: World, shopper: Person
) -> None:
    world.sandbox.put_cart(shopper.id, [{"product_id": world.product(), "quantity": 1}])
    placed = client.post("/api/v1/orders", headers={"Idempotency-Key": str(uuid.uuid4())})
    assert (placed.status_code, placed.http_version) == (201, "HTTP/2")
    page = client.get("/api/v1/orders?limit=1")
    assert page.json()["next"].startswith(f"{nginx.https}/api/v1/orders?")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert client.get(page.json()["next"]).json()["results"]


def test_no_client_of_https_is_trusted_as_a_proxy(client: httpx.Client) -> None:
    page = client.get("/api/v1/orders?limit=1", headers=FORGED)
    assert page.json()["next"].startswith("https://")
    assert page.headers["Strict-Transport-Security"] == "max-age=31536000"


def test_plain_http_is_redirected_to_https(nginx: Nginx) -> None:
    answer = httpx.get(f"{nginx.redirecting}/api/doc?x=1", headers={"Host": "orders.example.com"}, trust_env=False)
    assert (answer.status_code, answer.headers["location"]) == (308, "https://orders.example.com/api/doc?x=1")


def test_the_challenge_of_a_certificate_authority_is_answered(nginx: Nginx) -> None:
    challenges = nginx.access_log.parent / "acme" / ".well-known" / "acme-challenge"
    challenges.mkdir(parents=True)
    (challenges / "token").write_text("key")
    assert httpx.get(f"{nginx.redirecting}/.well-known/acme-challenge/token", trust_env=False).text == "key"


def test_tls_1_1_is_refused(nginx: Nginx) -> None:
    old = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    old.check_hostname, old.verify_mode = False, ssl.CERT_NONE
    old.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    host, port = nginx.https.removeprefix("https://").split(":")
    with socket.create_connection((host, int(port))) as plain, pytest.raises(ssl.SSLError):
        old.wrap_socket(plain)


def test_plain_http_at_the_port_of_https_is_a_problem(nginx: Nginx) -> None:
    answer = httpx.get(nginx.https.replace("https", "http"), trust_env=False)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid")


@pytest.mark.parametrize("coding", ["gzip", "br"])
def test_assets_and_documentation_arrive_compressed(client: httpx.Client, coding: str) -> None:
    assets = [link for link in links(client.get("/dashboard")) if link.endswith((".js", ".css"))]
    assert assets
    for path in [*assets, "/api/schema", "/api/doc/swagger-ui-bundle.js"]:
        answer = client.get(path, headers={"Accept-Encoding": coding})
        assert (answer.status_code, answer.headers["Content-Encoding"]) == (200, coding), path
        assert int(answer.headers["Content-Length"]) < len(answer.content) / 2, path


@pytest.mark.parametrize("http2", [True, False])
def test_an_event_passes_through_at_once(
    nginx: Nginx, shopper: Person, authority: Authority, world: World, http2: bool
) -> None:
    order = shopper.get("/orders").json()["results"][0]["id"]
    verified = ssl.create_default_context(cafile=str(authority.file))
    headers = {"Authorization": str(shopper.http.headers["Authorization"])}
    with (
        httpx.Client(base_url=nginx.https, headers=headers, verify=verified, http2=http2, trust_env=False) as client,
        client.stream("GET", f"/api/v1/orders/{order}/stream", timeout=PROMPT_SECONDS) as stream,
    ):
        assert stream.http_version == ("HTTP/2" if http2 else "HTTP/1.1")
        lines = stream.iter_lines()
        assert _next_status(lines) == "pending"
        assert shopper.post(f"/orders/{order}/cancel").status_code == 200
        assert _next_status(lines) == "cancelled"


def _next_status(lines: Iterator[str]) -> str:
    return str(json.loads(next(line for line in lines if line.startswith("data:")).removeprefix("data:"))["to"])
