"""Traces by OpenTelemetry, exported by OTLP over HTTP. Imported only if tracing is on (`asgi_app.tracing`).

The exporter, the sampler and the resource are configured by the standard variables OTEL_… alone. Spans are sent in batches by a
thread; while their receiver is away they are dropped, and nothing waits for them.
"""

import os
import socket
import threading
from collections.abc import Mapping
from contextvars import Token
from typing import Self

from opentelemetry import trace
from opentelemetry.context import Context, attach, detach
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from orders.runtime import tracing
from orders.runtime.tracing import NO_SPAN, Attribute, Kind

FLUSH_SECONDS = 3
"""The maximum wait of a shutdown for the last spans."""

_KINDS = {
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
    "producer": SpanKind.PRODUCER,
    "consumer": SpanKind.CONSUMER,
    "internal": SpanKind.INTERNAL,
}
_W3C = TraceContextTextMapPropagator()


class _Recorded(tracing.Span):
    __slots__ = ("_span", "_token")

    def __init__(self, span: Span) -> None:
        self._span = span

    def __enter__(self) -> Self:
        self._token: Token[Context] = attach(trace.set_span_in_context(self._span))
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is not None:
            self.fail(kind.__name__)
        detach(self._token)
        self._span.end()

    def name(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, attribute: str, value: Attribute) -> None:
        self._span.set_attribute(attribute, value)

    def fail(self, reason: str) -> None:
        self._span.set_attribute("error.type", reason)
        self._span.set_status(Status(StatusCode.ERROR))


class OpenTelemetryTracer:
    """The tracer of this process (`orders.runtime.tracing.Tracer`)."""

    def __init__(self) -> None:
        os.environ.setdefault("OTEL_SERVICE_NAME", "order-service")
        resource = Resource.create({"service.instance.id": f"{socket.gethostname()}-{os.getpid()}"})
        self._provider = TracerProvider(resource=resource, shutdown_on_exit=False)
        self._provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
        self._tracer = self._provider.get_tracer("order-service")

    def span(
        self, name: str, kind: Kind, attributes: Mapping[str, Attribute], parent: Mapping[str, str] | None
    ) -> tracing.Span:
        """Return a new span, as `Tracer.span` says."""
        if parent is None:
            if kind == "internal" and not trace.get_current_span().get_span_context().is_valid:
                return NO_SPAN
            context = None
        else:
            context = _W3C.extract(parent, Context())
        return _Recorded(self._tracer.start_span(name, context, _KINDS[kind], attributes))

    def headers(self) -> dict[str, str]:
        """Return the headers of the current span."""
        headers: dict[str, str] = {}
        _W3C.inject(headers)
        return headers

    def ids(self) -> tuple[str, str] | None:
        """Return the ids of the current span."""
        context = trace.get_current_span().get_span_context()
        return (f"{context.trace_id:032x}", f"{context.span_id:016x}") if context.is_valid else None

    def close(self) -> None:
        """Send the last spans, for up to FLUSH_SECONDS."""
        flushing = threading.Thread(target=self._provider.shutdown, name="last spans", daemon=True)
        flushing.start()
        flushing.join(FLUSH_SECONDS)
