"""Caching by clients (RFC 9111): Cache-Control, ETag and Vary of every route, conditional requests, and the tags' validity."""

import re
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from tests.support import caching
from tests.support.caching import PRIVATE, Caching
from tests.support.coupons import TERMS, a_code, batch, coupon
from tests.support.dashboard import assets_root
from tests.support.market import SHIPMENT, Market, Sale
from tests.support.problem import problem
from tests.support.roles import TABLE as ROLES
from tests.support.world import Person, World, eventually

API = "/api/v1"
ORDERS_AND_PARTS = [
    route for (_, route), how in caching.TABLE.items() if how is PRIVATE and not route.startswith(f"{API}/analytics")
]
STRONG = re.compile(r'"[^"]+"')


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    """Yield a market of two vendors."""
    yield Market(world, 1000, 333)


def body_of(method: str, route: str) -> Any:
    """Return a body with which the request succeeds."""
    match method, route.removeprefix(API):
        case "POST", "/vendor-orders/{vendor_order_id}/ship":
            return SHIPMENT
        case "POST", "/coupons":
            return {"code": a_code(), **TERMS["percentage"]}
        case "POST", "/coupon-batches":
            return {"count": 1, "coupon": TERMS["percentage"]}
        case "PATCH", _:
            return {"name": "Spring"}
        case "POST", _:
            return {}
    return None


class Visit:
    """Requests to the routes of a table, which succeed if they are sent in its order."""

    def __init__(self, market: Market) -> None:
        self.market, self.sale = market, market.sell()

    def caller(self, method: str, route: str) -> Person:
        """Return a caller whom the route admits."""
        roles = ROLES.get((method, route.removeprefix(API)), ["admin"])
        return {"customer": self.market.customer, "vendor": self.market.vendors[0], "admin": self.market.admin}[
            roles[0]
        ]

    def path(self, route: str) -> str:
        """Return the route with ids: a cancellation has an order of its own, a coupon or batch is a new one of the vendor's."""
        sale = self.market.sell() if route.endswith("/cancel") else self.sale
        made: dict[str, Callable[[], str]] = {
            "order_id": lambda: sale.id,
            "vendor_order_id": lambda: sale.parts[0],
            "code": lambda: str(coupon(self.market.vendors[0])["code"]),
            "batch_id": lambda: str(batch(self.market.vendors[0])["id"]),
            "dead_letter_id": self.market.world.dead_letter,
            "digest": lambda: assets_root(self.market.admin.http).rpartition("/")[2],
            "name": lambda: "icon.svg" if route.startswith("/dashboard") else "swagger-ui.css",
        }
        query = f"?product_id={self.market.products[0]}" if route.endswith("/bought-together") else ""
        return re.sub(r"{(\w+)}", lambda found: made[found[1]](), route) + query

    def send(self, method: str, route: str, *headers: tuple[str, str], path: str = "") -> httpx.Response:
        """Return the response, with exactly these header lines; that of a stream without its body."""
        if (method, route) in (("POST", f"{API}/orders"), ("POST", f"{API}/orders/quote")):
            items = [{"product_id": product, "quantity": 1} for product in self.market.products]
            self.market.world.sandbox.put_cart(self.market.customer.id, items)
        client = self.caller(method, route).http
        lines = [("Authorization", client.headers["Authorization"]), ("Idempotency-Key", str(uuid.uuid4())), *headers]
        url = client.base_url.join(path or self.path(route))
        answer = client.send(httpx.Request(method, url, headers=lines, json=body_of(method, route)), stream=True)
        if answer.headers.get("content-type") != "text/event-stream":
            answer.read()
        answer.close()
        return answer


def assert_caching(answer: httpx.Response, expected: Caching) -> None:
    headers = answer.headers
    assert headers.get_list("cache-control") == [expected.cache_control]
    assert headers.get("vary") == expected.vary
    assert ("etag" in headers) == expected.tagged
    assert not expected.tagged or STRONG.fullmatch(headers["etag"])


def assert_not_stored(answer: httpx.Response) -> None:
    assert_caching(answer, caching.NO_STORE)


def test_each_route_has_the_headers_of_the_table(either_world: World) -> None:
    visit = Visit(Market(either_world, 1000, 333))
    for (method, route), expected in caching.TABLE.items():
        answer = visit.send(method, route)
        assert answer.is_success, f"{method} {route}: {answer.status_code}"
        assert_caching(answer, expected)


def test_each_route_returns_304_for_a_known_tag_exactly_where_the_table_says_so(either_world: World) -> None:
    visit = Visit(Market(either_world, 1000, 333))
    for (method, route), expected in caching.TABLE.items():
        if method != "GET":
            continue
        path = visit.path(route)
        fresh = visit.send("GET", route, path=path)
        tag = fresh.headers.get("etag", '"1"')
        for values in ([tag], [f"W/{tag}"], [f'"7", {tag}'], [f'"7",W/{tag},'], ['"7"', tag], ["*"]):
            known = visit.send("GET", route, *(("If-None-Match", value) for value in values), path=path)
            assert known.status_code == (304 if expected.conditional else 200), f"{route} {values}"
            assert_caching(known, expected)
            if expected.conditional:
                assert known.headers["etag"] == tag
                assert_not_modified(known, fresh)
        for value in (
            '"7"',
            'W/"7"',
            tag.strip('"'),
            tag[:-1],
            f"w/{tag}",
            f"W/W/{tag}",
            f"{tag} x",
            '"*"',
            "",
            ",",
        ):
            other = visit.send("GET", route, ("If-None-Match", value), path=path)
            assert other.status_code == 200, f"{route} {value}"


def assert_not_modified(known: httpx.Response, fresh: httpx.Response) -> None:
    """Check that a 304 has the headers of the 200, but none about a body (RFC 9110, 15.4.5)."""
    assert known.content == b""
    about_the_body = {"content-type", "content-length", "content-encoding", "transfer-encoding"}
    assert not about_the_body & known.headers.keys()
    own = {"date", "x-request-id"}
    assert own <= known.headers.keys()
    actual, wanted = ({n: v for n, v in a.headers.items() if n not in {*about_the_body, *own}} for a in (known, fresh))
    assert actual == wanted


def test_head_returns_304_where_get_does(market: Market) -> None:
    visit = Visit(market)
    for (method, route), expected in caching.TABLE.items():
        if method == "GET" and expected.conditional:
            path, client = visit.path(route), visit.caller(method, route).http
            head = client.head(path)
            assert_caching(head, expected)
            assert int(head.headers["content-length"]) > 0
            known = client.head(path, headers={"If-None-Match": head.headers["etag"]})
            assert (known.status_code, known.headers["etag"]) == (304, head.headers["etag"])
            assert "content-length" not in known.headers


@pytest.mark.parametrize("route", ORDERS_AND_PARTS)
def test_a_304_needs_a_token_a_role_and_a_visible_resource(market: Market, route: str) -> None:
    path = Visit(market).path(route)
    anybody = {"If-None-Match": "*"}
    with_role, without_role = (market.world.customer(), market.world.vendor("v-other"))
    if "vendor-orders" in route:
        with_role, without_role = without_role, with_role
    refused = [
        (problem(with_role.http.get(path, headers={**anybody, "Authorization": ""}), 401, "not_authenticated"), 401),
        (problem(without_role.http.get(path, headers=anybody), 403, "permission_denied"), 403),
        (problem(with_role.http.get(path, headers=anybody), 404, "not_found"), 404),
        (problem(market.admin.http.get(path, params={"x": 1}, headers=anybody), 400, "invalid", "errors"), 400),
    ]
    assert [body["status"] for body, _ in refused] == [status for _, status in refused]


def test_no_error_is_stored(market: Market) -> None:
    visit, missing = Visit(market), str(uuid.uuid4())
    for (method, route), expected in caching.TABLE.items():
        path = re.sub("{.*?}", missing, route)
        client = visit.caller(method, route).http
        for answer in (
            client.request(method, path, headers={"Authorization": "", "If-None-Match": "*", "If-Match": '"1"'}),
            client.request("TRACE", path, headers={"If-None-Match": "*"}),
            *([client.request(method, path, headers={"If-None-Match": "*"})] if "{" in route else []),
        ):
            is_page = expected is caching.REVALIDATED  # the same for every id
            if route.startswith(API) or answer.request.method == "TRACE" or ("{" in route and not is_page):
                assert answer.status_code in (401, 404, 405), f"{answer.request.method} {path}: {answer.status_code}"
                assert_not_stored(answer)
    for answer in (
        visit.sale.act(0, "deliver"),
        visit.sale.cancel(If_Match='"99"'),
        market.customer.post("/orders/quote", {"x": 1}),
        market.vendors[0].post("/orders", {}),
    ):
        assert answer.status_code in (400, 403, 409, 412)
        assert_not_stored(answer)


def test_a_tag_names_one_body_through_the_life_of_an_order(market: Market) -> None:
    """For every role: whatever changes, in any part of a body, changes the tag; else a client would keep an outdated copy."""
    sale = market.place()
    watched = [
        *(
            (person, f"/orders/{sale.id}{rest}")
            for person in (market.customer, market.admin)
            for rest in ("", "/tracking", "/history")
        ),
        *((person, f"/vendor-orders/{part}") for part in sale.parts for person in (*market.vendors, market.admin)),
    ]
    known: dict[tuple[str, str, str], bytes] = {}
    tags: dict[tuple[str, str], str] = {}

    def look() -> set[str]:
        """Compare every body with the first one of its tag; return the paths whose tag has moved."""
        moved = set()
        for person, path in watched:
            key = person.id, path
            answer = person.get(path, headers={"If-None-Match": tags[key]} if key in tags else {})
            whole = person.get(path)
            if whole.status_code == 404:  # another vendor's
                assert answer.status_code == 404
                continue
            assert answer.status_code == (304 if tags.get(key) == whole.headers["etag"] else 200)
            assert known.setdefault((*key, whole.headers["etag"]), whole.content) == whole.content, path
            if tags.get(key) != whole.headers["etag"]:
                moved.add(path)
            tags[key] = whole.headers["etag"]
        return moved

    order = {f"/orders/{sale.id}{rest}" for rest in ("", "/tracking", "/history")}
    first, second = (f"/vendor-orders/{part}" for part in sale.parts)
    assert look() == {*order, first, second}
    assert look() == set()
    for step, moving in steps(sale, first, second):
        step()
        assert look() == order | moving, step


def steps(sale: Sale, first: str, second: str) -> Iterator[tuple[Callable[[], object], set[str]]]:
    """Yield the steps of an order's life, with the vendor orders whose body changes."""
    customer, world = sale.market.customer, sale.market.world

    def authorize() -> None:
        world.sandbox.pay(sale.id, "authorize", amount_minor=2666, currency="EUR")
        customer.order_becomes(sale.id, payment_status="authorized")

    def refund() -> None:
        world.sandbox.pay(sale.id, "refund", amount_minor=100, currency="EUR")
        customer.order_becomes(sale.id, payment_status="partially_refunded")

    def capture() -> None:
        sale.pay()
        sale.confirmed()

    corrected = {**SHIPMENT, "tracking_number": "corrected"}
    yield authorize, set()
    yield capture, {first, second}
    yield lambda: sale.do(0, "accept"), {first}
    yield lambda: sale.do(0, "ship"), {first}
    yield lambda: sale.act(0, "ship", body=corrected).raise_for_status(), {first}
    yield lambda: sale.do(0, "deliver"), {first}
    yield refund, set()
    yield lambda: sale.do(1, "cancel"), {second}


@pytest.mark.parametrize("ends", ["cancelled", "expired"])
def test_the_end_of_an_unpaid_order_changes_every_tag(market: Market, ends: str) -> None:
    sale = market.place()
    watched = [
        *((market.customer, f"/orders/{sale.id}{rest}") for rest in ("", "/tracking", "/history")),
        *zip(market.vendors, (f"/vendor-orders/{part}" for part in sale.parts), strict=True),
    ]
    before = [person.get(path).headers["etag"] for person, path in watched]
    if ends == "cancelled":
        assert sale.cancel().status_code == 200
    else:
        market.world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", sale.id)
    market.customer.order_becomes(sale.id, status=ends)
    for (person, path), tag in zip(watched, before, strict=True):
        assert person.get(path, headers={"If-None-Match": tag}).status_code == 200, path


@pytest.mark.parametrize("look", ["tracking", "history"])
def test_a_change_while_the_trail_is_read_belongs_to_the_next_tag(market: Market, look: str) -> None:
    """The order is read first: its tag must not stand over entries of a later version."""
    sale = market.sell()
    sale.do(0, "accept", "ship")
    path = f"/orders/{sale.id}/{look}"
    before = market.customer.get(path)
    with ThreadPoolExecutor(1) as threads, psycopg.connect(market.world.stack.postgres.url) as connection:
        connection.execute("LOCK TABLE order_events IN ACCESS EXCLUSIVE MODE")
        during = threads.submit(market.customer.get, path)
        waiting = "SELECT 1 FROM pg_locks WHERE relation = 'order_events'::regclass AND NOT granted"
        eventually(lambda: market.world.sql(waiting), "the order to be read, and its trail to be awaited", 2)
        connection.execute(
            """INSERT INTO order_events (order_id, vendor_order_id, sequence, type, from_status, to_status, actor_role,
                actor_id, request_id, data, at)
            SELECT id, %s, event_count + 1, 'vendor_order.tracking_changed', 'shipped', 'shipped', 'vendor', 'v', 'r', '{}',
                now() FROM orders WHERE id = %s""",
            (sale.parts[0], sale.id),
        )
        change = "SET version = version + 1, updated_at = now()"
        connection.execute(f"UPDATE orders {change}, event_count = event_count + 1 WHERE id = %s".encode(), (sale.id,))
        connection.execute(f"UPDATE vendor_orders {change} WHERE id = %s".encode(), (sale.parts[0],))
        connection.commit()
        read = during.result()
    assert (read.headers["etag"], read.content) == (before.headers["etag"], before.content)
    after = market.customer.get(path, headers={"If-None-Match": read.headers["etag"]})
    assert after.status_code == 200
    assert "tracking_changed" in after.text


def test_a_304_is_counted_and_has_the_id_of_its_request(market: Market) -> None:
    sale = market.sell()
    count = 'http_request_seconds_count{method="GET",route="api/v1/orders/<any_case_uuid:order_id>",status="304"}'

    def counted() -> float:
        found = re.search(rf"^{re.escape(count)} (\S+)$", market.customer.http.get("/metrics").text, re.MULTILINE)
        return float(found[1]) if found else 0

    before = counted()
    answer = market.customer.get(f"/orders/{sale.id}", headers={"If-None-Match": "*", "X-Request-ID": "mine"})
    assert (answer.status_code, answer.headers["x-request-id"]) == (304, "mine")
    assert counted() == before + 1
