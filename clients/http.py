"""HTTP calls to one neighbour: its address, the service token, a deadline, and one retry of idempotent calls."""

import asyncio
import random
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from clients.breaker import CircuitBreaker
from clients.deadline import Deadline, was_late
from clients.errors import Belated, ContractBroken, DependencyRefused, NotAsked
from clients.metrics import RETRIES
from clients.tracing import call_headers
from clients.transport import AnswerTooLarge, KeepAliveTransport
from orders.domain.errors import DependencyUnavailable
from orders.runtime.tracing import span

RETRIED = frozenset({502, 503, 504})

UNREADABLE = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)
"""The errors of msgspec for malformed JSON, and for JSON of another structure than requested."""


class ServiceHttpClient:
    """The client of one neighbour at `base_url`. A 503 has its `name`; at most `at_once` calls are in flight."""

    def __init__(
        self, name: str, base_url: str, service_token: str, connect_seconds: float, read_seconds: float, at_once: int
    ) -> None:
        self.name = name
        self.breaker = CircuitBreaker(name)
        self._url = httpx.URL(base_url)
        self._base_path = self._url.raw_path.rstrip(b"/")
        self._retries = RETRIES.labels(name)
        self._attributes = {"peer.service": name, "server.address": self._url.host}
        self._token = service_token
        self._seconds = connect_seconds + read_seconds
        self._slots = asyncio.Semaphore(at_once)
        # The transport without a client: cookies, redirects and proxies are not used.
        self._transport = KeepAliveTransport(connect_seconds)

    async def get(self, path: str, deadline: Deadline) -> httpx.Response:
        """GET `path` (already quoted), with one retry after a failed connection or a 502, 503, 504.

        Raises DependencyUnavailable when neither attempt gets a response in time.
        """
        try:
            response = await self._send("GET", path, None, deadline)
        except DependencyUnavailable as error:
            if not isinstance(error.__cause__, httpx.NetworkError | httpx.ConnectTimeout):
                raise  # a timeout: another attempt would double the wait
            response = None
        if response is not None and response.status_code not in RETRIED:
            return response
        self._retries.inc()
        await asyncio.sleep(random.uniform(0, 0.05))
        return await self._send("GET", path, None, deadline)

    async def post(self, path: str, body: object, deadline: Deadline) -> httpx.Response:
        """POST `body` as JSON, without a retry. Raises DependencyUnavailable without a response in time."""
        return await self._send("POST", path, msgspec.json.encode(body), deadline)

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.aclose()

    def broken(self, why: str) -> ContractBroken:
        """Return the error for a response that breaks the contract."""
        return ContractBroken(self.name, why)

    def unexpected(self, status: int) -> DependencyUnavailable:
        """Return the error for a status that is not in the contract."""
        if status < 400:
            return self.broken(f"status {status}")
        error = DependencyRefused if status < 500 else DependencyUnavailable
        return error(self.name, f"status {status}")

    async def _send(self, method: str, path: str, body: bytes | None, deadline: Deadline) -> httpx.Response:
        with span(method, "client", self._attributes) as current:
            current.set("http.request.method", method)
            response = await self._exchange(method, path, body, deadline)
            current.set("http.response.status_code", response.status_code)
            return response

    async def _exchange(self, method: str, path: str, body: bytes | None, deadline: Deadline) -> httpx.Response:
        headers = call_headers(self._token)
        if body is not None:
            headers["content-type"] = "application/json"
        # A target of its own (httpx, "Request extensions"): httpx would take an eighth of the call's CPU to parse the URL.
        target = self._base_path + path.encode("ascii")
        request = httpx.Request(method, self._url, headers=headers, content=body, extensions={"target": target})
        if not (left := deadline.left(self._seconds)):
            raise NotAsked(self.name, "no time left for the call")
        try:
            async with asyncio.timeout(left) as limit, self._slots:
                return await self._transport.handle_async_request(request)
        except TimeoutError as error:
            too_late = Belated if was_late(limit) else DependencyUnavailable
            raise too_late(self.name, "no response in time") from error
        except AnswerTooLarge as error:
            raise self.broken(str(error)) from error
        except httpx.HTTPError as error:
            raise DependencyUnavailable(self.name, str(error) or type(error).__name__) from error


def quote_id(id_: str) -> str:
    """Return an id quoted as one segment of a path; dots are quoted too, for ".." would be another path."""
    return quote(id_, safe="").replace(".", "%2E")


def decode(neighbour: ServiceHttpClient, response: httpx.Response, shape: type[Any]) -> Any:
    """Decode the response's JSON as `shape` (a msgspec.Struct), validating types and ranges.

    Raises DependencyUnavailable for another status than 200, ContractBroken for invalid JSON.
    """
    if response.status_code != 200:
        raise neighbour.unexpected(response.status_code)
    try:
        return msgspec.json.decode(response.content, type=shape)
    except UNREADABLE as error:
        raise neighbour.broken(f"the response breaks the contract: {error}") from error
