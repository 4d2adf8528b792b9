"""Hostile requests, byte by byte: each is refused as the contract or HTTP has it, and the next request is served (P12).

Requests that a client library can send have their tests in tests/api.
"""

import re
import socket
import uuid
from collections.abc import Callable
from contextlib import ExitStack
from urllib.parse import urlsplit

import pytest

from tests.support.fleet import RECOVERY_SECONDS
from tests.support.world import World, eventually

LONG = 60_000
WAITING = 150
"""More requests than a process admits at once."""

SILENCE_SECONDS = 1
"""The silence after which the server is taken to wait for the rest of the request."""

Request = Callable[[str], bytes]
"""Makes the bytes to send from a token."""


def get(target: str, *lines: str) -> Request:
    return request(f"GET {target} HTTP/1.1", *lines)


def post(*lines: str, body: bytes = b"", path: str = "/api/v1/orders") -> Request:
    """Return a maker of a checkout with these header lines, one of which must declare the length of the body."""
    known = ("Content-Type: application/json", f"Idempotency-Key: {uuid.uuid4()}")
    return request(f"POST {path} HTTP/1.1", *known, *lines, body=body)


def request(first: str, *lines: str, body: bytes = b"") -> Request:
    def make(token: str) -> bytes:
        head = (first, "Host: localhost", f"Authorization: Bearer {token}", "Connection: close", *lines)
        return "\r\n".join((*head, "", "")).encode("latin-1") + body

    return make


def chunked(body: bytes, *lines: str) -> Request:
    return post("Transfer-Encoding: chunked", *lines, body=body)


def raw(text: bytes) -> Request:
    return lambda token: text.replace(b"TOKEN", token.encode())


ORDERS = b"/api/v1/orders HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer TOKEN\r\n"
ORDER_ID = str(uuid.uuid4())

HOSTILE: dict[str, tuple[Request, tuple[int, ...]]] = {
    # the length of the body
    "a length that is a word": (post("Content-Length: two", body=b"{}"), (400,)),
    "a negative length": (post("Content-Length: -2", body=b"{}"), (400,)),
    "a signed length": (post("Content-Length: +2", body=b"{}"), (400,)),
    "a length beyond 64 bits": (post(f"Content-Length: {10**30}", body=b"{}"), (400,)),
    "two lengths": (post("Content-Length: 2", "Content-Length: 3", body=b"{} "), (400,)),
    "a list of lengths": (post("Content-Length: 2, 2", body=b"{}"), (400,)),
    "a length of a terabyte": (post(f"Content-Length: {10**12}", body=b"{}"), ()),
    "a length and chunks": (chunked(b"2\r\n{}\r\n0\r\n\r\n", "Content-Length: 2"), (400,)),
    "less than was promised": (post("Content-Length: 100", body=b"{}"), ()),
    "more than was promised": (post("Content-Length: 1", body=b"{}"), (400,)),
    # chunks
    "a chunk without a size": (chunked(b"\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk of a negative size": (chunked(b"-2\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk beyond 64 bits": (chunked(b"f" * 17 + b"\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk shorter than its size": (chunked(b"3\r\n{}\r\n0\r\n\r\n"), (400,)),
    "a chunk longer than its size": (chunked(b"1\r\n{}\r\n0\r\n\r\n"), (400,)),
    "chunks without an end": (chunked(b"2\r\n{}\r\n"), ()),
    "a long extension": (chunked(b"2;x=" + b"y" * LONG + b"\r\n{}\r\n0\r\n\r\n"), (400, 422)),
    "a token in a trailer": (chunked(b"1\r\n[\r\n0\r\nAuthorization: Bearer x\r\n\r\n"), (400, 401)),
    "one chunk too many": (chunked((b"8000\r\n" + b" " * 0x8000 + b"\r\n") * 9 + b"0\r\n\r\n"), (413,)),
    "an unknown coding": (post("Transfer-Encoding: gzip, chunked", body=b"1\r\n[\r\n0\r\n\r\n"), (400,)),
    # injected lines
    "a lone CR in a header": (get("/api/v1/orders", "X-Request-ID: a\rSet-Cookie: b"), (400,)),
    "a lone LF in a header": (get("/api/v1/orders", "X-Request-ID: a\nIf-Match: b"), (200, 400)),
    "NUL in a header": (get("/api/v1/orders", "X-Request-ID: a\0b"), (400,)),
    "a folded header": (get("/api/v1/orders", "X-Request-ID: a", " b"), (200, 400)),
    "a space before the colon": (get("/api/v1/orders", "X-Request-ID : a"), (200, 400)),
    "a header without a name": (get("/api/v1/orders", ": a"), (400,)),
    "a header without a colon": (get("/api/v1/orders", "nonsense"), (400,)),
    "CR LF in a target": (get("/api/v1/orders%0d%0aSet-Cookie:%20a=b"), (404,)),
    "CR LF in a query": (get("/api/v1/orders?%0d%0aSet-Cookie:%20a=b"), (400,)),
    # the service's own headers
    "two keys": (post("Idempotency-Key: a", "Content-Length: 1", body=b"["), (400,)),
    "a long key": (request("POST /api/v1/orders HTTP/1.1", f"Idempotency-Key: {'k' * LONG}"), (400,)),
    "an If-Match of half a quote": (
        post('If-Match: "', "Content-Length: 2", body=b"{}", path=f"/api/v1/orders/{ORDER_ID}/cancel"),
        (404,),
    ),
    "an If-Match of 60 000 tags": (
        post(
            f"If-Match: {'*,' * (LONG // 2)}", "Content-Length: 2", body=b"{}", path=f"/api/v1/orders/{ORDER_ID}/cancel"
        ),
        (404,),
    ),
    "a long trace": (get("/api/v1/orders", f"traceparent: 00-{'0' * LONG}-1-01"), (200,)),
    "two traces": (get("/api/v1/orders", "traceparent: 00-x", "traceparent: 00-y"), (200,)),
    "two tokens": (get("/api/v1/orders", "Authorization: Bearer x"), (401,)),
    "1 000 headers": (get("/api/v1/orders", *(f"X-{number}: {number}" for number in range(1000))), (200, 400)),
    "a megabyte of headers": (
        get("/api/v1/orders", *(f"X-{number}: {'x' * LONG}" for number in range(18))),
        (200, 400),
    ),
    # targets
    "up and out": (get("/api/v1/orders/../../../../etc/passwd"), (404,)),
    "up and out, encoded": (get("/api/v1/orders/%2e%2e/%2e%2e/%2e%2e/etc/passwd"), (404,)),
    "up and out, encoded twice": (get("/api/v1/orders/%252e%252e%252fetc%252fpasswd"), (404,)),
    "up and out, overlong": (get("/api/v1/orders/%c0%ae%c0%ae/x"), (404,)),
    "a slash in an id": (get(f"/api/v1/orders/{ORDER_ID}%2fhistory"), (404,)),
    "NUL in an id": (get(f"/api/v1/orders/{ORDER_ID}%00"), (404,)),
    "an id in braces": (get(f"/api/v1/orders/%7b{ORDER_ID}%7d"), (404,)),
    "an id without hyphens": (get(f"/api/v1/orders/{ORDER_ID.replace('-', '')}"), (404,)),
    "an id of wide digits": (get("/api/v1/orders/" + "%ef%bc%91" * 32), (404,)),
    "an id of 60 000 characters": (get(f"/api/v1/orders/{'a' * LONG}"), (404,)),
    "half a percent in an id": (get("/api/v1/orders/%"), (404,)),
    "percents that are none": (get("/api/v1/orders/%zz%u0041"), (404,)),
    "not UTF-8 in an id": (get("/api/v1/orders/%ff%fe"), (404,)),
    "a fragment": (get("/api/v1/orders#x"), (200, 400, 404)),
    "another host's address": (get("http://evil.example/api/v1/orders"), (200, 400, 404)),
    "no slash": (get("api/v1/orders"), (400, 404)),
    "an asterisk": (request("OPTIONS * HTTP/1.1"), (400, 404)),
    "a place to connect to": (request("CONNECT evil.example:443 HTTP/1.1"), (400, 404, 405)),
    # methods, versions, protocols
    "a method in small letters": (raw(b"get " + ORDERS + b"\r\n"), (400,)),
    "a method of 60 000 letters": (raw(b"G" * LONG + b" " + ORDERS + b"\r\n"), (400,)),
    "a method that is none": (raw(b"G@T " + ORDERS + b"\r\n"), (400,)),
    "no version": (raw(b"GET /api/v1/orders\r\n\r\n"), (400, 401)),
    "HTTP/2": (raw(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), (400,)),
    "HTTP/9.9": (raw(b"GET /healthz HTTP/9.9\r\nHost: localhost\r\n\r\n"), (400,)),
    "TLS": (raw(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 32), (400,)),
    "a WebSocket": (
        get(
            "/api/v1/orders",
            "Connection: upgrade",
            "Upgrade: websocket",
            "Sec-WebSocket-Version: 13",
            "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
        ),
        (200, 403),
    ),
    "an upgrade to HTTP/2": (get("/api/v1/orders", "Connection: upgrade, HTTP2-Settings", "Upgrade: h2c"), (200,)),
}

SECRETS = ("JWT_SECRET", "SERVICE_TOKEN", "PAYMENT_SIGNING_SECRET", "DJANGO_SECRET_KEY", "DATABASE_URL")


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_request_is_refused_and_the_next_is_served(world: World, what: str) -> None:
    make, statuses = HOSTILE[what]
    ada = world.customer()
    token = world.stack.token("customer", ada.id)
    received = send_raw(world, make(token))
    ensure_clean(world, received, token)
    answered = [int(status) for status in re.findall(rb"^HTTP/1\.1 (\d{3})", received, re.MULTILINE)]
    assert len(answered) == bool(statuses), received
    assert set(answered) <= set(statuses), received
    assert ada.get("/orders").json()["results"] == []


SERVERS_OWN = (b"Invalid HTTP request received.", b"")
"""Responses of uvicorn itself: the request is no HTTP, or asks for a WebSocket."""


def send_raw(world: World, sent: bytes) -> bytes:
    """Send these bytes and return the server's output until it closes the connection or falls silent."""
    address, received = urlsplit(world.url), b""
    with socket.create_connection((address.hostname, address.port), timeout=SILENCE_SECONDS) as connection:
        try:
            connection.sendall(sent)
            while more := connection.recv(65536):
                received += more
        except (TimeoutError, ConnectionError):
            pass  # it has closed the connection, or waits for more
    return received


def ensure_clean(world: World, received: bytes, token: str) -> None:
    """Check that each refusal is a problem or the server's own 400, and that none reveals internals."""
    for answer in re.split(rb"(?=HTTP/1\.1 \d{3})", received)[1:]:
        head, _, body = answer.partition(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 2"):
            assert body in SERVERS_OWN or b"application/problem+json" in head.lower(), answer
        assert b"set-cookie" not in head.lower(), answer
    hidden = [token, *(world.stack.environment[name] for name in SECRETS), "Traceback", "site-packages"]
    assert not [secret for secret in hidden if secret.encode() in received], received


def test_pipelined_requests_are_answered_separately_and_in_order(world: World) -> None:
    ada, eve = world.shopper(), world.customer()
    order = ada.place()
    path = f"/api/v1/orders/{order['id']}"
    ask = "GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nX-Request-ID: {number}\r\n{more}\r\n"
    callers = [ada, eve, ada, eve]
    packet = "".join(
        ask.format(
            path=path,
            token=world.stack.token("customer", caller.id),
            number=number,
            more="Connection: close\r\n" if number == len(callers) - 1 else "",
        )
        for number, caller in enumerate(callers)
    )
    received = send_raw(world, packet.encode())
    assert re.findall(rb"HTTP/1\.1 (\d{3})", received) == [b"200", b"404", b"200", b"404"], received
    assert re.findall(rb"(?i)^x-request-id: (\d)", received, re.MULTILINE) == [b"0", b"1", b"2", b"3"], received


def test_bodies_that_never_arrive_block_no_other_request(world: World) -> None:
    ada = world.shopper()
    address = urlsplit(world.url)
    promise = post("Content-Length: 100", path=f"/api/v1/orders/{ORDER_ID}/cancel")("nobody")
    with ExitStack() as crowd:
        for _ in range(WAITING):
            connection = socket.create_connection((address.hostname, address.port), timeout=5)
            crowd.enter_context(connection).sendall(promise)
        eventually(lambda: ada.get("/orders").status_code == 200, "a customer's request to be served", RECOVERY_SECONDS)
