"""`/`: a page for people, which leads to dashboard and documentation. Its caching is in the table of tests/support/caching.py,
its methods in tests/api/test_headers.py."""

from urllib.parse import urljoin

import httpx

from tests.support.links import anchors, links
from tests.support.world import World

POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


def test_the_page_needs_no_token_and_leads_to_dashboard_documentation_and_document(either_world: World) -> None:
    page = httpx.get(f"{either_world.url}/", trust_env=False)
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert anchors(page) == ["dashboard", "api/doc", "api/schema"]


def test_the_page_may_load_styles_and_pictures_of_the_service_and_nothing_else(either_world: World) -> None:
    client = either_world.customer().http
    page = client.get("/")
    known = client.get("/", headers={"If-None-Match": page.headers["etag"]})
    assert page.headers["content-security-policy"] == known.headers["content-security-policy"] == POLICY
    assert known.status_code == 304
    assert "style=" not in page.text
    assert "<style" not in page.text
    assert "<script" not in page.text
    for link in links(page):
        answer = client.get(urljoin("/", link))
        assert answer.status_code == 200
        assert answer.headers["content-type"] in ("text/css", "image/svg+xml")


def test_paths_beside_it_are_still_not_found(either_world: World) -> None:
    client = either_world.customer().http
    for path in ("/index.html", "/home", "//", "/api", "/api/"):
        assert client.get(f"{either_world.url}{path}").status_code == 404, path
