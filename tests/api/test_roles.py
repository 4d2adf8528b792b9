"""Roles: one table of route, method and role compared with the routes, and the actions available to each role."""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import httpx
import pytest

from tests.support.coupons import batch, coupon
from tests.support.market import REACHES, WAY, Market, Sale
from tests.support.roles import METHODS, TABLE
from tests.support.world import Person, World

STATES = ["", "pp", "ap", "aa", "sp", "ss", "dp", "dd", "cp", "ca", "cs", "cd", "cc", "cancelled", "expired"]
"""States of a two-vendor order: unpaid, the states of its vendor orders once paid, or terminated while unpaid."""


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


@pytest.fixture
def paths(market: Market) -> Callable[[str], str]:
    """Fill the ids of an order and of a dead letter, a coupon or a batch, into a route."""
    sale = market.sell()
    letter = market.world.dead_letter()
    ids = {"{order_id}": sale.id, "{vendor_order_id}": sale.parts[0], "{dead_letter_id}": letter}

    def fill(route: str) -> str:
        """Return the path; coupons and batches are new ones of the first vendor."""
        own = {
            "{code}": lambda: str(coupon(market.vendors[0])["code"]),
            "{batch_id}": lambda: str(batch(market.vendors[0])["id"]),
        }
        return re.sub(r"{\w+}", lambda found: own[found[0]]() if found[0] in own else ids[found[0]], route)

    return fill


def call(person: Person, method: str, path: str) -> httpx.Response:
    """Return the response to a request that could be served, without reading its body: streams have no end."""
    has_body = method in ("POST", "PATCH")
    body = {"content": b"{}", "headers": {"Content-Type": "application/json"}} if has_body else {}
    with person.http.stream(method, f"/api/v1{path}", **body) as answer:  # type: ignore[arg-type]
        if answer.headers.get("content-type") != "text/event-stream":
            answer.read()
        return answer


def test_every_route_declares_the_roles_of_the_table(world: World) -> None:
    routes: dict[str, dict[str, Any]] = httpx.get(f"{world.url}/api/schema", trust_env=False).json()["paths"]
    declared = {
        (method.upper(), path.removeprefix("/api/v1")): operation.get("x-roles")
        for path, operations in routes.items()
        for method, operation in operations.items()
        if path.startswith("/api/v1/")
    }
    assert declared == TABLE


@pytest.mark.parametrize("role", ["customer", "vendor", "admin"])
def test_a_role_is_admitted_exactly_where_the_table_says_so(
    market: Market, paths: Callable[[str], str], role: str
) -> None:
    person = {"customer": market.customer, "vendor": market.vendors[0], "admin": market.admin}[role]
    for (method, route), roles in TABLE.items():
        answer = call(person, method, paths(route))
        assert (answer.status_code == 403) == (role not in roles), f"{role} {method} {route}: {answer.status_code}"
        if role not in roles:
            assert answer.json()["code"] == "permission_denied"
        else:
            # Admitted: the rest of the request, and the state that earlier rows have left, decide on the status.
            assert answer.status_code in (200, 202, 204, 400, 409, 422), (
                f"{role} {method} {route}: {answer.status_code}"
            )


def test_a_request_without_a_token_is_refused_on_every_route(market: Market, paths: Callable[[str], str]) -> None:
    for method, route in TABLE:
        answer = httpx.request(method, f"{market.world.url}/api/v1{paths(route)}", trust_env=False, verify=False)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_authenticated"), route
        assert answer.headers["www-authenticate"].startswith("Bearer")


def test_a_method_without_a_row_does_not_exist(market: Market, paths: Callable[[str], str]) -> None:
    for route in {route for _, route in TABLE}:
        allowed = {method for method in METHODS if (method.replace("HEAD", "GET"), route) in TABLE}
        for method in set(METHODS) - allowed:
            answer = call(market.admin, method, paths(route))
            assert answer.status_code == 405, f"{method} {route}"
            assert set(answer.headers["allow"].split(", ")) == allowed


def test_the_role_is_checked_before_the_resource(market: Market) -> None:
    nowhere = "orders/00000000-0000-0000-0000-000000000000"
    assert market.vendors[0].get(f"/{nowhere}").status_code == 403
    assert market.vendors[0].post(f"/{nowhere}/cancel", {"nonsense": 1}).status_code == 403
    assert market.customer.get(f"/vendor-{nowhere}").status_code == 403
    assert market.customer.get("/vendor-orders", params={"nonsense": 1}).status_code == 403
    for person in (market.customer, market.vendors[0]):
        assert person.post(f"/admin/dead-{nowhere.replace('orders', 'letters')}/retry", {"n": 1}).status_code == 403


def test_the_resource_is_checked_before_the_body(market: Market) -> None:
    """The contract's order of checks: 401, 403, 404, then 400."""
    nowhere = "00000000-0000-0000-0000-000000000000"
    customer, vendor = market.customer, market.vendors[0]
    for answer in (
        customer.post(f"/orders/{nowhere}/cancel", {"nonsense": 1}),
        customer.get(f"/orders/{nowhere}", params={"nonsense": 1}),
        customer.get(f"/orders/{nowhere}/stream", headers={"Last-Event-ID": "nonsense"}),
        vendor.post(f"/vendor-orders/{nowhere}/accept", {"nonsense": 1}),
        vendor.post(f"/vendor-orders/{nowhere}/ship", {}),
        vendor.get(f"/vendor-orders/{nowhere}/stream", headers={"Last-Event-ID": "nonsense"}),
        market.admin.post(f"/admin/dead-letters/{nowhere}/retry", {"nonsense": 1}),
    ):
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.request.url


def brought_to(market: Market, state: str, count: int) -> list[Sale]:
    """Return orders that stand in one of STATES."""
    sales = [market.place() for _ in range(count)]
    if state == "expired":
        for sale in sales:
            market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id)
            market.customer.order_becomes(sale.id, status="expired")
    elif state == "cancelled":
        assert all(sale.cancel().status_code == 200 for sale in sales)
    elif state:
        for sale in sales:
            sale.pay()
        for sale in sales:
            sale.confirmed()
            for vendor, letter in enumerate(state):
                sale.do(vendor, *WAY[letter])
    return sales


@pytest.mark.parametrize("state", STATES, ids=lambda state: state or "unpaid")
def test_available_actions_are_exactly_those_that_succeed(market: Market, state: str) -> None:
    (sale,) = brought_to(market, state, 1)
    done = {part["status"] for part in sale.order()["vendor_orders"]}
    possible: list[Callable[[Sale], httpx.Response]] = []
    for caller in (market.customer, market.admin):
        order = caller.order(sale.id)
        if "cancel" in order["available_actions"]:
            possible.append(partial(Sale.cancel, caller=caller))
        elif order["status"] != "cancelled":
            assert sale.cancel(caller).status_code == 409
        assert set(order["available_actions"]) <= {"cancel"}
    for vendor, caller in ((0, market.vendors[0]), (1, market.vendors[1]), (0, market.admin), (1, market.admin)):
        part = caller.get(f"/vendor-orders/{sale.parts[vendor]}").json()
        assert set(part["available_actions"]) <= REACHES.keys()
        for action, reaches in REACHES.items():
            if action in part["available_actions"]:
                possible.append(partial(Sale.act, vendor=vendor, action=action, caller=caller))
            elif part["status"] != reaches:
                assert sale.act(vendor, action, caller).status_code == 409, f"{action} of vendor {vendor}"
    assert {part["status"] for part in sale.order()["vendor_orders"]} == done, "a refused action has no effect"
    fresh = brought_to(market, state, len(possible))
    with ThreadPoolExecutor(4) as threads:
        answers = list(threads.map(lambda act, one: act(one), possible, fresh))
    assert [answer.status_code for answer in answers] == [200] * len(possible), [answer.text for answer in answers]
