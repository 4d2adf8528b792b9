"""The service below a root path and behind a proxy that terminates TLS: links, documentation and load shedding (real uvicorn)."""

from collections.abc import Iterator
from contextlib import closing
from urllib.parse import urljoin

import httpx
import pytest

from compose import composition
from compose.ports import free_port
from compose.processes import Process
from compose.stack import CHECKOUT, Stack
from tests.support.links import anchors, links
from tests.support.server import server
from tests.support.world import Sandbox, World

ROOT = "/shop"
TLS = {"X-Forwarded-Proto": "https"}


@pytest.fixture(scope="module")
def shop_url(stack: Stack) -> Iterator[str]:
    """Yield a server behind a proxy that strips `/shop` before it passes a request on (uvicorn, "--root-path")."""
    with server(stack, "shop", UVICORN_ROOT_PATH=ROOT) as url:
        yield url


@pytest.fixture
def shop(stack: Stack, sandbox: Sandbox, shop_url: str) -> Iterator[World]:
    with closing(World(stack, shop_url, sandbox)) as world:
        yield world


def outside(link: str) -> str:
    """Return the path that the proxy passes on for a link."""
    path = httpx.URL(link).raw_path.decode()
    assert path.startswith(f"{ROOT}/"), link
    return path.removeprefix(ROOT)


def test_links_lead_through_the_root_path_and_back(shop: World) -> None:
    customer = shop.shopper()
    placed = customer.checkout()
    assert placed.status_code == 201
    assert placed.headers["location"] == f"{ROOT}/api/v1/orders/{placed.json()['id']}"
    assert customer.http.get(outside(placed.headers["location"])).json() == placed.json()
    shop.sandbox.put_cart(customer.id, [{"product_id": shop.product(), "quantity": 1}])
    second = customer.place()
    page = customer.get("/orders", params={"limit": 1}).json()
    assert [order["id"] for order in page["results"]] == [second["id"]]
    page = customer.http.get(outside(page["next"])).json()
    assert [order["id"] for order in page["results"]] == [placed.json()["id"]]
    page = customer.http.get(outside(page["previous"])).json()
    assert [order["id"] for order in page["results"]] == [second["id"]]


def test_a_request_without_a_token_is_refused_below_a_root_path(shop: World) -> None:
    for path in ("/api/v1/orders", "/api/v1/nowhere"):
        answer = httpx.get(f"{shop.url}{path}", trust_env=False)
        assert (answer.status_code, answer.json()["instance"]) == (401, ROOT + path)
    assert shop.customer().get("/nowhere").status_code == 404
    assert httpx.get(f"{shop.url}{ROOT}/healthz", trust_env=False).status_code == 404  # the proxy strips the root path


@pytest.mark.parametrize("path", ["/", "/api/doc"])
def test_a_page_finds_its_assets_below_a_root_path(shop: World, path: str) -> None:
    client = shop.customer().http
    found = links(client.get(path))
    assert found
    for link in found:
        assert client.get(outside(urljoin(f"https://example.com{ROOT}{path}", link))).status_code == 200, link


@pytest.mark.parametrize("path", ["/", "/api/doc"])
def test_a_page_leads_to_the_other_pages_below_a_root_path(shop: World, path: str) -> None:
    found = anchors(shop.customer().http.get(path))
    paths = {outside(urljoin(f"https://example.com{ROOT}{path}", link)) for link in found}
    assert paths | {path} == {"/", "/dashboard", "/api/doc", "/api/schema"}


def test_the_documentation_describes_the_service_below_a_root_path(shop: World) -> None:
    client = shop.customer().http
    assert 'url: "schema"' in client.get("/api/doc/start.js").text  # relative to the page
    assert client.get("/api/schema").json()["servers"][0]["url"] == ROOT


def test_the_dashboard_finds_its_assets_below_a_root_path(shop: World) -> None:
    client = shop.customer().http
    for link in links(client.get("/dashboard/coupons/new")):
        assert client.get(outside(link)).status_code == 200, link
    assert client.get("/dashboard/").headers["location"] == f"{ROOT}/dashboard"


def test_the_schema_below_a_root_path_is_another_one(shop: World, world: World) -> None:
    here, there = (one.customer().http.get("/api/schema").headers["etag"] for one in (shop, world))
    assert here != there


@pytest.mark.parametrize("kind", ["a plain request", "an unusual one"])
def test_load_is_shed_below_a_root_path(stack: Stack, kind: str) -> None:
    path = {"a plain request": "/api/v1/orders", "an unusual one": "/api/v1/%6Frders"}[kind]
    with server(
        stack, f"full shop {kind}", UVICORN_ROOT_PATH=ROOT, REQUESTS_IN_FLIGHT="0", CHECKOUTS_IN_FLIGHT="0"
    ) as url:
        for method in ("GET", "POST"):
            answer = httpx.request(method, url + path, trust_env=False)
            assert (answer.status_code, answer.json()["code"]) == (503, "overloaded")
            assert answer.json()["instance"] == f"{ROOT}/api/v1/orders" if kind == "a plain request" else True
        assert httpx.get(f"{url}/healthz", trust_env=False).status_code == 200


@pytest.mark.parametrize("root", ["/shop/", "shop", "/"])
def test_an_unusable_root_path_stops_the_start(stack: Stack, root: str) -> None:
    log = stack.logs / "refused.log"
    environment = {**stack.environment, "UVICORN_ROOT_PATH": root}
    process = Process(
        "refused", composition.service(free_port()), log=log, cwd=CHECKOUT, environment=environment, grace=5
    )
    process.start()
    try:
        with pytest.raises(Exception, match=r"(?s)root-path"):
            process.wait_ready(lambda: (_ for _ in ()).throw(OSError()), errors=OSError, limit=20)
    finally:
        process.stop()


def test_links_have_the_scheme_that_a_trusted_proxy_forwards(world: World) -> None:
    customer = world.shopper()
    placed = customer.checkout()
    world.sandbox.put_cart(customer.id, [{"product_id": world.product(), "quantity": 1}])
    customer.place()
    for headers, scheme in ((TLS, "https"), ({}, "http"), ({"X-Forwarded-Proto": "gopher"}, "http")):
        page = customer.get("/orders", params={"limit": 1}, headers=headers).json()
        assert httpx.URL(page["next"]).scheme == scheme
        back = customer.get(httpx.URL(page["next"]).raw_path.decode().removeprefix("/api/v1"), headers=headers).json()
        assert httpx.URL(back["previous"]).scheme == scheme
    assert placed.headers["location"].startswith("/"), (
        "without a scheme of its own it has the request's (RFC 9110, 10.2.2)"
    )


def test_an_untrusted_proxys_scheme_is_ignored(stack: Stack, sandbox: Sandbox) -> None:
    with (
        server(stack, "trusts another", FORWARDED_ALLOW_IPS="192.0.2.1") as url,
        closing(World(stack, url, sandbox)) as world,
    ):
        customer = world.shopper()
        customer.place()
        world.sandbox.put_cart(customer.id, [{"product_id": world.product(), "quantity": 1}])
        customer.place()
        page = customer.get("/orders", params={"limit": 1}, headers=TLS).json()
        assert httpx.URL(page["next"]).scheme == "http"
