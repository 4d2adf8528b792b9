"""Routes, compared with the tables of the roles that may use them and of the caching of their responses."""

import re
from collections.abc import Iterator
from typing import Any

from django.urls import URLResolver, get_resolver

from orders.http.problems import not_found
from orders.urls import urlpatterns
from tests.support import caching
from tests.support.roles import METHODS, TABLE


def test_the_table_of_roles_has_a_row_for_every_route() -> None:
    assert set(endpoints(urlpatterns, "/")) == set(TABLE)


REDIRECTED = {("GET", "/dashboard/")}
NOT_FOUND = {("GET", "/dashboard^/"), ("GET", "/dashboard^/assets(/|$)")}
"""The patterns of every other path below /dashboard."""


def test_the_table_of_caching_has_a_row_for_every_route() -> None:
    *routes, every_other_path = get_resolver("asgi_app.urls").url_patterns
    assert every_other_path.callback is not_found
    assert set(endpoints(routes, "/")) - REDIRECTED - NOT_FOUND == set(caching.TABLE)


def endpoints(patterns: list[Any], prefix: str) -> Iterator[tuple[str, str]]:
    """Yield the method and the path of each route; HEAD is GET's."""
    for pattern in patterns:
        route = prefix + re.sub(r"<\w+:(\w+)>", r"{\1}", str(pattern.pattern))
        if isinstance(pattern, URLResolver):
            yield from endpoints(pattern.url_patterns, route)
        elif view := getattr(pattern.callback, "view_class", None):
            yield from ((method, route) for method in METHODS if method != "OPTIONS" and hasattr(view, method.lower()))
        else:
            yield "GET", route
