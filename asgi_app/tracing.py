"""The switch of tracing: on if OTEL_EXPORTER_OTLP_ENDPOINT names a receiver. While it is off, OpenTelemetry is not imported."""

from django.conf import settings
from django.utils.module_loading import import_string

from orders.runtime import tracing


def start_if_configured() -> None:
    """Record the spans of this process from now on, if the settings say so. Call it after a fork: the sender is a thread."""
    if settings.TRACING:
        tracing.install(import_string("asgi_app.opentelemetry_tracer.OpenTelemetryTracer")())


def stop() -> None:
    """Record no more spans, and send the last ones, for some seconds at most."""
    if tracer := tracing.tracer():
        tracing.install(None)
        tracer.close()
