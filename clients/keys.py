"""The public keys that sign tokens, as their issuer publishes them (JWKS, RFC 7517)."""

import asyncio
import contextvars
import time
from typing import Any

import httpx
import jwt
import msgspec
import structlog

from clients.transport import KeepAliveTransport

FLOOR_SECONDS = 30
"""Between two fetches: tokens with made-up key ids must not make us ask without end."""

LIFETIME_SECONDS = 600
"""After this long a known key is fetched anew, so that a withdrawn one stops working."""

TIMEOUT_SECONDS = 3

log = structlog.get_logger()


class _Document(msgspec.Struct):
    keys: list[Any]


class _Entry(msgspec.Struct):
    kid: str | None = None
    use: str = "sig"
    alg: str | None = None


class KeySet:
    """The keys published at `url`, fetched when they are first needed; the old ones stay when a fetch fails."""

    def __init__(self, url: str, algorithm: str) -> None:
        self._url, self._algorithm = url, algorithm
        # The transport reads nothing compressed, and a client would ask for it.
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        self._client = httpx.AsyncClient(transport=KeepAliveTransport(1.0), trust_env=False, headers=headers)
        self._keys: dict[str | None, Any] = {}
        self._fetched = self._tried = -float("inf")
        self._fetching: asyncio.Task[None] | None = None

    async def find(self, key_id: object) -> Any | None:
        """The key of this id, None when it is not published. Only who names an unknown key waits for a fetch."""
        if key_id is not None and not isinstance(key_id, str):
            return None
        key = self._keys.get(key_id)
        if key is None or time.monotonic() - self._fetched > LIFETIME_SECONDS:
            self._begin_fetch()
        if key is None and self._fetching:
            await asyncio.wait([self._fetching])
            key = self._keys.get(key_id)
        return key

    async def close(self) -> None:
        """Give up a fetch, close the connection."""
        if self._fetching:
            self._fetching.cancel()
            await asyncio.wait([self._fetching])
        await self._client.aclose()

    def _begin_fetch(self) -> None:
        """One fetch at a time, in a task of its own: the caller who caused it may leave."""
        now = time.monotonic()
        if now - self._tried >= FLOOR_SECONDS and (self._fetching is None or self._fetching.done()):
            self._tried = now
            self._fetching = asyncio.create_task(self._fetch(), context=contextvars.Context())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                answer = await self._client.get(self._url)
            self._keys = self._usable(msgspec.json.decode(answer.raise_for_status().content, type=_Document))
            self._fetched = time.monotonic()
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("keys_not_fetched", why=type(error).__name__)

    def _usable(self, document: _Document) -> dict[str | None, Any]:
        keys = [key for key in map(self._read, document.keys) if key is not None]
        if not keys:
            raise ValueError("no usable key is published")
        named = {key.key_id: key.key for key in keys}
        return {**named, None: keys[0].key} if len(keys) == 1 else named

    def _read(self, published: Any) -> jwt.PyJWK | None:
        """The key, if it is one that signs tokens with our algorithm; one that can't be read is passed over."""
        try:
            entry = msgspec.convert(published, _Entry)
            key = jwt.PyJWK(published) if entry.use == "sig" else None
        except (jwt.PyJWTError, msgspec.ValidationError, AttributeError, TypeError, ValueError):
            return None
        return key if key is not None and key.algorithm_name == self._algorithm else None
