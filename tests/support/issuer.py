"""An issuer of tokens that publishes its keys (JWKS) and changes them."""

import json
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from compose.connection_info import JWT_AUDIENCE, JWT_ISSUER
from compose.ports import HOST

NEW_KEY: dict[str, Callable[[], Any]] = {
    "RS256": lambda: rsa.generate_private_key(65537, 2048),
    "ES256": lambda: ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate,
}

TO_JWK: dict[str, Callable[[Any], str]] = {
    "RS256": jwt.algorithms.RSAAlgorithm.to_jwk,
    "ES256": jwt.algorithms.ECAlgorithm.to_jwk,
    "EdDSA": jwt.algorithms.OKPAlgorithm.to_jwk,
}


class Issuer:
    """Signs tokens and publishes its keys; `fetches` counts the requests for them."""

    def __init__(self, algorithm: str) -> None:
        self.algorithm = algorithm
        self.keys: dict[str, Any] = {}
        self.published: set[str] = set()
        self.status, self.fetches = 200, 0
        self.goes_on = threading.Event()
        self.goes_on.set()
        issuer = self

        class Handler(BaseHTTPRequestHandler):
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

        self.server = ThreadingHTTPServer((HOST, 0), Handler)
        self.url = f"http://{HOST}:{self.server.server_port}/.well-known/jwks.json"

    def new_key(self, *, publish: bool = True) -> str:
        """Create a key and return its id."""
        key_id = f"k-{uuid.uuid4()}"
        self.keys[key_id] = NEW_KEY[self.algorithm]()
        if publish:
            self.published.add(key_id)
        return key_id

    def document(self) -> bytes:
        """Return the published key set (RFC 7517)."""
        jwks = [json.loads(TO_JWK[self.algorithm](self.keys[key_id].public_key())) for key_id in sorted(self.published)]
        named = [{**jwk, "use": "sig", "kid": kid} for jwk, kid in zip(jwks, sorted(self.published), strict=True)]
        return json.dumps({"keys": named}).encode()

    def token(self, key_id: str, named: str | None = None) -> str:
        """Return a customer's valid token; `named` is its `kid`, the key's id by default."""
        return jwt.encode(claims(), self.keys[key_id], self.algorithm, headers={"kid": named or key_id})


def claims() -> dict[str, Any]:
    """Return a customer's claims, with a `jti` of their own."""
    now = int(time.time())
    identity = {"sub": "c-rotation", "role": "customer", "jti": str(uuid.uuid4())}
    return {**identity, "iat": now, "exp": now + 600, "iss": JWT_ISSUER, "aud": JWT_AUDIENCE}


@contextmanager
def issuing(algorithm: str) -> Iterator[Issuer]:
    """Serve the key set of a new issuer."""
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
