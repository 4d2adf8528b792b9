"""Who is calling: a JSON Web Token (RFC 7519) believed or refused. One family of algorithms, never the token's own choice."""

import time
from typing import Any, cast

import jwt
from django.conf import settings

from clients.keys import KeySet
from orders.callers import ROLES, Caller
from orders.errors import NotAuthenticated

LEEWAY_SECONDS = 30
LONGEST = 8 * 1024
"""Characters of a token worth looking at."""

REMEMBERED = 4096
REMEMBERED_SECONDS = 60
"""People call more than once, and verifying costs more than all else in a read. A key that is withdrawn works this
much longer."""


class Tokens:
    """Believes tokens signed with the secret, the public key or one of the published keys that the settings name."""

    def __init__(self, published: KeySet | None) -> None:
        self._published = published
        self._decoder = jwt.PyJWT({"require": ["exp", "iat", "iss", "aud", "sub"], "strict_aud": False})
        algorithm = jwt.get_algorithm_by_name(settings.JWT_ALGORITHM)
        key = settings.JWT_SECRET if settings.JWT_ALGORITHM == "HS256" else settings.JWT_PUBLIC_KEY
        self._key = algorithm.prepare_key(key) if key else None
        self._believed: dict[str, tuple[Caller, float]] = {}

    async def caller(self, authorization: str) -> Caller:
        """The caller that an `Authorization` header proves. Raises NotAuthenticated, saying what is wrong with it."""
        caller, believed_until = self._believed.get(authorization, (None, 0.0))
        now = time.time()
        if caller is not None and now < believed_until:
            return caller
        caller = await self._verify(authorization)
        if len(self._believed) >= REMEMBERED:
            self._believed.clear()
        self._believed[authorization] = caller, min(now + REMEMBERED_SECONDS, caller.expires_at + LEEWAY_SECONDS)
        return caller

    async def _verify(self, authorization: str) -> Caller:
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer" or not token:
            raise NotAuthenticated("Send a token: Authorization: Bearer <JWT>.")
        if len(token) > LONGEST:
            raise NotAuthenticated("The token is too long.")
        try:
            claims = self._decoder.decode(
                token,
                await self._key_for(token),
                algorithms=[settings.JWT_ALGORITHM],
                audience=settings.JWT_AUDIENCE,
                issuer=settings.JWT_ISSUER,
                leeway=LEEWAY_SECONDS,
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError) as error:
            raise NotAuthenticated(f"The token was refused: {_reason(error)}. Ask for a new one.") from error
        return _caller(claims)

    async def _key_for(self, token: str) -> Any:
        if self._key is not None:
            return self._key
        published = cast(KeySet, self._published)
        key = await published.find(jwt.get_unverified_header(token).get("kid"))
        if key is None:
            raise jwt.InvalidTokenError("its key is not published")
        return key


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
        return "its signature is wrong"
    if isinstance(error, jwt.MissingRequiredClaimError):
        return f"it lacks {error.claim}"
    if isinstance(error, jwt.InvalidAudienceError | jwt.InvalidIssuerError):
        return "it is not for this service"
    return "it is not valid"
