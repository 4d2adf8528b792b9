"""The assets of the dashboard: immutable below a hash of their content, compressed, and complete."""

from pathlib import PurePosixPath

import httpx
import pytest

from tests.support.dashboard import assert_dashboard_headers, assets, assets_root
from tests.support.problem import problem
from tests.support.world import World

MAX_FIRST_LOAD_BYTES = 400 * 1024
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def bytes_on_the_wire(client: httpx.Client, path: str) -> int:
    """Return the size of a compressed response, its headers included."""
    with client.stream("GET", path, headers={"Accept-Encoding": "br"}) as answer:
        body = sum(len(part) for part in answer.iter_raw())
        return body + sum(len(name) + len(value) + 4 for name, value in answer.headers.raw)


def test_every_asset_of_the_document_is_immutable_and_has_its_type(either_world: World) -> None:
    client = either_world.customer().http
    for path in assets(client):
        answer = client.get(path)
        assert answer.status_code == 200, path
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
        assert answer.headers["content-type"] == CONTENT_TYPES[PurePosixPath(path).suffix]
        assert_dashboard_headers(answer)


def test_the_first_load_is_one_script_one_style_sheet_and_the_icon(world: World) -> None:
    """Few requests: an address has 600 a minute, and after a release everybody in an office loads everything anew."""
    client = world.customer().http
    root = assets_root(client)
    assert assets(client) == [f"{root}/icon.svg", f"{root}/css/dashboard.css", f"{root}/js/dashboard.js"]


def test_the_first_load_is_at_most_400_kib_on_the_wire(world: World) -> None:
    client = world.customer().http
    sizes = {path: bytes_on_the_wire(client, path) for path in ["/dashboard", *assets(client)]}
    assert sum(sizes.values()) <= MAX_FIRST_LOAD_BYTES, sizes


def test_the_charts_are_served_and_not_part_of_the_first_load(world: World) -> None:
    client = world.customer().http
    path = f"{assets_root(client)}/vendor/chart.js"
    assert "Chart" in client.get(path).text
    assert path not in assets(client)


@pytest.mark.parametrize(
    "path",
    [
        "/dashboard/assets",
        "/dashboard/assets/",
        "/dashboard/assets/0123456789abcdef01234567/js/dashboard.js",
        "{root}",
        "{root}/",
        "{root}/js",
        "{root}/index.html",
        "{root}/js/nothing.js",
        "{root}/js/../../views.py",
        "{root}/..%2f..%2fviews.py",
        "{root}/js/dashboard.js/",
        "{root}/js/dashboard.js%00",
    ],
)
def test_any_other_asset_is_not_found(either_world: World, path: str) -> None:
    client = either_world.customer().http
    answer = client.get(path.format(root=assets_root(client)))
    problem_path = answer.request.url.path
    assert (answer.status_code, answer.headers["cache-control"]) == (404, "no-store"), problem_path
    assert answer.headers["content-type"] == "application/problem+json"
    assert_dashboard_headers(answer)


def test_another_release_is_told_apart_by_its_hash(world: World, second_world: World) -> None:
    """All processes of a release name the same assets."""
    first, second = (one.customer().http.get("/dashboard").headers["etag"] for one in (world, second_world))
    assert first == second
    client = world.customer().http
    folder, _, digest = assets_root(client).rpartition("/")
    problem(client.get(f"{folder}/{digest[:-1]}x/js/dashboard.js"), 404, "not_found")


def test_no_asset_is_compressed_in_vain(world: World) -> None:
    client = world.customer().http
    for path in assets(client):
        plain, coded = (len(client.get(path, headers={"Accept-Encoding": c}).content) for c in ("identity", "br"))
        assert plain == coded  # the client decodes it
        assert bytes_on_the_wire(client, path) < plain + 1200
