"""The issuer changes its keys while the service runs: seen from outside, with a real server process and a real issuer."""

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


@pytest.fixture(scope="module", params=["RS256", "ES256"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with issuing(request.param) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(stack: Stack, issuer: Issuer) -> Iterator[httpx.Client]:
    """Yield a server process that believes this issuer; the times of its key set are moments."""
    issuer.new_key()  # without one the server never gets ready
    settings = {"JWT_ALGORITHM": issuer.algorithm, "JWT_JWKS_URL": issuer.url}
    with (
        server(stack, f"rotation-{issuer.algorithm}", "tests.support.impatient_client:application", **settings) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield client


def believed(service: httpx.Client, token: str) -> bool:
    """Return whether the service lets this token in."""
    answer = service.get("/api/v1/orders", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code in (200, 401), answer.text
    return answer.status_code == 200


def come_to_be_believed(service: httpx.Client, issuer: Issuer, key_id: str) -> None:
    eventually(lambda: believed(service, issuer.token(key_id)), f"tokens signed with {key_id} to be believed")


def test_a_new_key_is_taken_up_when_a_token_names_it_and_the_old_one_goes_on(
    issuer: Issuer, service: httpx.Client
) -> None:
    old = issuer.new_key()
    come_to_be_believed(service, issuer, old)
    new = issuer.new_key()
    come_to_be_believed(service, issuer, new)
    assert believed(service, issuer.token(old))


def test_a_withdrawn_key_stops_working_and_the_others_go_on(issuer: Issuer, service: httpx.Client) -> None:
    old, new = issuer.new_key(), issuer.new_key()
    come_to_be_believed(service, issuer, old)
    issuer.published.remove(old)
    eventually(lambda: not believed(service, issuer.token(old)), "the withdrawn key to stop working")
    assert believed(service, issuer.token(new))


def test_a_key_that_was_never_published_signs_nothing_whatever_it_is_called(
    issuer: Issuer, service: httpx.Client
) -> None:
    good, foreign = issuer.new_key(), issuer.new_key(publish=False)
    come_to_be_believed(service, issuer, good)
    for name in (foreign, good, "", "../../etc/passwd", "x" * 500):
        assert not believed(service, issuer.token(foreign, name))


def test_made_up_key_ids_do_not_drive_the_service_to_ask_the_issuer_again_and_again(
    issuer: Issuer, service: httpx.Client
) -> None:
    good, foreign = issuer.new_key(), issuer.new_key(publish=False)
    come_to_be_believed(service, issuer, good)
    before, began = issuer.fetches, time.monotonic()
    for _ in range(200):
        assert not believed(service, issuer.token(foreign, str(uuid.uuid4())))
    assert issuer.fetches - before <= 1 + (time.monotonic() - began)  # the floor here is one second


def test_while_the_issuer_fails_the_known_keys_go_on_and_afterwards_new_ones_are_taken_up(
    issuer: Issuer, service: httpx.Client
) -> None:
    known = issuer.new_key()
    come_to_be_believed(service, issuer, known)
    issuer.status = 500
    failed = issuer.fetches + 2

    def has_failed_twice() -> bool:
        assert believed(service, issuer.token(known))
        return issuer.fetches >= failed

    try:
        eventually(has_failed_twice, "two fetches to fail")
    finally:
        issuer.status = 200
    come_to_be_believed(service, issuer, issuer.new_key())


def test_the_public_key_and_the_secret_of_another_algorithm_sign_nothing(
    issuer: Issuer, service: httpx.Client, stack: Stack
) -> None:
    """The old confusion: HS256 with what everyone knows, the public key's text; and the secret that is set beside it."""
    good = issuer.new_key()
    come_to_be_believed(service, issuer, good)
    pem = issuer.keys[good].public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    for secret in (pem, pem.strip(), stack.environment["JWT_SECRET"].encode()):
        for algorithm in ("HS256", issuer.algorithm):
            assert not believed(service, signed_by_hand({"alg": algorithm, "kid": good}, secret))
    assert not believed(service, jwt.encode(claims(), "", "none", headers={"kid": good}))


def signed_by_hand(header: dict[str, str], secret: bytes) -> str:
    """Return a token of this header whose signature is HMAC-SHA256, whatever the header says."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims())]
    signature = hmac.digest(secret, b".".join(parts), hashlib.sha256)
    return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()
