"""The document of the dashboard: one for every address, with the security headers of the contract."""

import uuid

import httpx
import pytest

from tests.support.dashboard import assert_dashboard_headers, assets_root
from tests.support.problem import problem
from tests.support.world import World

ID = str(uuid.uuid4())
PAGES = [
    "/dashboard",
    f"/dashboard/vendor-orders/{ID}",
    f"/dashboard/vendor-orders/{ID.upper()}",
    "/dashboard/orders",
    f"/dashboard/orders/{ID}",
    "/dashboard/analytics",
    "/dashboard/coupons",
    "/dashboard/coupons/new",
    "/dashboard/coupons/SUMMER-10",
    "/dashboard/dead-letters",
]
OTHERS = [
    "/dashboard/nowhere",
    "/dashboard/orders/",
    "/dashboard/orders/7",
    f"/dashboard/orders/{ID}/more",
    "/dashboard/coupons/a%20code",
    "/dashboard/%00",
    "/dashboard/assetsfolder",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_address_of_a_page_returns_the_same_document_without_a_token(either_world: World, path: str) -> None:
    with httpx.Client(base_url=either_world.url, trust_env=False) as nobody:
        answer = nobody.get(path)
        assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
        assert answer.content == nobody.get("/dashboard").content
    assert_dashboard_headers(answer)


@pytest.mark.parametrize("path", OTHERS)
def test_another_address_returns_the_document_with_404_and_is_not_stored(either_world: World, path: str) -> None:
    client = either_world.customer().http
    answer = client.get(path, headers={"If-None-Match": "*"})
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store")
    assert answer.content == client.get("/dashboard").content
    assert_dashboard_headers(answer)


@pytest.mark.parametrize("query", ["", "?tab=shipped&q=%22%3E"])
def test_a_trailing_slash_is_redirected_permanently_with_the_query(either_world: World, query: str) -> None:
    answer = either_world.customer().http.get(f"/dashboard/{query}")
    assert (answer.status_code, answer.headers["location"]) == (308, f"/dashboard{query}")
    assert_dashboard_headers(answer)


def test_a_304_has_the_security_headers(either_world: World) -> None:
    client = either_world.customer().http
    known = client.get("/dashboard", headers={"If-None-Match": client.get("/dashboard").headers["etag"]})
    assert known.status_code == 304
    assert_dashboard_headers(known)


@pytest.mark.parametrize("method", ["POST", "DELETE", "OPTIONS"])
@pytest.mark.parametrize("path", ["/dashboard", "/dashboard/", "/dashboard/nowhere", "the icon"])
def test_the_dashboard_only_reads(either_world: World, method: str, path: str) -> None:
    client = either_world.customer().http
    path = f"{assets_root(client)}/icon.svg" if path == "the icon" else path
    answer = client.request(method, path)
    problem(answer, 405, "method_not_allowed", "allowed")
    assert answer.headers["allow"] == "GET, HEAD"
    assert_dashboard_headers(answer)


@pytest.mark.parametrize("path", ["/dashboards", "/api/v1/dashboard", "/Dashboard"])
def test_what_is_beside_the_dashboard_is_not_part_of_it(either_world: World, path: str) -> None:
    answer = either_world.admin().http.get(path)
    problem(answer, 404, "not_found")
    assert "permissions-policy" not in answer.headers


def test_the_document_holds_no_script_style_or_handler_of_its_own(world: World) -> None:
    document = world.customer().http.get("/dashboard").text
    assert "<style" not in document
    assert "style=" not in document
    assert " on" not in document.replace(" on for", "")
    assert document.count("<script ") == document.count("<script") == 1
    assert "needs JavaScript" in document.partition("<noscript>")[2].partition("</noscript>")[0]
