"""Authentication by JSON Web Token (RFC 7519). The settings determine the family of algorithms, never the token."""

import time
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import Any, cast

import jwt
from django.conf import settings

from clients.jwks import JWKSCache
from orders.domain.callers import ROLES, Caller
from orders.domain.errors import NotAuthenticated

LEEWAY_SECONDS = 30
LONGEST = 8 * 1024
"""Characters of a token; longer ones are refused before they are parsed."""

REMEMBERED = 4096
REMEMBERED_SECONDS = 60
"""Verified tokens are cached: verification costs more than the rest of a read. A withdrawn key remains valid for this long."""

Waiting = Callable[[], AbstractContextManager[None]]
"""Entered while a request waits for the issuer's keys."""


class JWTAuthenticator:
    """Verifies tokens by the secrets, the public keys or the published keys of the settings.

    There are two secrets, or several public keys, while the issuer changes its own; each of them verifies a token once.
    """

    def __init__(self, published: JWKSCache | None) -> None:
        self.published = published
        self._decoder = jwt.PyJWT({"require": ["exp", "iat", "iss", "aud", "sub"], "strict_aud": False})
        algorithm = jwt.get_algorithm_by_name(settings.JWT_ALGORITHM)
        secrets = (settings.JWT_SECRET, settings.JWT_SECRET_FALLBACK)
        configured = secrets if settings.JWT_ALGORITHM == "HS256" else settings.JWT_PUBLIC_KEYS
        self._keys = [algorithm.prepare_key(key) for key in configured if key]
        self._verified: dict[str, tuple[Caller, float]] = {}

    async def caller(self, authorization: str, waiting: Waiting = nullcontext) -> Caller:
        """Return the caller of an `Authorization` header.

        Raises NotAuthenticated with the reason, or DependencyUnavailable while the issuer's keys are unknown.
        """
        caller, valid_until = self._verified.get(authorization, (None, 0.0))
        now = time.time()
        if caller is not None and now < valid_until:
            return caller
        caller = await self._verify(authorization, waiting)
        if len(self._verified) >= REMEMBERED:
            self._verified.clear()
        self._verified[authorization] = caller, min(now + REMEMBERED_SECONDS, caller.expires_at + LEEWAY_SECONDS)
        return caller

    async def _verify(self, authorization: str, waiting: Waiting) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("A token is required: Authorization: Bearer <JWT>.")
        if len(token) > LONGEST:
            raise NotAuthenticated("The token is too long.")
        try:
            claims = await self._claims(token, waiting)
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise NotAuthenticated(f"Invalid token: {_reason(error)}. Request a new one.") from error
        return _caller(claims)

    async def _claims(self, token: str, waiting: Waiting) -> dict[str, Any]:
        """Return the claims of a token after verifying its signature; fetch the issuer's keys again for an unknown key."""
        if self._keys:
            return self._decode(token, self._keys)
        published = cast(JWKSCache, self.published)
        key_id = jwt.get_unverified_header(token).get("kid")
        known = published.find(key_id)
        try:
            return self._decode(token, known)
        except (jwt.InvalidKeyError, jwt.InvalidSignatureError):
            if known and key_id is not None:
                raise
        with waiting():
            await published.fetch()
        return self._decode(token, published.find(key_id))

    def _decode(self, token: str, keys: Sequence[Any]) -> dict[str, Any]:
        refused: jwt.PyJWTError = jwt.InvalidKeyError("its key is unknown")
        for key in keys:
            try:
                return self._decoder.decode(
                    token,
                    key,
                    algorithms=[settings.JWT_ALGORITHM],
                    audience=settings.JWT_AUDIENCE,
                    issuer=settings.JWT_ISSUER,
                    leeway=LEEWAY_SECONDS,
                )
            except jwt.InvalidSignatureError as error:
                refused = error
        raise refused


def _caller(claims: dict[str, Any]) -> Caller:
    subject, role, vendor_id = claims["sub"], claims.get("role"), claims.get("vendor_id")
    if not _is_id(subject):
        raise NotAuthenticated("The token's sub must be a string of 1 to 64 characters.")
    if not isinstance(role, str) or role not in ROLES:
        raise NotAuthenticated("The token's role must be exactly one of customer, vendor and admin.")
    if role != "vendor":
        return Caller(subject, cast(Any, role), None, int(claims["exp"]))
    if not _is_id(vendor_id):
        raise NotAuthenticated("A vendor's token must carry its vendor_id.")
    return Caller(subject, "vendor", vendor_id, int(claims["exp"]))


def _is_id(claim: object) -> bool:
    """Return whether a claim is a storable id: 1 to 64 characters without NUL and lone surrogates."""
    return (
        isinstance(claim, str)
        and 1 <= len(claim) <= 64
        and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in claim)
    )


def _reason(error: Exception) -> str:
    """Return the reason in a few words, without any part of the token."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "it has expired"
    if isinstance(error, jwt.InvalidSignatureError):
        return "its signature is invalid"
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"the claim {error.claim} is missing"
    if isinstance(error, jwt.InvalidAudienceError | jwt.InvalidIssuerError):
        return "it is not for this service"
    return "it cannot be verified"
