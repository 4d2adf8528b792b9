"""GET /api/v1/orders: the caller's orders, newest first, in pages that stay right while orders arrive."""

import json
from base64 import urlsafe_b64encode
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.support.ids import UNKNOWN_ID
from tests.support.problem import problem, refused_input
from tests.support.world import Person, World


def place(customer: Person, count: int) -> list[dict[str, Any]]:
    """Place `count` orders of the customer and return them, newest first."""
    world, product = customer.world, customer.world.product()
    orders = []
    for _ in range(count):
        world.sandbox.put_cart(customer.id, [{"product_id": product, "quantity": 1}])
        orders.append(customer.place())
    return orders[::-1]


def read(customer: Person, url: str) -> dict[str, Any]:
    """Return the page at this URL."""
    answer = customer.http.get(url)
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/json"
    page: dict[str, Any] = answer.json()
    assert page.keys() == {"next", "previous", "results"}
    return page


def pages(customer: Person, url: str | None, way: str) -> list[list[str]]:
    """Return the ids on the page at this URL, and on all that follow by the links of this name (`next`, `previous`)."""
    found = []
    while url:
        page = read(customer, url)
        found.append([order["id"] for order in page["results"]])
        url = page[way]
    return found


def ids(orders: list[dict[str, Any]]) -> list[str]:
    """Return the orders' ids."""
    return [order["id"] for order in orders]


# --- the contents of a page -------------------------------------------------------------------------------------------


def test_without_orders_the_list_is_empty(either_world: World) -> None:
    assert read(either_world.customer(), "/api/v1/orders") == {"next": None, "previous": None, "results": []}


def test_orders_are_listed_whole_and_newest_first(either_world: World) -> None:
    ada = either_world.customer()
    orders = place(ada, 3)
    assert read(ada, "/api/v1/orders") == {"next": None, "previous": None, "results": orders}


def test_a_page_has_20_orders_unless_another_limit_is_asked_for(either_world: World) -> None:
    ada = either_world.customer()
    orders = place(ada, 21)
    page = read(ada, "/api/v1/orders")
    assert ids(page["results"]) == ids(orders)[:20]
    assert ids(read(ada, page["next"])["results"]) == ids(orders)[20:]
    assert ids(read(ada, "/api/v1/orders?limit=100")["results"]) == ids(orders)
    assert ids(read(ada, "/api/v1/orders?limit=1")["results"]) == ids(orders)[:1]


@pytest.mark.parametrize("limit", ["0", "101", "x", "", "-1", "1.5", "1e1", "5 ", "٣", "9" * 400, "0x5", "%00"])
def test_a_limit_is_a_whole_number_from_1_to_100(either_world: World, limit: str) -> None:
    assert refused_input(either_world.customer().get(f"/orders?limit={limit}")) == ["/limit"]


def test_customers_see_their_own_orders_only(either_world: World) -> None:
    ada, bob = either_world.customer(), either_world.customer()
    of_ada, of_bob = place(ada, 2), place(bob, 1)
    assert read(ada, "/api/v1/orders")["results"] == of_ada
    assert read(bob, "/api/v1/orders")["results"] == of_bob


def test_another_callers_link_is_refused(either_world: World) -> None:
    bob, ada = either_world.customer(), either_world.customer()
    place(ada, 3)
    link = read(ada, "/api/v1/orders?limit=1")["next"]
    assert refused_input(bob.http.get(link)) == ["/cursor"]


def test_an_admin_lists_all_orders_newest_first(either_world: World) -> None:
    ada, bob = either_world.customer(), either_world.customer()
    orders = [*place(ada, 1), *place(bob, 1), *place(ada, 1)]
    newest = read(either_world.admin(), "/api/v1/orders?limit=3")["results"]
    assert newest == orders[::-1]


def test_vendors_do_not_list_orders(either_world: World) -> None:
    problem(either_world.vendor("v-1").get("/orders"), 403, "permission_denied")


# --- from page to page ------------------------------------------------------------------------------------------------


def test_the_links_lead_through_all_pages_and_back(either_world: World) -> None:
    ada = either_world.customer()
    orders = ids(place(ada, 12))
    cut = [orders[:5], orders[5:10], orders[10:]]
    first = "/api/v1/orders?limit=5"
    assert pages(ada, first, "next") == cut
    last = read(ada, read(ada, first)["next"])["next"]
    assert read(ada, last)["next"] is None
    assert pages(ada, last, "previous") == cut[::-1]
    assert read(ada, first)["previous"] is None


def test_a_page_that_ends_with_the_last_order_has_no_next(either_world: World) -> None:
    ada = either_world.customer()
    place(ada, 4)
    page = read(ada, "/api/v1/orders?limit=2")
    assert read(ada, page["next"])["next"] is None
    assert read(ada, "/api/v1/orders?limit=4")["next"] is None


def test_links_are_whole_urls_that_keep_the_limit(either_world: World) -> None:
    ada = either_world.customer()
    place(ada, 5)
    page = read(ada, "/api/v1/orders?limit=2")
    assert page["next"].startswith(f"{either_world.url}/api/v1/orders?")
    back = read(ada, read(ada, page["next"])["previous"])
    assert back["results"] == page["results"]


def test_orders_that_arrive_while_a_client_pages_shift_no_page(either_world: World) -> None:
    ada = either_world.customer()
    orders = ids(place(ada, 12))
    page = read(ada, "/api/v1/orders?limit=5")
    seen = ids(page["results"])
    arrived: list[str] = []
    while page["next"]:
        arrived = ids(place(ada, 2)) + arrived
        page = read(ada, page["next"])
        seen += ids(page["results"])
    assert seen == orders
    assert [each for back in reversed(pages(ada, page["previous"], "previous")) for each in back] == (
        arrived + orders[: -len(page["results"])]
    )


def test_orders_placed_in_the_same_moment_are_each_listed_once(either_world: World) -> None:
    ada = either_world.customer()
    orders = ids(place(ada, 7))
    either_world.sql("UPDATE orders SET created_at = '2026-01-01T00:00:00Z' WHERE customer_id = %s", ada.id)
    there = pages(ada, "/api/v1/orders?limit=2", "next")
    assert [len(page) for page in there] == [2, 2, 2, 1]
    assert sorted(each for page in there for each in page) == sorted(orders)
    last = read(ada, f"/api/v1/orders?limit={len(orders) - 1}")["next"]
    assert ids(read(ada, last)["results"]) == there[-1]


# --- refusals ---------------------------------------------------------------------------------------------------------


def cursor(*words: object) -> str:
    """Return a cursor of this content in the service's own encoding."""
    return urlsafe_b64encode(json.dumps(words).encode()).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "x",
        "é",
        "%00",
        "%ff",
        "=" * 50,
        "A" * 5000,
        "eyJhIjoxfQ",
        "W10",
        urlsafe_b64encode(b"[" * 5000).decode(),
        urlsafe_b64encode(b"\xff\xfe").decode(),
        cursor("2026-01-01T00:00:00Z", "not an id", False),
        cursor("2026-01-01T00:00:00", UNKNOWN_ID, False),
        cursor("yesterday", UNKNOWN_ID, False),
        cursor(5, UNKNOWN_ID, False),
        cursor("2026-01-01T00:00:00Z", UNKNOWN_ID, "no"),
        cursor("2026-01-01T00:00:00Z", UNKNOWN_ID),
    ],
)
def test_a_forged_cursor_is_refused(world: World, forged: str) -> None:
    assert refused_input(world.customer().get(f"/orders?cursor={forged}")) == ["/cursor"]


def test_a_cursor_with_any_letter_changed_or_missing_is_refused(world: World) -> None:
    ada = world.customer()
    place(ada, 2)
    link = read(ada, "/api/v1/orders?limit=1")["next"]
    begin = link.index("cursor=") + len("cursor=")
    for position in range(begin, len(link)):
        for letter in {"", "A", "_", link[position].swapcase()} - {link[position]}:
            answer = ada.http.get(link[:position] + letter + link[position + 1 :])
            assert refused_input(answer) == ["/cursor"], link[position:]
    cursor = link[begin:]
    for changed in (cursor[:10], cursor[:-1], cursor + "A", cursor + "%3D", cursor.replace(".", ":"), cursor * 2):
        assert refused_input(ada.http.get(link[:begin] + changed)) == ["/cursor"]


def test_a_link_of_one_process_is_valid_at_another(world: World, second_world: World) -> None:
    ada = world.customer()
    orders = ids(place(ada, 2))
    link = read(ada, "/api/v1/orders?limit=1")["next"].replace(world.url, second_world.url)
    assert ids(read(second_world.person("customer", ada.id), link)["results"]) == orders[1:]


def test_a_cursor_is_valid_only_in_its_own_list(world: World) -> None:
    ada, admin = world.customer(), world.admin()
    orders = ids(place(ada, 3))
    query: dict[str, Any] = {"ordering": "created_at", "status": ["pending", "confirmed"], "min_total": "1.00"}
    link = ada.get("/orders", params={**query, "limit": 1}).json()["next"]
    cursor = parse_qs(urlsplit(link).query)["cursor"][0]
    same = [
        {**query, "limit": 2},
        {**query, "limit": 2, "status": "confirmed,pending"},
        {**query, "limit": 2, "status": ["pending,confirmed", "pending"]},
    ]
    for again in same:
        answer = ada.get("/orders", params={**again, "cursor": cursor})
        assert ids(answer.json()["results"]) == orders[1::-1]
    others = [
        {**query, "ordering": "-created_at"},
        {**query, "ordering": "updated_at"},
        {**query, "status": "pending"},
        {**query, "min_total": "2.00"},
        {**query, "q": "mug"},
        {name: value for name, value in query.items() if name != "min_total"},
        {},
    ]
    for other in others:
        assert refused_input(ada.get("/orders", params={**other, "cursor": cursor})) == ["/cursor"], other
    whose = {**query, "customer_id": ada.id}
    assert refused_input(admin.get("/orders", params={**whose, "cursor": cursor})) == ["/cursor"]
    of_admin = parse_qs(urlsplit(admin.get("/orders", params={**whose, "limit": 1}).json()["next"]).query)["cursor"][0]
    assert ids(admin.get("/orders", params={**whose, "cursor": of_admin}).json()["results"]) == orders[1::-1]
    for person, path, params in (
        (world.admin(), "/orders", whose),
        (ada, "/orders", query),
        (world.person("customer", admin.id), "/orders", query),
        (admin, "/vendor-orders", {"ordering": "created_at"}),
        (admin, "/admin/dead-letters", {}),
    ):
        assert refused_input(person.get(path, params={**params, "cursor": of_admin})) == ["/cursor"]


@pytest.mark.parametrize("query", ["colour=red", "limit=5&page=2", "Limit=5", "=5", "limit[]=5", "a/b~c=1"])
def test_an_unknown_parameter_is_refused(either_world: World, query: str) -> None:
    problem(either_world.customer().get(f"/orders?{query}"), 400, "invalid", "errors")


def test_the_unknown_parameter_is_pointed_at(either_world: World) -> None:
    customer = either_world.customer()
    assert refused_input(customer.get("/orders?limit=5&colour=red")) == ["/colour"]
    assert refused_input(customer.get("/orders?a/b~c=1")) == ["/a~1b~0c"]
