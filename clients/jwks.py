"""The cache of the issuer's public keys for the verification of tokens (JWKS, RFC 7517)."""

import asyncio
import contextvars
import time
from typing import Any

import httpx
import jwt
import msgspec
import structlog

from clients.transport import KeepAliveTransport
from orders.domain.errors import DependencyUnavailable

FLOOR_SECONDS = 30
"""The minimum interval between fetches: tokens with invented key ids must not cause a fetch each."""

RETRY_SECONDS = 2
"""The interval between fetches until the first success, before which every request is refused."""

LIFETIME_SECONDS = 600
"""The maximum age of the keys before they are fetched again, so that a withdrawn key becomes invalid."""

TIMEOUT_SECONDS = 3

WAITING = 100
"""The maximum number of requests that wait for a fetch; each keeps its body in memory."""

log = structlog.get_logger()


class _Document(msgspec.Struct):
    keys: list[Any]


class _Entry(msgspec.Struct):
    kid: str | None = None
    use: str = "sig"
    alg: str | None = None


class JWKSCache:
    """The keys published at `url`; a failed fetch keeps the previous ones."""

    def __init__(self, url: str, algorithm: str) -> None:
        self._url, self._algorithm = url, algorithm
        # The transport does not decompress, and a client would request compression by default.
        headers = {"accept": "application/json", "accept-encoding": "identity"}
        self._client = httpx.AsyncClient(transport=KeepAliveTransport(1.0), trust_env=False, headers=headers)
        self._keys: list[jwt.PyJWK] = []
        self._fetched = self._tried = -float("inf")
        self._fetching: asyncio.Task[None] | None = None
        self._starting: asyncio.Task[None] | None = None
        self._waiting = 0

    @property
    def is_known(self) -> bool:
        """Return whether the keys have been fetched once."""
        return bool(self._keys)

    async def check(self) -> None:
        """Raise DependencyUnavailable until the first successful fetch: no token can be verified."""
        if not self.is_known:
            raise DependencyUnavailable("identity", "its keys could not be fetched", RETRY_SECONDS)

    def start(self) -> None:
        """Fetch the keys in the background, with retries until the first success."""
        self._starting = asyncio.create_task(self._fetch_first(), context=contextvars.Context())

    def find(self, key_id: str | None) -> list[Any]:
        """Return the keys of this id; every key for a token without a key id."""
        if self._keys and time.monotonic() - self._fetched > LIFETIME_SECONDS:
            self._begin_fetch()
        return [key.key for key in self._keys if key_id is None or key.key_id == key_id]

    async def fetch(self) -> None:
        """Fetch the keys, unless they were fetched within FLOOR_SECONDS, and wait for them.

        Raises DependencyUnavailable until the first successful fetch, and when too many requests are waiting.
        """
        self._begin_fetch()
        if self._fetching and not self._fetching.done():
            if self._waiting >= WAITING:
                raise DependencyUnavailable("identity", "too many requests are waiting for its keys", RETRY_SECONDS)
            self._waiting += 1
            try:
                await asyncio.wait([self._fetching])
            finally:
                self._waiting -= 1
        await self.check()

    async def close(self) -> None:
        """Cancel a fetch, close the connection."""
        for task in filter(None, (self._starting, self._fetching)):
            task.cancel()
            await asyncio.wait([task])
        await self._client.aclose()

    async def _fetch_first(self) -> None:
        while not self._keys:
            self._begin_fetch()
            if self._fetching:
                await asyncio.wait([self._fetching])
            if not self._keys:
                await asyncio.sleep(RETRY_SECONDS)

    def _begin_fetch(self) -> None:
        """Start a fetch unless one is in progress, in a separate task: the request that caused it may be cancelled."""
        now = time.monotonic()
        pause = FLOOR_SECONDS if self._keys else RETRY_SECONDS
        if now - self._tried >= pause and (self._fetching is None or self._fetching.done()):
            self._tried = now
            self._fetching = asyncio.create_task(self._fetch(), context=contextvars.Context())

    async def _fetch(self) -> None:
        try:
            async with asyncio.timeout(TIMEOUT_SECONDS):
                response = await self._client.get(self._url)
            self._keys = self._usable(msgspec.json.decode(response.raise_for_status().content, type=_Document))
            self._fetched = time.monotonic()
        except (httpx.HTTPError, TimeoutError, ValueError, RecursionError) as error:
            log.warning("keys_not_fetched", why=type(error).__name__)

    def _usable(self, document: _Document) -> list[jwt.PyJWK]:
        keys = [key for key in map(self._read, document.keys) if key is not None]
        if not keys:
            raise ValueError("no usable key is published")
        return keys

    def _read(self, published: Any) -> jwt.PyJWK | None:
        """Return the key if it signs tokens with the configured algorithm; None for any other or an invalid one."""
        try:
            entry = msgspec.convert(published, _Entry)
            key = jwt.PyJWK(published) if entry.use == "sig" else None
        except (jwt.PyJWTError, msgspec.ValidationError, AttributeError, TypeError, ValueError):
            return None
        return key if key is not None and key.algorithm_name == self._algorithm else None
