"""The state that the server keeps for its requests: one object of each class, found by its class.

What the process opens once (clients, checkout service …) and what belongs to one request (`RequestState`) lie side by side in
the state of the ASGI scope. The one look-up is here, so that it is typed and each caller names the class that it needs.
"""

from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, ExitStack
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from django.core.handlers.asgi import ASGIRequest
from django.http import HttpRequest

State = TypeVar("State")


@dataclass(frozen=True, slots=True)
class RequestState:
    """The state of one request of the API."""

    slot_released: Callable[[], AbstractContextManager[None]]
    """Entered while the request waits for something that must not count against `REQUESTS_IN_FLIGHT`."""

    exit_stack: ExitStack
    """Closed when the request has ended, after the last byte of its response."""


def state_of(request: HttpRequest, kind: type[State]) -> State:
    """Return the object of class `kind` that belongs to the request or to its server."""
    return state_in(cast(ASGIRequest, request).scope, kind)


def state_in(scope: Mapping[str, Any], kind: type[State]) -> State:
    """Return the object of class `kind` in the state of an ASGI scope."""
    found = scope["state"][kind.__name__]
    assert isinstance(found, kind)
    return found
