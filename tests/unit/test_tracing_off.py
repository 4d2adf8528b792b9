"""Tracing while it is off, which is the default: neither tracer nor exporter is imported, and spans do nothing."""

import subprocess
import sys

import pytest

from clients.tracing import call_headers
from orders.runtime import tracing
from orders.runtime.tracing import NO_SPAN, span
from tests.support.environment import CHECKOUT, PLACEHOLDERS, read
from tests.support.settings import ENOUGH, start

PROCESSES = "import sys, asgi_app.asgi, asgi_app.urls, asgi_app.celery, orders.tasks, asgi_app.tracing as tracing; "
LOADED = "print([name for name in ('asgi_app.opentelemetry_tracer', 'opentelemetry.exporter') if name in sys.modules])"
ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"


def loaded(**settings: str) -> str:
    """Return which of tracer and exporter the service's processes import with these settings.

    redis-py imports OpenTelemetry's metrics where they are installed, whatever the settings are.
    """
    command = [sys.executable, "-W", "ignore", "-c", f"{PROCESSES}tracing.start_if_configured(); {LOADED}"]
    environment = {**read(PLACEHOLDERS), **settings}
    return subprocess.run(
        command, env=environment, cwd=CHECKOUT, capture_output=True, text=True, timeout=120, check=True
    ).stdout.strip()


def test_tracer_and_exporter_are_imported_only_if_a_receiver_is_named() -> None:
    assert loaded() == "[]"
    assert loaded(**{ENDPOINT: "http://127.0.0.1:1"}) == "['asgi_app.opentelemetry_tracer', 'opentelemetry.exporter']"


@pytest.mark.parametrize(
    ("settings", "is_on"),
    [
        ({}, False),
        ({ENDPOINT: ""}, False),
        ({ENDPOINT: "http://collector:4318"}, True),
        ({"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://collector:4318/v1/traces"}, True),
        ({ENDPOINT: "http://collector:4318", "OTEL_SDK_DISABLED": "true"}, False),
        ({ENDPOINT: "http://collector:4318", "OTEL_TRACES_EXPORTER": "none"}, False),
    ],
)
def test_a_receiver_switches_tracing_on_unless_the_sdk_or_the_exporter_is_off(
    settings: dict[str, str], is_on: bool
) -> None:
    assert start(ENOUGH | settings)["TRACING"] is is_on


def test_a_span_that_is_off_is_the_same_object_each_time_and_nothing_is_written_for_it() -> None:
    with span("one", "server") as first, span("two", parent={"traceparent": "x"}) as second:
        first.set("a", 1)
        first.fail("b")
        assert first is second is NO_SPAN
        assert tracing.traceparent() is None


def test_a_call_without_tracing_carries_a_traceparent_all_the_same() -> None:
    headers = call_headers("token")
    version, trace, parent, flags = headers["traceparent"].split("-")
    assert (version, len(trace), len(parent), flags) == ("00", 32, 16, "01")
    assert headers["traceparent"] != call_headers("token")["traceparent"]
