"""Who is calling: a JSON Web Token (RFC 7519) believed or refused. One family of algorithms, never the token's own choice."""

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
"""Characters of a token worth looking at."""

REMEMBERED = 4096
REMEMBERED_SECONDS = 60
"""People call more than once, and verifying costs more than all else in a read. A key that is withdrawn works this
much longer."""

Waiting = Callable[[], AbstractContextManager[None]]
"""Entered while a request waits for the issuer's keys."""


class JWTAuthenticator:
    """Believes tokens signed with the secret, the public key or one of the published keys that the settings name."""

    def __init__(self, published: JWKSCache | None) -> None:
        self.published = published
        self._decoder = jwt.PyJWT({"require": ["exp", "iat", "iss", "aud", "sub"], "strict_aud": False})
        algorithm = jwt.get_algorithm_by_name(settings.JWT_ALGORITHM)
        key = settings.JWT_SECRET if settings.JWT_ALGORITHM == "HS256" else settings.JWT_PUBLIC_KEY
        self._key = algorithm.prepare_key(key) if key else None
        self._believed: dict[str, tuple[Caller, float]] = {}

    async def caller(self, authorization: str, waiting: Waiting = nullcontext) -> Caller:
        """The caller that an `Authorization` header proves. Raises NotAuthenticated, saying what is wrong with it, or
        DependencyUnavailable when the issuer's keys are not known."""
        caller, believed_until = self._believed.get(authorization, (None, 0.0))
        now = time.time()
        if caller is not None and now < believed_until:
            return caller
        caller = await self._verify(authorization, waiting)
        if len(self._believed) >= REMEMBERED:
            self._believed.clear()
        self._believed[authorization] = caller, min(now + REMEMBERED_SECONDS, caller.expires_at + LEEWAY_SECONDS)
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
        """The claims of a token that one of the keys has signed; for an unknown key the issuer is asked anew."""
        if self._key is not None:
            return self._decode(token, [self._key])
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
    """Whether a claim is an id that can be kept: 1 to 64 characters, none of them NUL or half a surrogate pair."""
    return (
        isinstance(claim, str)
        and 1 <= len(claim) <= 64
        and not any(c == "\0" or "\ud800" <= c <= "\udfff" for c in claim)
    )


def _reason(error: Exception) -> str:
    """Why, in a few words that hold nothing of the token."""
    if isinstance(error, jwt.ExpiredSignatureError):
        return "it has expired"
    if isinstance(error, jwt.InvalidSignatureError):
        return "its signature is invalid"
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"the claim {error.claim} is missing"
    if isinstance(error, jwt.InvalidAudienceError | jwt.InvalidIssuerError):
        return "it is not for this service"
    return "it cannot be verified"
