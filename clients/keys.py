"""The public keys that sign tokens, as their issuer publishes them (JWKS, RFC 7517)."""

import asyncio
import time
from typing import Any

import httpx
import jwt
import structlog

from clients.transport import KeepAliveTransport

FLOOR_SECONDS = 30
"""Between two fetches: tokens with made-up key ids must not make us ask without end."""

LIFETIME_SECONDS = 600
"""After this long a known key is fetched anew, so that a withdrawn one stops working."""

TIMEOUT_SECONDS = 3

log = structlog.get_logger()


class KeySet:
    """The keys published at `url`, fetched when they are first needed; the old ones stay when a fetch fails."""

    def __init__(self, url: str, algorithm: str) -> None:
        self._url, self._algorithm = url, algorithm
        self._client = httpx.AsyncClient(transport=KeepAliveTransport(1.0), trust_env=False)
        self._keys: dict[str | None, Any] = {}
        self._fetched = self._tried = -float("inf")
        self._fetching = asyncio.Lock()

    async def find(self, key_id: object) -> Any | None:
        """The key of this id, None when it is not published."""
        if key_id is not None and not isinstance(key_id, str):
            return None
        if key_id not in self._keys or time.monotonic() - self._fetched > LIFETIME_SECONDS:
            await self._fetch(key_id)
        return self._keys.get(key_id)

    async def close(self) -> None:
        """Close the connection."""
        await self._client.aclose()

    async def _fetch(self, key_id: str | None) -> None:
        async with self._fetching:
            now = time.monotonic()
            if now - self._tried < FLOOR_SECONDS:
                return
            self._tried = now
            try:
                async with asyncio.timeout(TIMEOUT_SECONDS):
                    answer = await self._client.get(self._url, headers={"accept": "application/json"})
                self._keys = self._usable(answer.raise_for_status().json())
                self._fetched = now
            except (httpx.HTTPError, TimeoutError, ValueError, jwt.PyJWTError, AttributeError) as error:
                log.warning("keys_not_fetched", why=type(error).__name__)

    def _usable(self, document: Any) -> dict[str | None, Any]:
        keys = [key for key in jwt.PyJWKSet.from_dict(document).keys if key.algorithm_name == self._algorithm]
        named = {key.key_id: key.key for key in keys if key.public_key_use in (None, "sig")}
        return {**named, None: keys[0].key} if len(keys) == 1 else named
