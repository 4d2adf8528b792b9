"""Typed access to the state of the ASGI scope: one object of each class, found by its class.

The state holds the objects of the process (clients, checkout service …) and that of the request (`RequestState`).
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
    """Context for waits that must not count against `REQUESTS_IN_FLIGHT`."""

    exit_stack: ExitStack
    """Closed after the last byte of the response."""


def state_of(request: HttpRequest, kind: type[State]) -> State:
    """Return the object of class `kind` that belongs to the request or to its server."""
    return state_in(cast(ASGIRequest, request).scope, kind)


def state_in(scope: Mapping[str, Any], kind: type[State]) -> State:
    """Return the object of class `kind` in the state of an ASGI scope."""
    found = scope["state"][kind.__name__]
    assert isinstance(found, kind)
    return found
