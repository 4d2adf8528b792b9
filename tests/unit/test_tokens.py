"""Authentication: tokens signed with the configured key are accepted, all others refused."""

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import SimpleNamespace
from typing import Any
from unittest.mock import Mock

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from django.test import override_settings

from clients import jwks as keys_module
from clients.jwks import JWKSCache
from orders.domain.callers import Caller
from orders.domain.errors import DependencyUnavailable, NotAuthenticated
from orders.http import authentication as tokens_module
from orders.http.authentication import JWTAuthenticator
from tests.support.raw_server import Peer, RawServer, serving, silence

pytestmark = pytest.mark.usefixtures("one_tls_context")

SECRET = "a secret shared with the issuer, of 64 characters at least so that it would do for HS512 too"
ISSUER, AUDIENCE = "https://users.example.com", "order-service"
ALGORITHMS = ["RS256", "ES256", "EdDSA"]
PRIVATE: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
OTHERS: dict[str, Any] = {
    "RS256": rsa.generate_private_key(65537, 2048),
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
"""Untrusted keys of the same kind."""

NEXT = ed25519.Ed25519PrivateKey.generate()


@contextmanager
def trusting(
    algorithm: str = "HS256", *public_keys: str, jwks_url: str = "", secret: str = SECRET, fallback: str = ""
) -> Iterator[None]:
    with override_settings(
        JWT_ALGORITHM=algorithm,
        JWT_SECRET=secret,
        JWT_SECRET_FALLBACK=fallback,
        JWT_PUBLIC_KEYS=list(public_keys),
        JWT_JWKS_URL=jwks_url,
        JWT_ISSUER=ISSUER,
        JWT_AUDIENCE=AUDIENCE,
    ):
        yield


def pem(private: Any) -> str:
    return str(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode())


def claims(**changed: Any) -> dict[str, Any]:
    """Return the claims of a customer's token with changes; None leaves one out."""
    now = int(time.time())
    usual = {"sub": "u-1", "role": "customer", "iss": ISSUER, "aud": AUDIENCE, "iat": now, "exp": now + 60}
    return {name: value for name, value in (usual | changed).items() if value is not None}


def token(key: Any = SECRET, algorithm: str = "HS256", kid: str | None = None, **changed: Any) -> str:
    return jwt.encode(claims(**changed), key, algorithm, headers={"kid": kid} if kid else None)


def encoded(part: bytes) -> str:
    return base64.urlsafe_b64encode(part).rstrip(b"=").decode()


def raw_token(header: bytes, payload: bytes, secret: bytes = SECRET.encode()) -> str:
    """Return a token of any content, signed with HMAC-SHA256."""
    signed = f"{encoded(header)}.{encoded(payload)}"
    return f"{signed}.{encoded(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


async def caller(given: str, tokens: JWTAuthenticator | None = None) -> Caller:
    if tokens is not None:
        return await tokens.caller(f"Bearer {given}")
    with trusting():
        return await JWTAuthenticator(None).caller(f"Bearer {given}")


async def refusal(given: str, tokens: JWTAuthenticator | None = None) -> str:
    with pytest.raises(NotAuthenticated) as refused:
        await caller(given, tokens)
    assert given not in str(refused.value)
    return str(refused.value)


async def is_accepted(given: str, tokens: JWTAuthenticator) -> bool:
    try:
        return bool(await caller(given, tokens))
    except NotAuthenticated:
        return False


# --- claims -----------------------------------------------------------------------------------------------------------


async def test_a_valid_token_names_the_caller() -> None:
    assert await caller(token(exp=2_000_000_000)) == Caller("u-1", "customer", None, 2_000_000_000)
    assert (await caller(token(role="admin"))).role == "admin"
    vendor = await caller(token(role="vendor", vendor_id="v-1"))
    assert (vendor.role, vendor.vendor_id) == ("vendor", "v-1")


async def test_only_a_vendor_has_a_vendor_id() -> None:
    assert (await caller(token(role="customer", vendor_id="v-1"))).vendor_id is None
    assert (await caller(token(role="admin", vendor_id="v-1"))).vendor_id is None


@pytest.mark.parametrize("claim", ["sub", "role", "iss", "aud", "iat", "exp"])
async def test_a_token_that_lacks_a_claim_is_refused(claim: str) -> None:
    changed: dict[str, Any] = {claim: None}
    await refusal(token(**changed))


@pytest.mark.parametrize(
    "role", ["", "Customer", "root", "customer ", ["customer"], ["admin", "customer"], {}, True, 1]
)
async def test_a_role_is_exactly_one_of_three_values(role: object) -> None:
    assert "role" in await refusal(token(role=role, vendor_id="v-1"))


@pytest.mark.parametrize("vendor_id", [None, "", 7, ["v-1"], "v" * 65, "v\0"])
async def test_a_vendor_has_a_vendor_id(vendor_id: object) -> None:
    assert "vendor_id" in await refusal(token(role="vendor", vendor_id=vendor_id))


@pytest.mark.parametrize("subject", ["", "u" * 65, "u\0"])
async def test_a_subject_has_1_to_64_characters(subject: str) -> None:
    assert "sub" in await refusal(token(sub=subject))
    assert (await caller(token(sub="é" * 64))).id == "é" * 64


@pytest.mark.parametrize("claim", ["sub", "vendor_id"])
async def test_a_lone_surrogate_is_no_id(claim: str) -> None:
    """A lone surrogate fits into no URL and no database."""
    payload = json.dumps(claims(role="vendor", vendor_id="v-1") | {claim: "u-\ud800"}).encode()
    await refusal(raw_token(b'{"alg":"HS256"}', payload))


@pytest.mark.parametrize("subject", [7, ["u-1"], {"id": "u-1"}, True])
async def test_a_subject_is_text(subject: object) -> None:
    await refusal(raw_token(b'{"alg":"HS256"}', json.dumps(claims(sub=subject)).encode()))


@pytest.mark.parametrize("seconds", [20, -20])
async def test_clocks_may_differ_by_half_a_minute(seconds: int) -> None:
    now = int(time.time())
    await caller(token(iat=now + seconds, nbf=now + seconds, exp=now - 20))


@pytest.mark.parametrize("changed", [{"exp": -40}, {"iat": 40, "exp": 90}, {"nbf": 40, "exp": 90}])
async def test_clocks_may_not_differ_by_more(changed: dict[str, int]) -> None:
    moments: dict[str, Any] = {name: int(time.time()) + seconds for name, seconds in changed.items()}
    await refusal(token(**moments))


@pytest.mark.parametrize(
    "changed",
    [{"iss": "https://evil.example.com"}, {"iss": ISSUER + "/"}, {"aud": "another"}, {"aud": ["a", "b"]}],
)
async def test_a_token_of_another_issuer_or_for_another_service_is_refused(changed: dict[str, Any]) -> None:
    assert "not for this service" in await refusal(token(**changed))


async def test_a_token_may_be_for_several_services_if_this_is_one() -> None:
    assert (await caller(token(aud=["shop", AUDIENCE]))).id == "u-1"


@pytest.mark.parametrize(
    "moment", ["Infinity", "-Infinity", "NaN", "1e400", '"soon"', "null", "[]", "{}", "true", "9" * 5000]
)
@pytest.mark.parametrize("claim", ["exp", "iat", "nbf"])
async def test_a_malformed_time_claim_causes_no_failure(claim: str, moment: str) -> None:
    payload = json.dumps(claims() | {claim: "here"}).replace('"here"', moment).encode()
    with suppress(NotAuthenticated):
        assert (await caller(raw_token(b'{"alg":"HS256"}', payload))).id == "u-1"


# --- the header and the form ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(scheme: str) -> None:
    with trusting():
        assert (await JWTAuthenticator(None).caller(f"{scheme} {token()}")).id == "u-1"


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Basic dTpw", "Token x", "Bearer  x y", "\0", "é"])
async def test_a_malformed_authorization_header_is_refused_without_a_failure(header: str) -> None:
    with trusting(), pytest.raises(NotAuthenticated):
        await JWTAuthenticator(None).caller(header)


GOOD = claims()
NONSENSE = [
    "x",
    "a.b",
    "a.b.c",
    "a.b.c.d",
    "..",
    "é.é.é",
    "\ud800",
    "a" * 8193,
    ".".join(["a" * 2000] * 3),
    raw_token(b"", json.dumps(GOOD).encode()),
    raw_token(b"[]", json.dumps(GOOD).encode()),
    raw_token(b"null", json.dumps(GOOD).encode()),
    raw_token(b'{"alg":null}', json.dumps(GOOD).encode()),
    raw_token(b'{"alg":["HS256"]}', json.dumps(GOOD).encode()),
    raw_token(b'{"alg":{}}', json.dumps(GOOD).encode()),
    raw_token(b'{"typ":"JWT"}', json.dumps(GOOD).encode()),
    raw_token(b'{"alg":"HS256","kid":7}', json.dumps(GOOD).encode()),
    raw_token(b'{"alg":"HS256","crit":["exp"]}', json.dumps(GOOD).encode()),
    raw_token(b'{"alg":"HS256","b64":false,"crit":["b64"]}', json.dumps(GOOD).encode()),
    raw_token(b'{"alg":"HS256"}', b""),
    raw_token(b'{"alg":"HS256"}', b"[]"),
    raw_token(b'{"alg":"HS256"}', b"null"),
    raw_token(b'{"alg":"HS256"}', b"\xff\xfe"),
    raw_token(b'{"alg":"HS256"}', b"[" * 3000),
    raw_token(b"[" * 3000, json.dumps(GOOD).encode()),
]


@pytest.mark.parametrize("nonsense", NONSENSE, ids=range(len(NONSENSE)))
async def test_a_malformed_token_is_refused(nonsense: str) -> None:
    with trusting(), pytest.raises(NotAuthenticated):
        await JWTAuthenticator(None).caller(f"Bearer {nonsense}")


async def test_every_altered_character_is_detected() -> None:
    good = token()
    for place in range(0, len(good) - 1, 7):
        if good[place] != ".":
            other = "A" if good[place] != "A" else "B"
            await refusal(good[:place] + other + good[place + 1 :])


# --- the cache of verified tokens -------------------------------------------------------------------------------------


async def test_a_verified_token_is_verified_again_after_a_minute_or_its_expiry(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = time.time()
    clock = Mock(time=Mock(return_value=now))
    monkeypatch.setattr(tokens_module, "time", clock)
    with trusting():
        tokens = JWTAuthenticator(None)
        verified = Mock(wraps=tokens._decoder.decode)
        monkeypatch.setattr(tokens._decoder, "decode", verified)
        lasting, ending = token(exp=int(now) + 1000), token(exp=int(now))
        for seconds, verifications in ((0, 2), (tokens_module.LEEWAY_SECONDS - 1, 2), (31, 3), (62, 5)):
            clock.time.return_value = int(now) + seconds
            for given in (lasting, ending):
                await caller(given, tokens)
            assert verified.call_count == verifications


async def test_the_cache_of_tokens_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens_module, "REMEMBERED", 10)
    with trusting():
        tokens = JWTAuthenticator(None)
        for _ in range(25):
            await caller(token(jti=str(uuid.uuid4())), tokens)
            assert len(tokens._verified) <= 10


async def test_a_refused_token_is_not_cached_as_another() -> None:
    with trusting():
        tokens = JWTAuthenticator(None)
        good = token()
        assert (await caller(good, tokens)).id == "u-1"
        for other in (good[:-2], good + "A", good.upper(), token(SECRET + "x")):
            await refusal(other, tokens)


# --- signatures -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["HS384", "HS512"])
async def test_another_algorithm_with_the_right_secret_is_refused(algorithm: str) -> None:
    await refusal(token(algorithm=algorithm))


UNSIGNED = ["none", "None", "NONE", "nOnE", ""]


def unsigned(alg: str) -> str:
    return f"{encoded(json.dumps({'alg': alg}).encode())}.{encoded(json.dumps(claims()).encode())}."


@pytest.mark.parametrize("alg", UNSIGNED)
async def test_an_unsigned_token_is_refused(alg: str) -> None:
    await refusal(unsigned(alg))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("alg", UNSIGNED)
async def test_an_unsigned_token_is_refused_where_a_public_key_is_trusted(alg: str, algorithm: str) -> None:
    with trusting(algorithm, pem(PRIVATE[algorithm])):
        await refusal(unsigned(alg), JWTAuthenticator(None))


async def test_another_secret_is_refused() -> None:
    assert "signature" in await refusal(token(SECRET + "x"))


async def test_with_a_fallback_the_tokens_of_both_secrets_are_accepted_and_no_other() -> None:
    old, new = SECRET, SECRET[::-1]
    for secret, fallback in ((new, old), (old, new)):
        with trusting(secret=secret, fallback=fallback):
            tokens = JWTAuthenticator(None)
            assert await is_accepted(token(old), tokens)
            assert await is_accepted(token(new), tokens)
            assert "signature" in await refusal(token(old + new), tokens)
            assert "expired" in await refusal(token(old, exp=1), tokens)
            assert "expired" in await refusal(token(new, exp=1), tokens)
            await refusal(unsigned("none"), tokens)
            await refusal(token(old, "HS512"), tokens)
    with trusting(secret=new):
        assert not await is_accepted(token(old), JWTAuthenticator(None))


async def test_each_secret_verifies_a_token_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with trusting(secret=SECRET[::-1], fallback=SECRET):
        tokens = JWTAuthenticator(None)
        verified = Mock(wraps=tokens._decoder.decode)
        monkeypatch.setattr(tokens._decoder, "decode", verified)
        await refusal(token("another secret, of thirty-two characters"), tokens)
        assert verified.call_count == 2


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_with_two_public_keys_the_tokens_of_both_are_accepted_and_no_other(algorithm: str) -> None:
    old, new = PRIVATE[algorithm], OTHERS[algorithm]
    with trusting(algorithm, pem(new), pem(old)):
        tokens = JWTAuthenticator(None)
        assert await is_accepted(token(old, algorithm), tokens)
        assert await is_accepted(token(new, algorithm), tokens)
        await refusal(token(SECRET), tokens)
    with trusting(algorithm, pem(new)):
        assert not await is_accepted(token(old, algorithm), JWTAuthenticator(None))


async def test_a_fallback_is_no_key_of_a_public_algorithm() -> None:
    with trusting("EdDSA", pem(PRIVATE["EdDSA"]), fallback=SECRET):
        await refusal(token(SECRET), JWTAuthenticator(None))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_signed_with_the_private_key_is_accepted(algorithm: str) -> None:
    with trusting(algorithm, pem(PRIVATE[algorithm])):
        assert (await caller(token(PRIVATE[algorithm], algorithm), JWTAuthenticator(None))).id == "u-1"
        assert (await caller(token(PRIVATE[algorithm], algorithm, kid="any"), JWTAuthenticator(None))).id == "u-1"


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_signed_with_another_key_is_refused(algorithm: str) -> None:
    with trusting(algorithm, pem(PRIVATE[algorithm])):
        await refusal(token(OTHERS[algorithm], algorithm), JWTAuthenticator(None))
        for other in ALGORITHMS:
            if other != algorithm:
                await refusal(token(PRIVATE[other], other), JWTAuthenticator(None))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_secret_is_not_accepted_with_a_public_key_algorithm(algorithm: str) -> None:
    with trusting(algorithm, pem(PRIVATE[algorithm])):
        await refusal(token(), JWTAuthenticator(None))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_the_public_key_is_not_accepted_as_a_secret(algorithm: str) -> None:
    """Algorithm confusion: an HS256 token "signed" with the text of the public key, which is public."""
    public = pem(PRIVATE[algorithm])
    private = PRIVATE[algorithm].public_key()
    ways = [public, public.strip(), public.replace("\n", "\\n")]
    ways += [private.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo).decode("latin-1")]
    with trusting(algorithm, public):
        tokens = JWTAuthenticator(None)
        for alg in ("HS256", algorithm):
            for way in ways:
                forged = raw_token(
                    json.dumps({"alg": alg}).encode(), json.dumps(claims()).encode(), way.encode("latin-1")
                )
                await refusal(forged, tokens)


async def test_keys_inside_a_token_are_ignored() -> None:
    evil = OTHERS["RS256"]
    jwk = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(evil.public_key()))
    headers = {"jwk": jwk, "jku": "http://127.0.0.1:1/", "x5u": "http://127.0.0.1:1/", "kid": "../../dev/null"}
    forged = jwt.encode(claims(), evil, "RS256", headers=headers)
    with trusting("RS256", pem(PRIVATE["RS256"])):
        await refusal(forged, JWTAuthenticator(None))


# --- published keys ---------------------------------------------------------------------------------------------------


class Issuer:
    """Publishes keys; `publish` replaces them, `status` and `body` damage the response."""

    def __init__(self, server: RawServer) -> None:
        self.server, self.status, self.body = server, 200, b""

    def publish(self, *keys: dict[str, Any]) -> None:
        self.status, self.body = 200, json.dumps({"keys": keys}).encode()

    @property
    def fetches(self) -> int:
        return len(self.server.requests)


class Clock:
    """The clock of the key set, set by hand."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


def published(private: Any, kid: str | None, **more: Any) -> dict[str, Any]:
    kinds: dict[type, Callable[[Any], str]] = {
        rsa.RSAPrivateKey: jwt.algorithms.RSAAlgorithm.to_jwk,
        ec.EllipticCurvePrivateKey: jwt.algorithms.ECAlgorithm.to_jwk,
        ed25519.Ed25519PrivateKey: jwt.algorithms.OKPAlgorithm.to_jwk,
    }
    [to_jwk] = [to_jwk for kind, to_jwk in kinds.items() if isinstance(private, kind)]
    jwk = {"use": "sig", **json.loads(to_jwk(private.public_key())), **more}
    return jwk if kid is None else jwk | {"kid": kid}


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(keys_module, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@asynccontextmanager
async def issuing(algorithm: str = "EdDSA") -> AsyncIterator[tuple[Issuer, JWTAuthenticator]]:
    """Yield an issuer with an address for its keys, and the authenticator of a service that trusts it."""

    async def answer(peer: Peer) -> None:
        while await peer.request():
            await asyncio.sleep(0.001)
            head = f"HTTP/1.1 {issuer.status} X\r\nContent-Length: {len(issuer.body)}\r\n\r\n"
            await peer.send(head.encode() + issuer.body)

    async with serving(answer) as server:
        issuer = Issuer(server)
        keys = JWKSCache(f"{server.url}/.well-known/jwks.json", algorithm)
        with trusting(algorithm, jwks_url=f"{server.url}/.well-known/jwks.json"):
            yield issuer, JWTAuthenticator(keys)
        await keys.close()


def by(kid: str | None = None, private: Any = PRIVATE["EdDSA"], algorithm: str = "EdDSA") -> str:
    """Return a new token, unlike all others, because a verified token may be cached."""
    return token(private, algorithm, kid, jti=str(uuid.uuid4()))


@pytest.mark.parametrize("algorithm", ALGORITHMS)
async def test_a_token_signed_with_a_published_key_is_accepted(algorithm: str) -> None:
    async with issuing(algorithm) as (issuer, tokens):
        issuer.publish(published(PRIVATE[algorithm], "k-1"), published(OTHERS[algorithm], "k-2"))
        assert (await caller(by("k-1", PRIVATE[algorithm], algorithm), tokens)).id == "u-1"
        assert (await caller(by("k-2", OTHERS[algorithm], algorithm), tokens)).id == "u-1"
        await refusal(by("k-2", PRIVATE[algorithm], algorithm), tokens)
        assert issuer.fetches == 1


async def test_nothing_is_fetched_before_the_first_token() -> None:
    async with issuing() as (issuer, _):
        assert issuer.fetches == 0


async def test_the_issuer_is_not_asked_for_a_compressed_response() -> None:
    """The transport refuses compressed responses, so an issuer behind a compressing proxy would publish no keys."""
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        await caller(by("k-1"), tokens)
        asked = issuer.server.requests[0].lower().split(b"\r\n")
        encodings = [line.partition(b":")[2].strip() for line in asked if line.startswith(b"accept-encoding:")]
        assert encodings in ([], [b"identity"])


async def test_a_token_without_a_key_id_fits_the_only_key() -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"), published(PRIVATE["RS256"], "k-2"))
        assert (await caller(by(), tokens)).id == "u-1"


@pytest.mark.parametrize("ids", [("k-1", "k-2"), (None, None), ("same", "same")])
async def test_a_token_without_a_key_id_is_tried_with_each_key(ids: tuple[str | None, str | None]) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], ids[0]), published(NEXT, ids[1]), published(PRIVATE["RS256"], "k-3"))
        for signed in (by(), by(None, NEXT)):
            assert (await caller(signed, tokens)).id == "u-1"
        await refusal(by(None, OTHERS["EdDSA"]), tokens)
        await refusal(by(None, PRIVATE["RS256"], "RS256"), tokens)
        assert issuer.fetches == 1


async def test_two_keys_of_one_id_are_both_tried() -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"), published(NEXT, "k-1"))
        for signed in (by("k-1"), by("k-1", NEXT)):
            assert (await caller(signed, tokens)).id == "u-1"


async def test_a_new_key_is_fetched_when_a_token_without_a_key_id_fits_none(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], None))
        await caller(by(), tokens)
        issuer.publish(published(NEXT, None))
        clock.now += keys_module.FLOOR_SECONDS
        assert (await caller(by(None, NEXT), tokens)).id == "u-1"
        await refusal(by(), tokens)
        assert issuer.fetches == 2


async def test_until_the_first_keys_are_fetched_tokens_are_refused_temporarily_only(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.status = 503
        for given in (by("k-1"), by(), by("k-1", OTHERS["EdDSA"])):
            with pytest.raises(DependencyUnavailable) as away:
                await caller(given, tokens)
            assert (away.value.extra, away.value.retry_after) == ({"dependency": "identity"}, keys_module.RETRY_SECONDS)
        assert issuer.fetches == 1
        for nonsense in ("x", "a.b.c"):
            await refusal(nonsense, tokens)


async def test_the_number_of_requests_that_wait_for_the_issuer_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_module, "WAITING", 3)
    monkeypatch.setattr(keys_module, "TIMEOUT_SECONDS", 0.2)
    async with serving(silence) as server:
        keys = JWKSCache(server.url, "EdDSA")
        with trusting("EdDSA", jwks_url=server.url):
            tokens = JWTAuthenticator(keys)
            asked = [asyncio.create_task(caller(by("k-1"), tokens)) for _ in range(10)]
            at_once, _ = await asyncio.wait(asked, timeout=0.1)
            assert len(at_once) == 7
            outcomes = await asyncio.gather(*asked, return_exceptions=True)
            assert {type(outcome) for outcome in outcomes} == {DependencyUnavailable}
        await keys.close()


async def test_the_keys_are_fetched_at_the_start_and_again_until_that_has_worked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(keys_module, "RETRY_SECONDS", 0.01)
    async with issuing() as (issuer, tokens):
        issuer.status = 503
        keys = tokens.published
        assert keys
        keys.start()
        async with asyncio.timeout(5):
            while issuer.fetches < 3:
                await asyncio.sleep(0.001)
            assert not keys.is_known
            issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
            while not keys.is_known:
                await asyncio.sleep(0.001)
        known = issuer.fetches
        assert (await caller(by("k-1"), tokens)).id == "u-1"
        assert issuer.fetches == known


async def test_a_new_key_is_fetched_when_a_token_names_it(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        await caller(by("k-1"), tokens)
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"), published(NEXT, "k-2"))
        clock.now += keys_module.FLOOR_SECONDS
        assert (await caller(by("k-2", NEXT), tokens)).id == "u-1"
        assert (await caller(by("k-1"), tokens)).id == "u-1"
        assert issuer.fetches == 2


async def test_unknown_key_ids_cause_one_fetch_within_the_minimum_interval(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        for _ in range(20):
            await refusal(by(str(uuid.uuid4()), OTHERS["EdDSA"]), tokens)
        assert issuer.fetches == 1
        clock.now += keys_module.FLOOR_SECONDS
        await asyncio.gather(*(refusal(by(str(uuid.uuid4()), OTHERS["EdDSA"]), tokens) for _ in range(20)))
        assert issuer.fetches == 2
        assert (await caller(by("k-1"), tokens)).id == "u-1"


async def test_many_first_tokens_at_once_cause_one_fetch() -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        callers = await asyncio.gather(*(caller(by("k-1"), tokens) for _ in range(20)))
        assert {each.id for each in callers} == {"u-1"}
        assert issuer.fetches == 1


BROKEN_DOCUMENTS = [
    (500, b""),
    (404, b"{}"),
    (302, b""),
    (200, b"not JSON"),
    (200, b'{"keys": []}'),
    (200, b"[]"),
    (200, b"\xff"),
]


@pytest.mark.parametrize(("status", "body"), BROKEN_DOCUMENTS)
async def test_the_known_keys_stay_when_a_fetch_fails(clock: Clock, status: int, body: bytes) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        await caller(by("k-1"), tokens)
        issuer.status, issuer.body = status, body
        clock.now += keys_module.LIFETIME_SECONDS + 1
        assert (await caller(by("k-1"), tokens)).id == "u-1"
        await refusal(by("k-2", NEXT), tokens)
        assert issuer.fetches == 2


async def test_the_known_keys_stay_while_the_issuer_is_unreachable(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        await caller(by("k-1"), tokens)
        async with issuing() as (gone, _):
            pass
        tokens.published._url = f"{gone.server.url}/"  # type: ignore[union-attr]
        clock.now += keys_module.LIFETIME_SECONDS + 1
        assert (await caller(by("k-1"), tokens)).id == "u-1"


async def test_a_withdrawn_key_expires_after_its_lifetime(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        await caller(by("k-1"), tokens)
        issuer.publish(published(NEXT, "k-2"))
        await caller(by("k-1"), tokens)
        clock.now += keys_module.LIFETIME_SECONDS + 1
        async with asyncio.timeout(1):
            while await is_accepted(by("k-1"), tokens):
                await asyncio.sleep(0.001)
        assert (await caller(by("k-2", NEXT), tokens)).id == "u-1"


async def test_an_issuer_that_was_unreachable_at_first_is_retried(clock: Clock) -> None:
    async with issuing() as (issuer, tokens):
        issuer.status = 503
        with pytest.raises(DependencyUnavailable):
            await caller(by("k-1"), tokens)
        issuer.publish(published(PRIVATE["EdDSA"], "k-1"))
        clock.now += keys_module.RETRY_SECONDS
        assert (await caller(by("k-1"), tokens)).id == "u-1"


@pytest.mark.parametrize(
    "key",
    [
        published(PRIVATE["EdDSA"], "k-1", use="enc"),
        published(PRIVATE["EdDSA"], "k-1", alg="ES256"),
        published(PRIVATE["RS256"], "k-1"),
        published(PRIVATE["ES256"], "k-1"),
        {"kty": "oct", "k": encoded(SECRET.encode()), "kid": "k-1"},
        {"kty": "oct", "k": encoded(SECRET.encode()), "kid": "k-1", "alg": "EdDSA"},
    ],
    ids=["for encryption", "called ES256", "RSA", "EC", "symmetric", "symmetric, called EdDSA"],
)
async def test_a_published_key_of_another_kind_or_use_signs_no_tokens(key: dict[str, Any]) -> None:
    forged = [
        raw_token(json.dumps({"alg": alg, "kid": "k-1"}).encode(), json.dumps(claims()).encode())
        for alg in ("HS256", "EdDSA")
    ]
    async with issuing() as (issuer, tokens):
        issuer.publish(key, published(NEXT, "k-9"))
        for given in (by("k-1"), by("k-1", PRIVATE["RS256"], "RS256"), by("k-1", PRIVATE["ES256"], "ES256"), *forged):
            await refusal(given, tokens)


async def test_a_key_that_may_not_sign_is_not_tried_either() -> None:
    async with issuing() as (issuer, tokens):
        issuer.publish(published(PRIVATE["EdDSA"], "k-1", use="enc"), published(NEXT, "k-2"))
        await refusal(by(), tokens)


async def test_an_unreadable_key_does_not_affect_the_others() -> None:
    odd: list[Any] = [None, 7, {}, {"kty": "RSA"}, {"kty": "XYZ", "kid": "x"}, {"kty": "RSA", "n": 5, "e": 7}]
    odd += [published(NEXT, "k-1") | {"kid": ["k-1"]}, published(NEXT, "k-9") | {"alg": ["EdDSA"]}]
    async with issuing() as (issuer, tokens):
        issuer.publish(*odd, published(PRIVATE["EdDSA"], "k-1"))
        assert (await caller(by("k-1"), tokens)).id == "u-1"


async def test_a_token_of_a_known_key_does_not_wait_for_a_slow_issuer(clock: Clock) -> None:
    """While keys are fetched again, tokens of known keys are still accepted."""
    slow = asyncio.Event()

    async def answer(peer: Peer) -> None:
        body = json.dumps({"keys": [published(PRIVATE["EdDSA"], "k-1")]}).encode()
        head = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body)
        while await peer.request():
            if len(server.requests) > 1:
                await slow.wait()
            await peer.send(head + body)

    async with serving(answer) as server:
        keys = JWKSCache(server.url, "EdDSA")
        with trusting("EdDSA", jwks_url=server.url):
            tokens = JWTAuthenticator(keys)
            await caller(by("k-1"), tokens)
            clock.now += keys_module.LIFETIME_SECONDS + 1
            async with asyncio.timeout(1):
                assert (await caller(by("k-1"), tokens)).id == "u-1"
        slow.set()
        await keys.close()


async def test_a_cancelled_request_does_not_cancel_the_fetch(clock: Clock) -> None:
    fetching, go_on = asyncio.Event(), asyncio.Event()

    async def answer(peer: Peer) -> None:
        body = json.dumps({"keys": [published(PRIVATE["EdDSA"], "k-1")]}).encode()
        while await peer.request():
            fetching.set()
            await go_on.wait()
            await peer.send(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body))

    async with serving(answer) as server:
        keys = JWKSCache(server.url, "EdDSA")
        with trusting("EdDSA", jwks_url=server.url):
            tokens = JWTAuthenticator(keys)
            leaving = asyncio.create_task(caller(by("k-1"), tokens))
            await fetching.wait()
            leaving.cancel()
            await asyncio.wait([leaving])
            go_on.set()
            assert (await caller(by("k-1"), tokens)).id == "u-1"
        await keys.close()
