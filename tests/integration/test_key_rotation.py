"""The issuer changes its keys while the service runs: seen from outside, with a real server process and a real issuer."""

import base64
import hashlib
import hmac
import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from compose.ports import HOST
from compose.site import JWT_AUDIENCE, JWT_ISSUER
from compose.stack import Stack
from tests.support.server import server
from tests.support.world import eventually

NEW_KEY: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
}
TO_JWK: dict[str, Callable[[Any], str]] = {
    "RS256": jwt.algorithms.RSAAlgorithm.to_jwk,
    "ES256": jwt.algorithms.ECAlgorithm.to_jwk,
}


class Issuer:
    """Signs tokens and publishes its keys; `fetches` counts how often it was asked for them."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.keys: dict[str, Any] = {}
        self.published: set[str] = set()
        self.status, self.fetches = 200, 0
        self.goes_on = threading.Event()
        self.goes_on.set()
        issuer = self

        class Door(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                issuer.fetches += 1
                issuer.goes_on.wait()
                body = issuer.document()
                self.send_response(issuer.status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = ThreadingHTTPServer((HOST, 0), Door)
        self.url = f"http://{HOST}:{self.server.server_port}/.well-known/jwks.json"

    def new_key(self, *, publish: bool = True) -> str:
        """The id of a new key."""
        key_id = f"k-{uuid.uuid4()}"
        self.keys[key_id] = NEW_KEY[self.algorithm]()
        if publish:
            self.published.add(key_id)
        return key_id

    def document(self) -> bytes:
        """What is published."""
        jwks = [json.loads(TO_JWK[self.algorithm](self.keys[key_id].public_key())) for key_id in sorted(self.published)]
        named = [{**jwk, "use": "sig", "kid": kid} for jwk, kid in zip(jwks, sorted(self.published), strict=True)]
        return json.dumps({"keys": named}).encode()

    def token(self, key_id: str, named: str | None = None) -> str:
        """A customer's good token; `named` is what it calls its key, if not by its id."""
        return jwt.encode(claims(), self.keys[key_id], self.algorithm, headers={"kid": named or key_id})


def claims() -> dict[str, Any]:
    """A customer's, unlike those of any other token."""
    now = int(time.time())
    who = {"sub": "c-rotation", "role": "customer", "jti": str(uuid.uuid4())}
    return {**who, "iat": now, "exp": now + 600, "iss": JWT_ISSUER, "aud": JWT_AUDIENCE}


@contextmanager
def issuing(algorithm: str) -> Iterator[Issuer]:
    """An issuer that can be asked."""
    issuer = Issuer(algorithm)
    thread = threading.Thread(target=issuer.server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield issuer
    finally:
        issuer.goes_on.set()
        issuer.server.shutdown()
        issuer.server.server_close()
        thread.join()


@pytest.fixture(scope="module", params=["RS256", "ES256"])
def issuer(request: pytest.FixtureRequest) -> Iterator[Issuer]:
    with issuing(request.param) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def service(stack: Stack, issuer: Issuer) -> Iterator[httpx.Client]:
    """A server process that believes this issuer; the times of its key set are moments."""
    issuer.new_key()  # without one the server never gets ready
    settings = {"JWT_ALGORITHM": issuer.algorithm, "JWT_JWKS_URL": issuer.url}
    with (
        server(stack, f"rotation-{issuer.algorithm}", "tests.support.impatient_client:application", **settings) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield client


def believed(service: httpx.Client, token: str) -> bool:
    """Whether the service lets this token in."""
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
    """A token of this header whose signature is HMAC-SHA256, whatever the header says."""
    parts = [base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=") for part in (header, claims())]
    signature = hmac.digest(secret, b".".join(parts), hashlib.sha256)
    return b".".join((*parts, base64.urlsafe_b64encode(signature).rstrip(b"="))).decode()
