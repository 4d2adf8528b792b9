"""Forged tokens and tokens from clocks that differ: no claim counts that the issuer did not sign, nothing fails and
nothing changes (P11, P12).
"""

import base64
import hmac
import json
import math
import time
from collections.abc import Iterator
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER
from tests.support.problem import problem
from tests.support.world import Person, World

RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)

JUNK: list[Any] = [
    None,
    True,
    False,
    0,
    -1,
    2**63,
    10**400,
    1e308,
    float("nan"),
    float("inf"),
    "",
    "\0",
    "\ud800",
    "9" * 5000,
    [],
    [[]],
    {},
    {"$ne": None},
    ["customer", "admin"],
]
"""Values that no claim with a name may have."""


def claims(person: Person, **changes: Any) -> dict[str, Any]:
    """Return the claims of this customer's valid token with these changes."""
    now = int(time.time())
    good = {"sub": person.id, "role": "customer", "iat": now, "exp": now + 60, "iss": JWT_ISSUER, "aud": JWT_AUDIENCE}
    return {**good, **changes}


def signed(key: str | bytes, payload: dict[str, Any] | bytes, header: bytes = b'{"alg":"HS256","typ":"JWT"}') -> str:
    """Return a token of exactly this header and payload, signed with `key` (HS256)."""
    content = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    text = b".".join(encoded(part) for part in (header, content))
    secret = key if isinstance(key, bytes) else key.encode()
    return b".".join((text, encoded(hmac.digest(secret, text, "sha256")))).decode()


def encoded(part: bytes) -> bytes:
    return base64.urlsafe_b64encode(part).rstrip(b"=")


def forgeries(world: World, person: Person) -> Iterator[str]:
    """Yield tokens that the issuer never made, derived from a valid one: each character changed, parts swapped, cut and
    re-signed.
    """
    good = world.stack.token("customer", person.id)
    header, payload, signature = good.split(".")
    for place, letter in enumerate(good[:-1]):  # the last character's low bits are ignored by base64
        other = "A" if letter != "A" else "B"
        yield f"{good[:place]}{other}{good[place + 1 :]}"
        yield f"{good[:place]}{good[place + 1 :]}"
        yield f"{good[:place]}.{good[place:]}"
    for parts in ((payload, header, signature), (header, signature, payload), (header, payload), (payload, signature)):
        yield ".".join(parts)
    for length in range(1, len(good), 9):
        yield good[:length]
    yield from (
        f"{header}.{payload}.",
        f"..{signature}",
        f"{good}.{signature}",
        f"{good}{good}",
        good[::-1],
        good.swapcase(),
    )
    fresh, secret = claims(person), world.stack.connection_info.jwt_secret
    public = RSA_KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for key in ("", "\0", "guessed", secret[:-1], secret.swapcase(), public):
        yield signed(key, fresh)
    for algorithm in ("HS384", "HS512"):
        yield jwt.encode(fresh, secret, algorithm)
    yield jwt.encode(fresh, RSA_KEY, "RS256", headers={"jku": "https://evil.example/keys"})
    yield jwt.encode(fresh, None, "none")  # type: ignore[arg-type]  # this algorithm has no key
    for alg in ("none", "None", "", "RS256", "ES256", "HS384", "hs256", "HS256\\u0000"):
        yield signed(secret, fresh, f'{{"alg":"{alg}"}}'.encode())


def ask(person: Person, token: str, method: str = "GET", path: str = "/orders") -> httpx.Response:
    """Send a request with this token instead of the person's own."""
    return person.http.request(method, f"/api/v1{path}", headers={"Authorization": f"Bearer {token}"})


def test_no_forged_token_is_accepted(world: World) -> None:
    ada = world.shopper()
    order = ada.place()
    world.sql("UPDATE orders SET expires_at = now() + interval '1 hour' WHERE id = %s", order["id"])
    cancel = f"/orders/{order['id']}/cancel"
    for forged in forgeries(world, ada):
        answer = ask(ada, forged, "POST", cancel)
        problem(answer, 401, "not_authenticated")
        assert answer.headers["www-authenticate"] == "Bearer"
    assert ada.order(order["id"])["status"] != "cancelled"
    assert ask(ada, world.stack.token("customer", ada.id), "POST", cancel).status_code == 200


@pytest.mark.parametrize("claim", ["sub", "role", "vendor_id", "iss", "aud"])
def test_a_token_with_a_malformed_claim_is_refused(world: World, claim: str) -> None:
    ada = world.customer()
    role = {"role": "vendor"} if claim == "vendor_id" else {}
    for junk in JUNK:
        token = signed(world.stack.connection_info.jwt_secret, claims(ada, **{**role, claim: junk}))
        problem(ask(ada, token), 401, "not_authenticated")


@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
def test_a_malformed_time_claim_is_refused_and_an_extreme_one_causes_no_failure(world: World, claim: str) -> None:
    ada = world.shopper()
    order_id = ada.place()["id"]
    for junk in JUNK:
        token = signed(world.stack.connection_info.jwt_secret, claims(ada, **{claim: junk}))
        with ada.http.stream(
            "GET", f"/api/v1/orders/{order_id}/stream", headers={"Authorization": f"Bearer {token}"}
        ) as answer:
            # A number is a moment, and any number may lie on the valid side of the claim.
            assert answer.status_code in (200, 401), (junk, answer.status_code)
            if answer.status_code == 200:
                assert isinstance(junk, int | float), junk
                assert next(answer.iter_lines()), junk
            else:
                answer.read()
                problem(answer, 401, "not_authenticated")


def status_of(ada: Person, **moments: int) -> int:
    """Return the status of a request with a token of these time claims."""
    return ask(ada, signed(ada.world.stack.connection_info.jwt_secret, claims(ada, **moments))).status_code


def test_a_token_counts_until_30_seconds_after_its_expiry(world: World) -> None:
    ada, now = world.customer(), time.time()
    assert [status_of(ada, exp=math.ceil(now) - 29), status_of(ada, exp=math.floor(now) - 31)] == [200, 401]


@pytest.mark.parametrize("claim", ["iat", "nbf"])
def test_a_token_counts_from_30_seconds_before_its_beginning(world: World, claim: str) -> None:
    ada, now = world.customer(), time.time()
    assert status_of(ada, **{claim: math.floor(now) + 29}) == 200
    assert status_of(ada, **{claim: math.ceil(now) + 31}) == 401


def test_of_a_repeated_claim_the_last_counts(world: World) -> None:
    """RFC 7519, 4: refused, or the last one; never the more powerful one."""
    ada = world.customer()
    text = json.dumps(claims(ada))
    for first, then in (("admin", "customer"), ("customer", "nobody")):
        content = text.replace('"role": "customer"', f'"role": "{first}", "role": "{then}"')
        answer = ask(ada, signed(world.stack.connection_info.jwt_secret, content.encode()), path="/admin/dead-letters")
        assert answer.status_code == (403 if then == "customer" else 401)
