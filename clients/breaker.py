"""Circuit breakers: while a neighbour keeps failing, calls to it fail immediately."""

import asyncio
import math
import time
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from django.conf import settings

from clients.errors import Belated, ContractBroken, DependencyRefused, NotAsked
from clients.metrics import CALLS, CIRCUIT_OPEN, IN_FLIGHT
from orders.domain.errors import DependencyUnavailable

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class CircuitBreaker:
    """The circuit breaker of one neighbour in this process.

    It opens when half of the last 20 calls have failed, and refuses calls for 5 s; then one call is a probe whose outcome
    closes or reopens it (CIRCUIT_CALLS, CIRCUIT_FAILURE_RATIO, CIRCUIT_OPEN_SECONDS). No failures are: a refusal of the
    neighbour's contract; a 4xx, since the request is at fault; and a response that breaks the contract, since that concerns
    one user, cart or product (contract: neighbours). A neighbour may have several circuits, one for each group of calls
    that can fail separately; `circuit` is the name in the metrics, `open_seconds` the time for which calls are refused.
    """

    def __init__(self, name: str, circuit: str | None = None, open_seconds: float | None = None) -> None:
        self.name = name
        self._open_seconds = settings.CIRCUIT_OPEN_SECONDS if open_seconds is None else open_seconds
        self._failures = settings.CIRCUIT_CALLS * settings.CIRCUIT_FAILURE_RATIO
        self._last: deque[bool] = deque(maxlen=settings.CIRCUIT_CALLS)
        self._open_until: float | None = None
        self._probing = False
        self._seconds = {outcome: CALLS.labels(name, outcome) for outcome in ("answered", "failed", "unknown")}
        self._in_flight, self._is_open = IN_FLIGHT.labels(name), CIRCUIT_OPEN.labels(circuit or name)

    async def call(self, ask: Callable[[], Awaitable[Result]]) -> Result:
        """Return the result of `ask`. Raises NotAsked, without calling it, while the circuit is open."""
        probing = self._admit()
        began = time.perf_counter()
        outcome = None
        self._in_flight.inc()
        try:
            result = await ask()
            outcome = "answered"
            return result
        except (asyncio.CancelledError, NotAsked, Belated):
            raise  # no information about the neighbour's health
        except DependencyUnavailable as error:
            outcome = "answered" if isinstance(error, DependencyRefused | ContractBroken) else "failed"
            raise
        except Exception:  # a refusal of its contract
            outcome = "answered"
            raise
        finally:
            self._in_flight.dec()
            self._note(outcome, probing)
            self._seconds[outcome or "unknown"].observe(time.perf_counter() - began)

    def _admit(self) -> bool:
        """Return whether this call is the probe. Raises NotAsked while the circuit is open."""
        if self._open_until is None:
            return False
        left = self._open_until - time.monotonic()
        if left > 0 or self._probing:
            self._seconds["unknown"].observe(0)
            raise NotAsked(self.name, "circuit breaker open", max(1, math.ceil(left)))
        self._probing = True
        return True

    def _note(self, outcome: str | None, probing: bool) -> None:
        if probing:
            self._probing = False
        if outcome is None or (self._open_until is not None and not probing):
            return
        if probing and outcome == "answered":
            self._open_until = None
            self._last.clear()
            self._is_open.set(0)
            return
        self._last.append(outcome == "failed")
        if probing or sum(self._last) >= self._failures:
            self._open_until = time.monotonic() + self._open_seconds
            self._is_open.set(1)


class _Client(Protocol):
    @property
    def breaker(self) -> CircuitBreaker: ...


Client = TypeVar("Client", bound=_Client)


def guarded(
    method: Callable[Concatenate[Client, Arguments], Awaitable[Result]],
) -> Callable[Concatenate[Client, Arguments], Coroutine[Any, Any, Result]]:
    """Decorate a client's method, with its retries and validation of the response, with the client's circuit breaker."""

    @wraps(method)
    async def call(self: Client, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result:
        return await self.breaker.call(lambda: method(self, *args, **kwargs))

    return call
