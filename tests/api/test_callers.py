"""Authentication and roles (contract: REST API, "Callers"): 401 without a valid token, 403 for the wrong role."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER
from tests.support.problem import problem
from tests.support.world import World

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
ABSENT = object()


def claims(**changes: Any) -> dict[str, Any]:
    """Return the claims of a customer's valid token with these changes; `ABSENT` leaves a claim out."""
    now = int(time.time())
    good = {"sub": "c-1", "role": "customer", "iat": now, "exp": now + 60, "iss": JWT_ISSUER, "aud": JWT_AUDIENCE}
    return {name: value for name, value in {**good, **changes}.items() if value is not ABSENT}


def signed(world: World, header: dict[str, Any], payload: bytes) -> str:
    """Return a token of exactly this header and payload, signed with the service's secret (HS256)."""
    parts = [base64.urlsafe_b64encode(part).rstrip(b"=") for part in (json.dumps(header).encode(), payload)]
    text = b".".join(parts)
    signature = hmac.new(world.stack.connection_info.jwt_secret.encode(), text, hashlib.sha256).digest()
    return b".".join((text, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()


def token(world: World, **changes: Any) -> str:
    """Return a customer's valid token with these changes to its claims."""
    return signed(world, {"alg": "HS256", "typ": "JWT"}, json.dumps(claims(**changes)).encode())


def ask(world: World, authorization: str | bytes | None) -> httpx.Response:
    """Send GET /orders with this Authorization header, or without one."""
    client = world.person("customer", "nobody").http
    headers: Any = {"Authorization": authorization or ""}
    request = client.build_request("GET", "/api/v1/orders", headers=headers)
    if authorization is None:
        del request.headers["authorization"]
    return client.send(request)


def assert_not_authenticated(answer: httpx.Response) -> None:
    """Check for a 401 that names the scheme and repeats nothing of the token."""
    body = problem(answer, 401, "not_authenticated")
    assert answer.headers["www-authenticate"] == "Bearer"
    assert "eyJ" not in body["detail"]


# --- the header -------------------------------------------------------------------------------------------------------


def test_a_valid_token_is_accepted(either_world: World) -> None:
    assert ask(either_world, f"Bearer {token(either_world)}").status_code == 200


def test_the_scheme_may_be_written_in_any_case(either_world: World) -> None:
    assert ask(either_world, f"bearer {token(either_world)}").status_code == 200


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Bearer",
        "Basic dXNlcjpwYXNz",
        "Bearer x",
        "Bearer a.b.c",
        "Bearer ...",
        "Bearer é.é.é".encode(),
        b"Bearer \xff\xfe",
        "Bearer null",
        "Bearer " + "a" * 20_000,
        "Bearer " + ".".join(["eyJhbGciOiJub25lIn0"] * 50),
        "Token abc",
        "Bearer{}",
    ],
)
def test_a_malformed_authorization_header_is_refused(either_world: World, authorization: str | bytes | None) -> None:
    assert_not_authenticated(ask(either_world, authorization))


@pytest.mark.parametrize("form", ["{}", "Basic {}", "Bearer {}x", "Bearer {0},{0}", "Bearer{}"])
def test_a_token_counts_only_behind_its_scheme(either_world: World, form: str) -> None:
    assert_not_authenticated(ask(either_world, form.format(token(either_world))))


def test_a_token_in_the_query_does_not_count(either_world: World) -> None:
    good = token(either_world)
    assert_not_authenticated(either_world.customer().get(f"/orders?access_token={good}", headers={"Authorization": ""}))


# --- the signature ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "forge",
    [
        lambda world: jwt.encode(claims(), "not the service's secret, but one that is long enough", "HS256"),
        lambda world: jwt.encode(claims(), "", "none"),
        lambda world: jwt.encode(claims(), world.stack.connection_info.jwt_secret, "HS512"),
        lambda world: jwt.encode(claims(), world.stack.connection_info.jwt_secret, "HS384"),
        lambda world: jwt.encode(claims(), RSA_KEY, "RS256"),
        lambda world: signed(world, {"alg": "RS256"}, json.dumps(claims()).encode()),
        lambda world: signed(world, {"alg": "none"}, json.dumps(claims()).encode()),
        lambda world: signed(world, {"alg": "nOnE"}, json.dumps(claims()).encode()),
        lambda world: signed(world, {"typ": "JWT"}, json.dumps(claims()).encode()),
        lambda world: signed(world, {"alg": ["HS256"]}, json.dumps(claims()).encode()),
        lambda world: signed(world, {"alg": "HS256", "crit": ["x"], "x": 1}, json.dumps(claims()).encode()),
        lambda world: token(world).rsplit(".", 1)[0] + ".",
        lambda world: token(world).rsplit(".", 1)[0],
        lambda world: token(world) + "." + token(world),
        lambda world: ".".join([token(world).split(".")[0], *token(world, sub="admin").split(".")[1:2], "AAAA"]),
    ],
    ids=[
        "another secret",
        "alg none",
        "HS512",
        "HS384",
        "RS256 with a key of one's own",
        "RS256 in the header only",
        "none in the header only",
        "nOnE in the header only",
        "no alg",
        "a list of algs",
        "an unknown critical extension",
        "an empty signature",
        "no signature",
        "two tokens",
        "a signature made up",
    ],
)
def test_a_token_without_the_expected_signature_is_refused(either_world: World, forge: Callable[[World], str]) -> None:
    assert_not_authenticated(ask(either_world, f"Bearer {forge(either_world)}"))


def test_another_payload_under_a_valid_signature_is_refused(either_world: World) -> None:
    head, payload, signature = token(either_world).split(".")
    other = token(either_world, role="admin").split(".")[1]
    assert other != payload
    assert_not_authenticated(ask(either_world, f"Bearer {head}.{other}.{signature}"))


@pytest.mark.parametrize("payload", [b"", b"[]", b"null", b'"x"', b"{", b"\xff", b"[" * 3000])
def test_a_signed_payload_that_is_no_object_is_refused(either_world: World, payload: bytes) -> None:
    assert_not_authenticated(ask(either_world, f"Bearer {signed(either_world, {'alg': 'HS256'}, payload)}"))


# --- the claims -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seconds", [-20, -2, 60])
def test_a_token_is_accepted_until_30_seconds_after_its_expiry(either_world: World, seconds: int) -> None:
    assert ask(either_world, f"Bearer {token(either_world, exp=int(time.time()) + seconds)}").status_code == 200


@pytest.mark.parametrize("seconds", [-40, -3600])
def test_a_token_that_expired_earlier_is_refused(either_world: World, seconds: int) -> None:
    assert_not_authenticated(ask(either_world, f"Bearer {token(either_world, exp=int(time.time()) + seconds)}"))


def test_a_token_issued_a_few_seconds_in_the_future_is_accepted(either_world: World) -> None:
    soon = int(time.time()) + 20
    assert ask(either_world, f"Bearer {token(either_world, iat=soon, nbf=soon)}").status_code == 200


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_issued_in_the_future_is_refused(either_world: World, claim: str) -> None:
    changes = {claim: int(time.time()) + 3600, "exp": int(time.time()) + 7200}
    assert_not_authenticated(ask(either_world, f"Bearer {token(either_world, **changes)}"))


@pytest.mark.parametrize("claim", ["exp", "iat", "iss", "aud", "sub", "role"])
def test_a_token_must_have_every_claim(either_world: World, claim: str) -> None:
    assert_not_authenticated(ask(either_world, f"Bearer {token(either_world, **{claim: ABSENT})}"))
    assert_not_authenticated(ask(either_world, f"Bearer {token(either_world, **{claim: None})}"))


@pytest.mark.parametrize(
    "changes",
    [
        {"iss": "somebody-else"},
        {"iss": ["local-users"]},
        {"iss": ""},
        {"aud": "another-service"},
        {"aud": ["another-service"]},
        {"aud": []},
        {"aud": {"order-service": True}},
        {"exp": "tomorrow"},
        {"exp": [9999999999]},
        {"exp": float("inf")},
        {"exp": float("nan")},
        {"iat": "yesterday"},
        {"iat": {}},
        {"nbf": "yesterday"},
        {"sub": ""},
        {"sub": "x" * 65},
        {"sub": 5},
        {"sub": ["c-1"]},
        {"sub": "c\0"},
        {"sub": "c\ud800"},
        {"role": "Customer"},
        {"role": "root"},
        {"role": ""},
        {"role": ["customer"]},
        {"role": ["customer", "admin"]},
        {"role": "customer,admin"},
        {"role": {"customer": True}},
        {"role": 1},
        {"role": True},
        {"role": "vendor"},
        {"role": "vendor", "vendor_id": ""},
        {"role": "vendor", "vendor_id": None},
        {"role": "vendor", "vendor_id": 7},
        {"role": "vendor", "vendor_id": ["v-1"]},
        {"role": "vendor", "vendor_id": "v" * 65},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_a_token_whose_claims_break_the_contract_is_refused(world: World, changes: dict[str, Any]) -> None:
    assert_not_authenticated(ask(world, f"Bearer {token(world, **changes)}"))


def test_a_token_for_several_audiences_is_accepted(either_world: World) -> None:
    assert ask(either_world, f"Bearer {token(either_world, aud=['another', JWT_AUDIENCE])}").status_code == 200


def test_a_subject_of_64_characters_is_accepted(either_world: World) -> None:
    assert ask(either_world, f"Bearer {token(either_world, sub='é' * 64)}").status_code == 200


def test_a_customer_with_a_vendor_id_remains_a_customer(either_world: World) -> None:
    answer = ask(either_world, f"Bearer {token(either_world, vendor_id='v-1')}")
    assert (answer.status_code, answer.json()["results"]) == (200, [])


# --- roles, and the order of the checks -------------------------------------------------------------------------------


@pytest.mark.parametrize(("role", "vendor_id"), [("vendor", "v-1"), ("admin", None)])
def test_only_customers_place_orders_and_request_quotes(either_world: World, role: str, vendor_id: str | None) -> None:
    person = either_world.person(role, "u-1", vendor_id)
    problem(person.checkout(), 403, "permission_denied")
    problem(person.post("/orders/quote"), 403, "permission_denied")


@pytest.mark.parametrize(
    ("content", "content_type"),
    [(b"{", "application/json"), (b"x", "text/plain"), (b" " * 300_000, "application/json")],
    ids=["not JSON", "not of a JSON type", "too large"],
)
def test_the_role_is_checked_before_the_body(either_world: World, content: bytes, content_type: str) -> None:
    vendor, headers = either_world.vendor("v-1"), {"Content-Type": content_type}
    problem(vendor.http.post("/api/v1/orders", content=content, headers=headers), 403, "permission_denied")


def test_the_role_is_checked_before_the_query(either_world: World) -> None:
    problem(either_world.vendor("v-1").get("/orders?colour=red"), 403, "permission_denied")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/orders/00000000-0000-0000-0000-000000000000"),
        ("GET", "/no/such/thing"),
        ("GET", "/"),
        ("DELETE", "/orders"),
        ("GET", "/orders?colour=red"),
        ("POST", "/orders"),
        ("POST", "/orders/quote"),
    ],
)
def test_authentication_is_checked_before_anything_else(either_world: World, method: str, path: str) -> None:
    client = either_world.customer().http
    answer = client.request(method, f"/api/v1{path}", headers={"Authorization": "Bearer x"}, content=b"{")
    assert_not_authenticated(answer)
