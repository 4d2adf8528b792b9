"""Refusals that any endpoint can return (contract: REST API, "Errors"): routes, methods, bodies, and hostile input.

Each response is a problem in the contract's form, or a success; never a 500.
"""

import json
import socket
import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from tests.support.ids import UNKNOWN_ID
from tests.support.problem import problem, refused_input
from tests.support.world import Person, World

LIMIT = 256 * 1024
JSON = {"Content-Type": "application/json"}


def checkout(customer: Person, body: bytes | Iterator[bytes], **headers: str) -> httpx.Response:
    """Send POST /orders with exactly these bytes."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return customer.http.post("/api/v1/orders", content=body, headers={**JSON, "Idempotency-Key": "k", **named})


# --- routes and methods -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    ["/no/such/thing", "/", "/orders/", "/orders/quote/", "//orders", "/Orders", "/orders;x", "/%ff", "/%00", "/é%2f"],
)
def test_an_unknown_address_is_not_found(either_world: World, path: str) -> None:
    problem(either_world.customer().get(path), 404, "not_found")


@pytest.mark.parametrize("path", ["/nothing", "/api", "/api/v2/orders", "/orders", "/admin/", "/static/x", "/healthz/"])
def test_an_unknown_address_outside_the_api_is_not_found(either_world: World, path: str) -> None:
    client = either_world.customer().http
    problem(client.get(path), 404, "not_found")
    problem(client.get(path, headers={"Authorization": "Bearer x"}), 404, "not_found")


@pytest.mark.parametrize(
    ("method", "path", "allowed"),
    [
        ("PUT", "/orders", {"GET", "POST"}),
        ("PATCH", "/orders", {"GET", "POST"}),
        ("DELETE", "/orders", {"GET", "POST"}),
        ("GET", "/orders/quote", {"POST"}),
        ("POST", f"/orders/{UNKNOWN_ID}", {"GET"}),
        ("DELETE", f"/orders/{UNKNOWN_ID}", {"GET"}),
        ("PROPFIND", "/orders", {"GET", "POST"}),
    ],
)
def test_a_method_that_is_not_allowed_is_refused_with_the_allowed_ones(
    either_world: World, method: str, path: str, allowed: set[str]
) -> None:
    answer = either_world.customer().http.request(method, f"/api/v1{path}")
    problem(answer, 405, "method_not_allowed", "allowed")
    assert {word.strip() for word in answer.headers["allow"].split(",")} - {"HEAD", "OPTIONS"} == allowed


def test_a_missing_order_is_404_before_its_parameters_are_checked(either_world: World) -> None:
    ada = either_world.shopper()
    order = ada.place()
    problem(ada.get(f"/orders/{uuid.uuid4()}?colour=red"), 404, "not_found")
    assert refused_input(ada.get(f"/orders/{order['id']}?colour=red")) == ["/colour"]


# --- bodies -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "multipart/form-data",
        "application/xml",
        "application/jsonp",
        "json",
        "",
        "application/json, text/plain",
        "é",
        ";;;=",
    ],
)
def test_a_body_is_json_or_of_an_unsupported_type(either_world: World, content_type: str) -> None:
    ada = either_world.shopper()
    headers: Any = {"Content-Type": content_type.encode(), "Idempotency-Key": b"k"}
    for path in ("/api/v1/orders", "/api/v1/orders/quote"):
        problem(ada.http.post(path, content=b"{}", headers=headers), 415, "unsupported_media_type")


def test_a_body_without_a_type_is_of_an_unsupported_one(either_world: World) -> None:
    ada = either_world.shopper()
    problem(
        ada.http.post("/api/v1/orders", content=b"{}", headers={"Idempotency-Key": "k"}), 415, "unsupported_media_type"
    )


@pytest.mark.parametrize(
    "content_type", ["application/json; charset=utf-8", "Application/JSON", 'application/json;a="b']
)
def test_parameters_and_case_of_the_type_do_not_matter(either_world: World, content_type: str) -> None:
    assert checkout(either_world.shopper(), b"{}", Content_Type=content_type).status_code == 201


def test_a_body_of_256_kib_is_read(either_world: World) -> None:
    assert checkout(either_world.shopper(), b"{}".ljust(LIMIT)).status_code == 201


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT])
def test_a_larger_body_is_refused(either_world: World, size: int) -> None:
    ada = either_world.shopper()
    problem(checkout(ada, b"{}".ljust(size)), 413, "payload_too_large")
    assert ada.get("/orders").json()["results"] == []


@pytest.mark.parametrize("size", [LIMIT + 1, 4 * LIMIT])
def test_a_larger_body_without_a_length_is_refused(either_world: World, size: int) -> None:
    pieces = iter([b"{}", *([b" " * 4096] * (size // 4096)), b"  "])
    problem(checkout(either_world.shopper(), pieces), 413, "payload_too_large")


def test_a_chunked_body_is_read(either_world: World) -> None:
    ada = either_world.shopper()
    assert checkout(ada, iter([b'{"no', b'te": "\xc3', b'\xa9"}'])).json()["note"] == "é"


MALFORMED = {
    "nothing but a space": b" ",
    "half an object": b"{",
    "half a word": b"nul",
    "a list": b"[]",
    "a string": b'"note"',
    "a number": b"1",
    "null": b"null",
    "true": b"true",
    "two objects": b"{}{}",
    "single quotes": b"{'note': 'x'}",
    "a comma too many": b'{"note": "x",}',
    "a comment": b"{} // x",
    "NaN": b'{"cart_version": NaN}',
    "Infinity": b'{"cart_version": Infinity}',
    "a control character": b'{"note": "\x01"}',
    "invalid UTF-8": b'{"note": "\xff"}',
    "half a UTF-8 letter": b'{"note": "\xc3"}',
    "overlong UTF-8": b'{"note": "\xc0\x80"}',
    "a UTF-8 surrogate": b'{"note": "\xed\xa0\x80"}',
    "UTF-16": '{"note": "x"}'.encode("utf-16"),
    "a lone surrogate": b'{"note": "\\ud800"}',
    "a surrogate the wrong way round": b'{"note": "\\udc00\\ud800"}',
    "a lone surrogate for a name": b'{"\\ud800": 1}',
    "10 000 brackets": b"[" * 10_000,
    "10 000 closed brackets": b"[" * 10_000 + b"]" * 10_000,
    "10 000 brackets inside": b'{"note": ' + b"[" * 10_000 + b"]" * 10_000 + b"}",
    "10 000 objects": b'{"a":' * 10_000 + b"1" + b"}" * 10_000,
    "NUL in text": b'{"note": "a\\u0000b"}',
    "NUL in an address": b'{"shipping_address": {"name": "a\\u0000b"}}',
    "NUL in a name": b'{"a\\u0000b": 1}',
    "a huge integer": b'{"cart_version": 1' + b"0" * 400 + b"}",
    "an integer of 10 000 digits": b'{"cart_version": 1' + b"0" * 10_000 + b"}",
    "a huge exponent": b'{"cart_version": 1e999}',
    "a huge total": b'{"expected_total": "' + b"9" * 10_000 + b'"}',
    "a fraction": b'{"cart_version": 0.5}',
    "1 000 unknown fields": json.dumps({f"field {number}": number for number in range(1000)}).encode(),
    "a field of Python": b'{"__class__": {}, "__proto__": {}}',
    "gzip": b"\x1f\x8b\x08\x00\x00\x00\x00\x00",
}


@pytest.mark.parametrize("body", MALFORMED.values(), ids=MALFORMED.keys())
def test_a_malformed_body_is_invalid(either_world: World, body: bytes) -> None:
    ada = either_world.shopper()
    answer = checkout(ada, body)
    carries = {"errors"} & answer.json().keys()
    problem(answer, 400, "invalid", *carries)
    assert ada.get("/orders").json()["results"] == []


def test_unknown_fields_are_each_pointed_at(either_world: World) -> None:
    answer = either_world.shopper().checkout({"colour": "red", "note": "x", "shipping_adress": {}})
    assert refused_input(answer) == ["/colour", "/shipping_adress"]


def test_every_invalid_field_is_pointed_at_in_one_response(either_world: World) -> None:
    answer = either_world.shopper().checkout({"note": 1, "cart_version": "x", "expected_total": "x"})
    assert sorted(refused_input(answer)) == ["/cart_version", "/expected_total", "/note"]


# --- hostile headers and addresses ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "accept", ["text/html", "application/xml;q=1, */*;q=0", "", "nonsense", "application/json;q=0", "é"]
)
def test_responses_are_json_whatever_the_accept_header(either_world: World, accept: str) -> None:
    ada = either_world.shopper()
    headers = {"Accept": accept.encode()}
    assert ada.get("/orders", headers=headers).headers["content-type"] == "application/json"
    problem(ada.get("/orders?colour=red", headers=headers), 400, "invalid", "errors")


ODD_HEADERS: list[dict[str, str | bytes]] = [
    {"traceparent": "nonsense"},
    {"traceparent": b"\xff"},
    {"traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-00"},
    {"traceparent": "00-" + "\u0660" * 32 + "-" + "1" * 16 + "-00"},
    {"tracestate": "=" * 5000},
    {"X-Request-ID": b"\xff\xfe"},
    {"X-Request-ID": "%s %d {} \\"},
    {"If-None-Match": b"\xff"},
    {"If-None-Match": '"' * 5000},
    {"If-Match": "nonsense"},
    {"If-Modified-Since": "yesterday"},
    {"Range": "bytes=5-"},
    {"Accept-Language": "*-*-" * 1000},
    {"Accept-Encoding": "br;q=x"},
    {"Cookie": b"\xff=\xff; sessionid=x; csrftoken=;;"},
    {"Content-Type": "application/json; charset=no-such-charset"},
    {"Content-Encoding": "gzip"},
    {"X-Forwarded-For": "'; DROP TABLE orders; --"},
    {"X-Forwarded-Proto": "gopher"},
    {"X-Forwarded-Host": "evil.example"},
    {"X-HTTP-Method-Override": "DELETE"},
    {"Host": "evil.example"},
    {"Host": ""},
    {"Host": "a b"},
    {"Host": "[::1"},
    {"Host": b"\xff"},
    {"Idempotency-Key": "x" * 20_000},
]


@pytest.mark.parametrize("headers", ODD_HEADERS, ids=str)
def test_unusual_headers_are_ignored_or_refused_and_cause_no_failure(
    either_world: World, headers: dict[str, Any]
) -> None:
    ada = either_world.shopper()
    ada.place()
    either_world.sandbox.put_cart(ada.id, [{"product_id": either_world.product(), "quantity": 1}])
    ada.place()
    encoded: Any = {name: value if isinstance(value, bytes) else value.encode() for name, value in headers.items()}
    paths = ("/orders?limit=1", f"/orders/{uuid.uuid4()}", "/orders/quote", "/orders")
    requests = [ada.http.build_request("GET", f"/api/v1{path}", headers=encoded) for path in paths[:2]]
    requests += [ada.http.build_request("POST", f"/api/v1{path}", json={}, headers=encoded) for path in paths[2:]]
    for request in requests:
        answer = ada.http.send(request)
        # The header decides between the usual status and a 4xx, and each of these endpoints reads other headers.
        assert answer.status_code < 500, answer.text
        assert answer.headers["x-request-id"].isascii()
        assert answer.headers["content-type"].startswith("application/")


@pytest.mark.parametrize(
    "host", ["evil.example", "", "a b", "[::1", b"\xff", "localhost@evil.example", "127.0.0.1:80:80"], ids=str
)
def test_an_unknown_host_is_refused_on_every_request_of_the_api(either_world: World, host: str | bytes) -> None:
    ada = either_world.shopper()
    order_id = ada.place()["id"]
    requests = [
        ("GET", "/orders"),
        ("GET", f"/orders/{order_id}"),
        ("GET", f"/orders/{order_id}/stream"),
        ("POST", "/orders"),
    ]
    for method, path in [*requests, ("POST", f"/orders/{order_id}/cancel"), ("GET", "/no/such/thing")]:
        answer = ada.http.request(method, f"/api/v1{path}", headers={"Host": host})  # type: ignore[arg-type]
        problem(answer, 400, "invalid")
        assert "evil.example" not in answer.text
    assert ada.order(order_id)["status"] == "pending"


@pytest.mark.parametrize("host", ["localhost", "LocalHost:8000", "127.0.0.1", "127.0.0.1:80", "localhost."])
def test_an_allowed_host_is_accepted_in_every_form(either_world: World, host: str) -> None:
    assert either_world.customer().get("/orders", headers={"Host": host}).status_code == 200


def test_authentication_is_checked_before_the_body(either_world: World) -> None:
    headers = {"Host": "evil.example", "Authorization": ""}
    problem(either_world.customer().get("/orders", headers=headers), 401, "not_authenticated")


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_a_probe_is_answered_under_any_host(either_world: World, path: str) -> None:
    assert either_world.customer().http.get(path, headers={"Host": "10.1.2.3:8000"}).status_code == 200


ODD_QUERIES = {
    "not UTF-8": "limit=%ff",
    "half a percent": "limit=%",
    "NUL": "%00=%00",
    "2 000 parameters": "&".join(f"p{number}=1" for number in range(2000)),
    "2 000 times the same": "&".join(["limit=5"] * 2000),
    "a long one": "x=" + "y" * 20_000,
    "a list": "limit=1&limit=x",
}


@pytest.mark.parametrize("query", ODD_QUERIES.values(), ids=ODD_QUERIES.keys())
def test_a_malformed_query_is_invalid(either_world: World, query: str) -> None:
    answer = either_world.customer().http.get(f"{either_world.url}/api/v1/orders?{query}")
    problem(answer, 400, "invalid", *({"errors"} & answer.json().keys()))


@pytest.mark.parametrize("query", [b"limit=\xff", b"\xc3\xa9=1"])
def test_a_request_line_that_is_not_ascii_is_answered_400(either_world: World, query: bytes) -> None:
    """The 400 is a problem if the HTTP parser accepts the request line, and uvicorn's own otherwise."""
    token = either_world.stack.token("customer", "c-1")
    head, body = raw(either_world, b"/api/v1/orders?" + query, token)
    assert head.startswith(b"HTTP/1.1 400")
    assert b"Invalid HTTP request" in body or (
        b"application/problem+json" in head.lower() and b"x-request-id" in head.lower()
    ), (head, body)


def raw(world: World, target: bytes, token: str) -> tuple[bytes, bytes]:
    """Return head and body of the response to GET `target`, sent as these bytes."""
    url = httpx.URL(world.url)
    with socket.create_connection((url.host, url.port or 80), timeout=10) as connection:
        lines = [
            b"GET %s HTTP/1.1" % target,
            b"Host: localhost",
            b"Authorization: Bearer " + token.encode(),
            b"Connection: close",
        ]
        connection.sendall(b"\r\n".join(lines) + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _, body = answer.partition(b"\r\n\r\n")
    return head, body


# --- the request's id -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("request_id", ["1", "x" * 200, "with spaces, and ~!{}[]\"'", UNKNOWN_ID])
def test_the_callers_request_id_is_returned(either_world: World, request_id: str) -> None:
    ada = either_world.customer()
    headers = {"X-Request-ID": request_id}
    assert ada.get("/orders", headers=headers).headers["x-request-id"] == request_id
    assert problem(ada.get("/nothing", headers=headers), 404, "not_found")["request_id"] == request_id
    assert ada.http.get("/healthz", headers=headers).headers["x-request-id"] == request_id


@pytest.mark.parametrize("request_id", ["", "x" * 201, "é".encode(), b"\xff", "a\tb", "ID\u00a0".encode()])
def test_a_request_id_that_is_not_1_to_200_printable_ascii_characters_is_replaced(
    either_world: World, request_id: str | bytes
) -> None:
    ada = either_world.customer()
    headers: Any = {"X-Request-ID": request_id}
    replaced = [ada.get(path, headers=headers).headers["x-request-id"] for path in ("/orders", "/orders", "/nothing")]
    assert len({uuid.UUID(each) for each in replaced}) == 3


def test_every_response_has_a_request_id_of_its_own(either_world: World) -> None:
    ada = either_world.customer()
    paths = (
        "/api/v1/orders",
        "/api/v1/nothing",
        "/healthz",
        "/readyz",
        "/metrics",
        "/api/schema",
        "/api/doc",
        "/nothing",
    )
    given = [ada.http.get(path).headers["x-request-id"] for path in paths]
    assert len(set(given)) == len(paths)
