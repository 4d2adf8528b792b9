"""Key rotation at the issuer while the service runs, with a real server process and a real issuer."""

import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import Iterator

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from compose.stack import Stack
from tests.support.issuer import Issuer, claims, issuing
from tests.support.server import server
from tests.support.world import eventually


@pytest.fixture(scope="module", params=["RS256", "ES256", "EdDSA"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with issuing(request.param) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(stack: Stack, issuer: Issuer) -> Iterator[httpx.Client]:
    """Yield a server process that trusts this issuer, with the intervals of its key set cut to moments."""
    issuer.new_key()  # without a key the server never becomes ready
    settings = {"JWT_ALGORITHM": issuer.algorithm, "JWT_JWKS_URL": issuer.url}
    with (
        server(stack, f"rotation-{issuer.algorithm}", "tests.support.impatient_client:application", **settings) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield client


def is_accepted(service: httpx.Client, token: str) -> bool:
    """Return whether the service accepts this token; any status but 200 and 401 fails the test."""
    answer = service.get("/api/v1/orders", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def wait_until_accepted(service: httpx.Client, issuer: Issuer, key_id: str) -> None:
    eventually(lambda: is_accepted(service, issuer.token(key_id)), f"tokens signed with {key_id} to be accepted")


def test_a_new_key_is_fetched_when_a_token_names_it_and_the_old_one_stays_valid(
    issuer: Issuer, service: httpx.Client
) -> None:
    old = issuer.new_key()
    wait_until_accepted(service, issuer, old)
    new = issuer.new_key()
    wait_until_accepted(service, issuer, new)
    assert is_accepted(service, issuer.token(old))


def test_a_withdrawn_key_expires_and_the_others_stay_valid(issuer: Issuer, service: httpx.Client) -> None:
    old, new = issuer.new_key(), issuer.new_key()
    wait_until_accepted(service, issuer, old)
    issuer.published.remove(old)
    eventually(lambda: not is_accepted(service, issuer.token(old)), "the withdrawn key to stop working")
    assert is_accepted(service, issuer.token(new))


def test_a_token_of_an_unpublished_key_is_refused_whatever_its_key_id(issuer: Issuer, service: httpx.Client) -> None:
    good, foreign = issuer.new_key(), issuer.new_key(publish=False)
    wait_until_accepted(service, issuer, good)
    for name in (foreign, good, "", "../../etc/passwd", "x" * 500):
        assert not is_accepted(service, issuer.token(foreign, name))


def test_unknown_key_ids_do_not_cause_repeated_fetches(issuer: Issuer, service: httpx.Client) -> None:
    good, foreign = issuer.new_key(), issuer.new_key(publish=False)
    wait_until_accepted(service, issuer, good)
    before, began = issuer.fetches, time.monotonic()
    for _ in range(200):
        assert not is_accepted(service, issuer.token(foreign, str(uuid.uuid4())))
    assert issuer.fetches - before <= 1 + (time.monotonic() - began)  # the floor here is one second


def test_while_the_issuer_fails_known_keys_stay_valid_and_new_ones_are_fetched_afterwards(
    issuer: Issuer, service: httpx.Client
) -> None:
    known = issuer.new_key()
    wait_until_accepted(service, issuer, known)
    issuer.status = 500
    failed = issuer.fetches + 2

    def has_failed_twice() -> bool:
        assert is_accepted(service, issuer.token(known))
        return issuer.fetches >= failed

    try:
        eventually(has_failed_twice, "two fetches to fail")
    finally:
        issuer.status = 200
    wait_until_accepted(service, issuer, issuer.new_key())


def test_a_token_signed_with_the_public_key_or_an_unused_secret_is_refused(
    issuer: Issuer, service: httpx.Client, stack: Stack
) -> None:
    """Algorithm confusion: HS256 with the public key's text, which is public, and with the secret that is configured beside it."""
    good = issuer.new_key()
    wait_until_accepted(service, issuer, good)
    pem = issuer.keys[good].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), stack.environment["JWT_SECRET"].encode()):
        for algorithm in ("HS256", issuer.algorithm):
            assert not is_accepted(service, signed_by_hand({"alg": algorithm, "kid": good}, secret))
    assert not is_accepted(service, jwt.encode(claims(), "", "none", headers={"kid": good}))


def signed_by_hand(header: dict[str, str], secret: bytes) -> str:
    """Return a token with this header and an HMAC-SHA256 signature, whatever algorithm the header names."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims())]
    signature = hmac.digest(secret, b".".join(parts), hashlib.sha256)
    return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()
