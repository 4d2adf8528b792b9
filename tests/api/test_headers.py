"""HTTP to the letter of RFC 9110: HEAD, 405, ids in capital letters, repeated headers, and If-Match in every form."""

import http.client
import uuid
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support.market import SHIPMENT, Market, Sale
from tests.support.problem import problem, refused_input
from tests.support.world import Person, World

OPEN = [
    "/",
    "/healthz",
    "/readyz",
    "/metrics",
    "/api/schema",
    "/api/doc",
    "/api/doc/start.js",
    "/api/doc/swagger-ui.css",
]
"""Addresses that need no token."""

VARYING = {"date", "x-request-id"}
IF_MATCH = ["", " ", ",", "1", 'W/"1"', '"0"', '"1" x', "'1'", '"01"', '"1', "null", '"1";"2"', '"\xe9"', '""']
"""Values of If-Match without version 1."""


@pytest.fixture
def market(world: World) -> Iterator[Market]:
    yield Market(world, 1000, 333)


def send(person: Person, method: str, path: str, *headers: tuple[str, str], body: bytes = b"") -> httpx.Response:
    """Send a request with exactly these header lines (httpx would merge some) and return the response."""
    address = urlsplit(str(person.http.base_url))
    assert address.hostname
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=20)
    lines = [("Host", "localhost"), ("Content-Length", str(len(body))), *headers]
    if not any(name == "Authorization" for name, _ in headers):
        lines.append(("Authorization", person.http.headers["authorization"]))
    connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
    for name, value in lines:
        connection.putheader(name, value.encode("latin-1"))
    connection.endheaders(body)
    answer = connection.getresponse()
    content = answer.read()
    connection.close()
    return httpx.Response(
        answer.status, headers=answer.getheaders(), content=content, request=httpx.Request(method, f"http://x{path}")
    )


def test_head_returns_what_get_returns_without_a_body(market: Market) -> None:
    sale = market.sell()
    customer, vendor, admin = market.customer, market.vendors[0], market.admin
    asked = [(customer, path) for path in OPEN]
    asked += [
        (customer, f"/api/v1/orders{rest}") for rest in ("", "?limit=1", f"/{sale.id}", f"/{uuid.uuid4()}", "?x=1")
    ]
    asked += [(customer, f"/api/v1/orders/{sale.id}/{rest}") for rest in ("tracking", "history", "history?x=1")]
    asked += [(vendor, f"/api/v1/vendor-orders{rest}") for rest in ("", "/summary", f"/{sale.parts[0]}")]
    asked += [(admin, "/api/v1/admin/dead-letters"), (vendor, "/api/v1/orders"), (customer, "/nowhere")]
    for caller, path in asked:
        head, get = caller.http.head(path), caller.http.get(path)
        assert head.status_code == get.status_code, path
        assert head.content == b"", path
        actual, wanted = ({n: v for n, v in a.headers.items() if n not in VARYING} for a in (head, get))
        if (
            path in ("/metrics", "/readyz") or get.is_error
        ):  # the length varies, because a refusal contains its request id
            actual.pop("content-length"), wanted.pop("content-length")
        assert actual == wanted, path


def test_head_of_a_stream_opens_no_stream(either_world: World) -> None:
    market = Market(either_world, 1000, 333)
    sale = market.sell()
    for caller, path in ((market.customer, f"orders/{sale.id}"), (market.vendors[0], f"vendor-orders/{sale.parts[0]}")):
        answer = caller.http.head(f"/api/v1/{path}/stream")
        assert (answer.status_code, answer.content) == (200, b"")
        assert answer.headers["content-type"] == "text/event-stream"
        assert answer.headers["cache-control"] == "no-store"
    assert market.customer.http.head(f"/api/v1/orders/{uuid.uuid4()}/stream").status_code == 404


def test_head_returns_304_when_the_tag_matches(market: Market) -> None:
    sale = market.sell()
    path = f"/api/v1/orders/{sale.id}"
    tag = market.customer.http.head(path).headers["etag"]
    answer = market.customer.http.head(path, headers={"If-None-Match": tag})
    assert (answer.status_code, answer.headers["etag"]) == (304, tag)


@pytest.mark.parametrize("path", OPEN)
def test_a_read_only_resource_has_no_other_method(either_world: World, path: str) -> None:
    client = either_world.customer().http
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PROPFIND"):
        answer = client.request(method, path)
        assert problem(answer, 405, "method_not_allowed", "allowed")["allowed"] == ["GET", "HEAD"]
        assert answer.headers["allow"] == "GET, HEAD"


def test_an_id_may_be_written_in_any_case(market: Market) -> None:
    sale = market.sell()
    order, part = sale.id.upper(), sale.parts[0].upper()
    letter = market.world.dead_letter().upper()
    mixed = "".join(c.upper() if place % 2 else c for place, c in enumerate(sale.id))
    for written in (order, mixed):
        assert market.customer.get(f"/orders/{written}").json()["id"] == sale.id
    assert market.customer.get(f"/orders/{order}/history").status_code == 200
    assert market.vendors[0].get(f"/vendor-orders/{part}").json()["id"] == sale.parts[0]
    assert market.vendors[0].post(f"/vendor-orders/{part}/accept").status_code == 200
    assert market.admin.post(f"/admin/dead-letters/{letter}/retry").status_code == 202
    for malformed in (sale.id.replace("-", ""), f"{{{sale.id}}}", f"urn:uuid:{sale.id}", sale.id[:-1] + "G"):
        problem(market.customer.get(f"/orders/{malformed}"), 404, "not_found")


ONCE = [("Idempotency-Key", "k"), ("X-Request-ID", "mine"), ("Last-Event-ID", "1")]


@pytest.mark.parametrize("second", ["the same", "another", "empty"])
@pytest.mark.parametrize(("name", "value"), ONCE, ids=[name for name, _ in ONCE])
def test_a_single_valued_header_may_occur_once(market: Market, name: str, value: str, second: str) -> None:
    customer, order_id = market.customer, market.sell().id
    twice = (name, value), (name, {"the same": value, "another": "2", "empty": ""}[second])
    more = [] if name == "Idempotency-Key" else [("Idempotency-Key", str(uuid.uuid4()))]
    for answer in (
        send(customer, "POST", "/api/v1/orders", *twice, *more),
        send(customer, "GET", f"/api/v1/orders/{order_id}", *twice),
        send(customer, "GET", "/api/v1/orders", *twice),
        send(customer, "GET", f"/api/v1/orders/{order_id}/stream", *twice),
        send(customer, "POST", f"/api/v1/orders/{order_id}/cancel", *twice),
    ):
        assert refused_input(answer) == [f"/{name}"]
        assert uuid.UUID(answer.headers["x-request-id"])
    nowhere = f"/api/v1/orders/{uuid.uuid4()}"
    for method, path in (("GET", nowhere), ("POST", f"{nowhere}/cancel"), ("GET", f"{nowhere}/stream")):
        problem(send(customer, method, path, *twice), 404, "not_found")
    assert len(customer.get("/orders").json()["results"]) == 1


def test_two_request_ids_are_replaced_outside_the_api(world: World) -> None:
    answer = send(world.customer(), "GET", "/healthz", ("X-Request-ID", "a"), ("X-Request-ID", "b"))
    assert answer.status_code == 200
    assert uuid.UUID(answer.headers["x-request-id"])


@pytest.mark.parametrize("lines", ["{0}|{0}", "{0}|", "|{0}", "{0}|Bearer x", "Bearer x|{0}"])
def test_two_authorization_headers_are_refused(world: World, lines: str) -> None:
    ada = world.customer()
    first, second = lines.format(ada.http.headers["authorization"]).split("|")
    answer = send(ada, "GET", "/api/v1/orders", ("Authorization", first), ("Authorization", second))
    problem(answer, 401, "not_authenticated")


def action(market: Market, sale: Sale, *if_match: str) -> list[httpx.Response]:
    """Return the responses to a vendor's accept and the customer's cancel with these lines of If-Match."""
    lines = [("If-Match", line) for line in if_match]
    return [
        send(market.vendors[0], "POST", f"/api/v1/vendor-orders/{sale.parts[0]}/accept", *lines),
        send(market.customer, "POST", f"/api/v1/orders/{sale.id}/cancel", *lines),
    ]


@pytest.mark.parametrize("tag", IF_MATCH)
def test_if_match_without_the_current_version_is_refused(market: Market, tag: str) -> None:
    sale = market.sell()
    assert sale.order()["version"] > 1
    for answer in action(market, sale, tag):
        problem(answer, 412, "precondition_failed")
    assert sale.part(0)["status"] == "pending"


def test_if_match_takes_any_version_or_one_of_several(market: Market) -> None:
    sale = market.sell()
    present = f'"{sale.part(0)["version"]}"'
    for lines in (("*",), ('"98"', present), (f'"98", {present} , "99"',), (present,)):
        sale = market.sell()
        accepted = send(
            *(market.vendors[0], "POST", f"/api/v1/vendor-orders/{sale.parts[0]}/accept"),
            *(("If-Match", line) for line in lines),
        )
        assert accepted.status_code == 200, lines


@pytest.mark.parametrize("lines", [("*", '"1"'), ('"1", *',), ("*, *x",)])
def test_if_match_of_any_version_and_of_one_contradicts_itself(market: Market, lines: tuple[str, ...]) -> None:
    for answer in action(market, market.sell(), *lines):
        assert refused_input(answer) == ["/If-Match"]


def test_a_shipment_without_if_match_is_unconditional(market: Market) -> None:
    sale = market.sell()
    assert sale.act(0, "accept").status_code == 200
    path = f"/vendor-orders/{sale.parts[0]}/ship"
    problem(market.vendors[0].post(path, SHIPMENT, If_Match=""), 412, "precondition_failed")
    assert market.vendors[0].post(path, SHIPMENT).status_code == 200
