"""Spans of a trace (OpenTelemetry), off by default: until a tracer is installed `span` returns one object that does nothing.

Nothing here imports OpenTelemetry; `asgi_app.opentelemetry_tracer` does. The attributes' names are those of its semantic
conventions. A trace contains no personal data: neither paths with other ids than UUIDs nor messages of errors.
"""

import contextvars
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from typing import ClassVar, Literal, ParamSpec, Protocol, Self, TypeVar

Kind = Literal["server", "client", "producer", "consumer", "internal"]
Attribute = str | int
Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")


class Span(AbstractContextManager["Span"], Protocol):
    """A span, which is the current one within `with`; an exception that leaves the block marks it as failed by its class."""

    def name(self, name: str) -> None:
        """Rename the span."""

    def set(self, attribute: str, value: Attribute) -> None:
        """Set an attribute."""

    def fail(self, reason: str) -> None:
        """Mark the span as failed; `reason` is a code or a class."""


class Tracer(Protocol):
    """The tracing of one process."""

    def span(
        self, name: str, kind: Kind, attributes: Mapping[str, Attribute], parent: Mapping[str, str] | None
    ) -> Span:
        """Return a new span. `parent` has the headers traceparent and tracestate; by default it is the current span.

        Without a parent a span of kind `internal` is not recorded: the polls of background loops are of no interest.
        """

    def headers(self) -> dict[str, str]:
        """Return traceparent and tracestate (W3C Trace Context) for a call within the current span; empty outside of one."""

    def ids(self) -> tuple[str, str] | None:
        """Return trace id and span id of the current span, in hexadecimal."""

    def close(self) -> None:
        """Send the last spans, for some seconds at most."""


class _NoSpan(Span):
    __slots__ = ()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def name(self, name: str) -> None:
        pass

    def set(self, attribute: str, value: Attribute) -> None:
        pass

    def fail(self, reason: str) -> None:
        pass


NO_SPAN: Span = _NoSpan()
_NONE: Mapping[str, Attribute] = {}


class _Process:
    tracer: ClassVar[Tracer | None] = None


def install(tracer: Tracer | None) -> None:
    """Record the spans of this process by `tracer`; by None no more."""
    _Process.tracer = tracer


def tracer() -> Tracer | None:
    """Return the installed tracer; None while tracing is off."""
    return _Process.tracer


def span(
    name: str,
    kind: Kind = "internal",
    attributes: Mapping[str, Attribute] = _NONE,
    parent: Mapping[str, str] | None = None,
) -> Span:
    """Return a span to be used by `with`; one that does nothing while tracing is off."""
    current = _Process.tracer
    return NO_SPAN if current is None else current.span(name, kind, attributes, parent)


def traceparent() -> str | None:
    """Return the traceparent of the current span; None outside of one, and while tracing is off."""
    current = _Process.tracer
    return None if current is None else current.headers().get("traceparent")


def parent_of(traceparent: str | None) -> Mapping[str, str]:
    """Return the parent of a span by a stored traceparent; without one, or with an invalid one, the span begins a trace."""
    return {} if traceparent is None else {"traceparent": traceparent}


def in_this_context(work: Callable[Arguments, Result]) -> Callable[Arguments, Result]:
    """Return `work` for another thread, where it continues the current span."""
    if _Process.tracer is None:
        return work
    return partial(contextvars.copy_context().run, work)
