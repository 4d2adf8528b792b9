"""Traces: one checkout is one trace, from the caller's request to the cleared cart, through every process."""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import closing

import pytest
import redis

from compose.stack import Stack
from tests.support.otlp import ReceivedSpan, Receiver, otlp_receiver
from tests.support.payment import Payment
from tests.support.server import server
from tests.support.world import Sandbox, World, eventually

SETTINGS = {"LOG_LEVEL": "INFO", "RATE_LIMITS": "off", "CIRCUIT_FAILURE_RATIO": "2", "OTEL_BSP_SCHEDULE_DELAY": "100"}
TRACE, SPAN = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    """Yield the receiver of all spans of the module's stack."""
    with otlp_receiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def traced(receiver: Receiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Yield a service that exports traces."""
    settings = {**SETTINGS, "OTEL_EXPORTER_OTLP_ENDPOINT": receiver.url}
    with (
        Stack(tmp_path_factory.mktemp("traced"), settings=settings, durable=False) as stack,
        closing(Sandbox(stack.control_url)) as sandbox,
        closing(World(stack, stack.url, sandbox)) as world,
    ):
        sandbox.payments(behaviour="manual")
        yield world


def whole_trace(receiver: Receiver, trace_id: str, *names: str) -> dict[str, ReceivedSpan]:
    """Wait until the trace has spans of all these names; return its spans by name."""

    def look() -> dict[str, ReceivedSpan]:
        spans = {span.name: span for span in receiver.trace(trace_id)}
        return spans if spans.keys() >= set(names) else {}

    return eventually(look, f"spans {names} of {trace_id}; there are {[s.name for s in receiver.trace(trace_id)]}")


def new_trace() -> tuple[str, dict[str, str]]:
    """Return the id of a new trace and the header of a call within it."""
    trace_id = uuid.uuid4().hex
    return trace_id, {"traceparent": f"00-{trace_id}-{SPAN}-01"}


def checkout(world: World, headers: dict[str, str]) -> str:
    """Place an order with these headers; return its id."""
    answer = world.shopper().http.post(
        "/api/v1/orders", json={}, headers={"Idempotency-Key": str(uuid.uuid4()), **headers}
    )
    assert answer.status_code == 201, answer.text
    return str(answer.json()["id"])


CHECKOUT = (
    "POST api/v1/orders",
    "GET",
    "ReserveStock",
    "write order",
    "create orders.events",
    "create payments.commands",
    "process clear_cart",
    "POST",
)


def test_a_checkout_is_one_trace_from_the_request_to_the_cleared_cart(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    checkout(traced, headers)
    spans = whole_trace(receiver, trace_id, *CHECKOUT)
    kinds = [spans[name].kind for name in CHECKOUT]
    assert kinds == ["server", "client", "client", "internal", "producer", "producer", "consumer", "client"]
    request, clearing = spans["POST api/v1/orders"], spans["process clear_cart"]
    assert request.parent == SPAN
    assert spans["POST"].parent == clearing.id
    by_id = {span.id: span for span in receiver.trace(trace_id)}
    assert all(span.parent in {*by_id, SPAN} for span in by_id.values())
    assert clearing.process != request.process


def test_a_checkout_without_a_traceparent_begins_a_trace_of_its_own(traced: World, receiver: Receiver) -> None:
    order_id = checkout(traced, {})

    def clearing() -> ReceivedSpan | None:
        return next((span for span in list(receiver.spans) if span.attributes.get("order.id") == order_id), None)

    trace_id = eventually(clearing, "the cart to be cleared").trace
    assert whole_trace(receiver, trace_id, *CHECKOUT)["POST api/v1/orders"].parent == ""


def test_published_messages_carry_the_trace(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    order_id = checkout(traced, headers)
    with redis.Redis.from_url(traced.stack.environment["REDIS_URL"]) as bus:

        def command() -> dict[str, str] | None:
            entries: list[tuple[bytes, dict[bytes, bytes]]] = bus.xrange("payments.commands")
            messages = [json.loads(fields[b"message"]) for _, fields in entries]
            return next((each for each in messages if each["order_id"] == order_id), None)

        sent = eventually(command, "the request to Payment")
    produced = whole_trace(receiver, trace_id, "create payments.commands")["create payments.commands"]
    assert sent["traceparent"] == f"00-{trace_id}-{produced.id}-01"


def test_a_payment_event_continues_the_trace_that_it_carries(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    with redis.Redis.from_url(traced.stack.environment["REDIS_URL"]) as bus:
        Payment(traced, bus).publish("captured", checkout(traced, {}), 2000, **headers)
    spans = whole_trace(receiver, trace_id, "process payments.events", "create orders.events", "process commit_stock")
    assert spans["process payments.events"].parent == SPAN
    names = {span.id: span.name for span in receiver.trace(trace_id)}
    parents = {span.id: span.parent for span in receiver.trace(trace_id)}
    transaction = spans["process commit_stock"].parent
    assert (names[transaction], names[parents[transaction]]) == ("record", "process payments.events")


def test_calls_to_other_services_carry_the_clients_span(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    checkout(traced, headers)
    whole_trace(receiver, trace_id, *CHECKOUT)
    clients = {span.attributes["peer.service"]: span for span in receiver.trace(trace_id) if span.kind == "client"}
    assert clients.keys() == {"user", "cart", "product"}
    assert clients["user"].attributes["http.response.status_code"] == 200
    assert clients["product"].attributes["rpc.method"] == "product.v1.ProductService/ReserveStock"


def test_a_failed_call_marks_its_span_and_that_of_the_request(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    ada = traced.shopper()
    with traced.sandbox.fault("user", kind="status", value=500):
        answer = ada.http.post("/api/v1/orders", json={}, headers={"Idempotency-Key": "k", **headers})
    assert answer.status_code == 503
    request = whole_trace(receiver, trace_id, "POST api/v1/orders")["POST api/v1/orders"]
    assert request.failed
    assert request.attributes["http.response.status_code"] == 503


def test_a_caller_who_does_not_sample_is_not_recorded(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    other, recorded = new_trace()
    checkout(traced, {"traceparent": headers["traceparent"].removesuffix("01") + "00"})
    checkout(traced, recorded)
    whole_trace(receiver, other, *CHECKOUT)
    assert receiver.trace(trace_id) == []


@pytest.mark.parametrize("value", ["", "nonsense", f"00-{'0' * 32}-{SPAN}-01", f"ff-{TRACE}-{SPAN}-01"])
def test_an_invalid_traceparent_begins_a_new_trace(traced: World, receiver: Receiver, value: str) -> None:
    order_id = checkout(traced, {"traceparent": value})

    def clearing() -> ReceivedSpan | None:
        return next((span for span in list(receiver.spans) if span.attributes.get("order.id") == order_id), None)

    assert eventually(clearing, "the cart to be cleared").trace not in (TRACE, "0" * 32)


def test_the_request_id_is_the_callers_and_the_log_has_the_ids_of_the_trace(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    answer = traced.customer().http.get("/api/v1/orders", headers={"X-Request-ID": trace_id[:8], **headers})
    assert answer.headers["x-request-id"] == trace_id[:8]
    request = whole_trace(receiver, trace_id, "GET api/v1/orders")["GET api/v1/orders"]

    def line() -> dict[str, str] | None:
        lines = (traced.stack.logs / "service.log").read_text().splitlines()
        return next((json.loads(each) for each in lines if trace_id in each and '"request"' in each), None)

    logged = eventually(line, "the request's line")
    assert (logged["request_id"], logged["trace_id"], logged["span_id"]) == (trace_id[:8], trace_id, request.id)


def test_spans_contain_no_personal_data(traced: World, receiver: Receiver) -> None:
    trace_id, headers = new_trace()
    product = traced.product(name="Canary mug")
    ada = traced.customer([(product, 1)], name="Canary Doe", email="canary@example.com")
    answer = ada.http.post("/api/v1/orders", json={"note": "canary"}, headers={"Idempotency-Key": "canary", **headers})
    assert answer.status_code == 201
    whole_trace(receiver, trace_id, *CHECKOUT)
    shown = repr(receiver.trace(trace_id)).lower()
    assert "canary" not in shown
    assert ada.id not in shown


def test_a_receiver_that_is_away_delays_no_request_and_no_stop(traced: World) -> None:
    with server(traced.stack, "untraced", OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1") as url:
        with closing(World(traced.stack, url, traced.sandbox)) as world:
            checkout(world, {})
        began = time.monotonic()
    assert time.monotonic() - began < 8  # 3 s for the last spans
