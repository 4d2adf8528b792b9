"""The routes there are, against the table that says who may use them."""

import re

from orders.urls import urlpatterns
from tests.api.test_roles import METHODS, TABLE


def test_the_table_of_roles_has_a_row_for_every_route_there_is() -> None:
    found = {
        (method, "/" + re.sub(r"<\w+:(\w+)>", r"{\1}", str(route.pattern)))
        for route in urlpatterns
        for method in METHODS
        if method != "OPTIONS" and hasattr(route.callback.view_class, method.lower())
    }
    assert found == set(TABLE)
