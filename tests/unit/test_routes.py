"""Routes, compared with the table of the roles that may use them."""

import re
from typing import Any

from orders.urls import urlpatterns
from tests.support.roles import METHODS, TABLE


def test_the_table_of_roles_has_a_row_for_every_route() -> None:
    routes: list[Any] = urlpatterns
    found = {
        (method, "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(route.pattern)))
        for route in routes
        for method in METHODS
        if method != "OPTIONS" and hasattr(route.callback.view_class, method.lower())
    }
    assert found == set(TABLE)
