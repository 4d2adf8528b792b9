"""Security headers of every response, for browsers and caches: no sniffing, framing, referrer or shared caching."""

import httpx
import pytest

from tests.support.world import World

FOREIGN = "/api/v1/orders/00000000-0000-0000-0000-000000000000"


def assert_security_headers(answer: httpx.Response) -> None:
    """Check that the headers of all responses are present, each once."""
    headers = answer.headers
    assert headers.get_list("x-content-type-options") == ["nosniff"]
    assert headers.get_list("referrer-policy") == ["no-referrer"]
    [policy] = headers.get_list("content-security-policy")
    assert "default-src '" in policy
    assert "frame-ancestors 'none'" in policy
    assert len(headers.get_list("cache-control")) == 1


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/orders", 200),
        ("GET", "/api/v1/orders?colour=red", 400),
        ("GET", FOREIGN, 404),
        ("GET", "/no/such/thing", 404),
        ("DELETE", "/api/v1/orders", 405),
        ("POST", "/api/v1/orders", 400),
        ("GET", "/api/v1/vendor-orders", 403),
        ("GET", "/healthz", 200),
        ("GET", "/readyz", 200),
        ("GET", "/metrics", 200),
    ],
)
def test_a_response_is_neither_stored_nor_framed_nor_sniffed(
    either_world: World, method: str, path: str, status: int
) -> None:
    answer = either_world.customer().http.request(method, path)
    assert answer.status_code == status
    assert_security_headers(answer)
    assert answer.headers["cache-control"] == "no-store"


def test_a_401_has_the_security_headers(either_world: World) -> None:
    answer = either_world.customer().get("/orders", headers={"Authorization": ""})
    assert answer.status_code == 401
    assert_security_headers(answer)
    assert answer.headers["cache-control"] == "no-store"


def test_a_placed_order_is_not_stored(either_world: World) -> None:
    answer = either_world.shopper().checkout()
    assert answer.status_code == 201
    assert_security_headers(answer)
    assert answer.headers["cache-control"] == "no-store"


def test_a_304_has_the_security_headers(either_world: World) -> None:
    ada = either_world.shopper()
    answer = ada.get(f"/orders/{ada.place()['id']}", headers={"If-None-Match": "*"})
    assert answer.status_code == 304
    assert_security_headers(answer)


def test_a_stream_is_not_stored(either_world: World) -> None:
    ada = either_world.shopper()
    order = ada.place()
    with ada.http.stream("GET", f"/api/v1/orders/{order['id']}/stream") as answer:
        assert_security_headers(answer)
        assert answer.headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/api/doc", "/api/schema", "/api/doc/swagger-ui-bundle.js"])
def test_a_page_has_the_security_headers(either_world: World, path: str) -> None:
    assert_security_headers(either_world.customer().http.get(path))
