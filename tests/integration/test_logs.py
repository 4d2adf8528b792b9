"""Logs of a whole stack after requests, faults and payment messages of all kinds: they contain no personal data and no secret.

All personal data contain the word `canary`. The stack logs at DEBUG, so data that is absent here is absent at every
level.
"""

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest
import redis

from compose.stack import Stack
from tests.support.payment import Payment
from tests.support.world import Person, Sandbox, World, eventually

ADDRESS = {
    "name": "Canary Doe",
    "line1": "1 canary street",
    "line2": "canary floor",
    "city": "Canary Wharf",
    "postal_code": "CANARY",
    "country": "FR",
    "phone": "+33 canary",
}
USER: dict[str, Any] = {"name": "Canary Doe", "email": "canary@example.com", "default_address": ADDRESS}
PROCESSES = ("service", "worker", "beat")
FORGED = '\n{"event": "forged", "level": "info"}\r\n\u2028{"event": "forged"}'

Lines = dict[str, list[str]]


@pytest.fixture(scope="module")
def secrets() -> dict[str, str]:
    """Yield the stack's secrets; filled when it has started."""
    return {}


@pytest.fixture(scope="module")
def lines(tmp_path_factory: pytest.TempPathFactory, secrets: dict[str, str]) -> Lines:
    """Return all lines that each process of a stack has logged, with the requests and messages below in between."""
    with Stack(
        tmp_path_factory.mktemp("loud"), settings={"LOG_LEVEL": "DEBUG", "CIRCUIT_FAILURE_RATIO": "2"}, durable=False
    ) as stack:
        secrets.update({name: stack.environment[name] for name in SECRETS})
        with closing(Sandbox(stack.control_url)) as sandbox, closing(World(stack, stack.url, sandbox)) as world:
            sandbox.payments(behaviour="manual")
            with redis.Redis.from_url(stack.environment["REDIS_URL"]) as bus:
                _send_everything(world, Payment(world, bus))
    return {name: (stack.logs / f"{name}.log").read_text().split("\n")[:-1] for name in PROCESSES}


SECRETS = ("SERVICE_TOKEN", "JWT_SECRET", "PAYMENT_SIGNING_SECRET", "DJANGO_SECRET_KEY", "DATABASE_URL", "REDIS_URL")


def _send_everything(world: World, payment: Payment) -> None:
    product = world.product(name="Canary mug", sku="CANARY-1", vendor="v-1")

    def customer() -> Person:
        return world.customer([(product, 2)], **USER)

    _fulfil_an_order(world, payment, customer().place({"note": "canary note", "shipping_address": ADDRESS}))
    ada = customer()
    assert ada.post(f"/orders/{ada.place()['id']}/cancel", {"reason": "canary"}).status_code == 200
    _send_refused_requests(world, customer())
    _send_odd_requests(customer())
    _break_the_neighbours(world, customer())
    _poison(payment, customer().place({"note": "canary"})["id"])
    _break_the_database(world, payment, customer)
    payment.wait_until_acknowledged()


def _fulfil_an_order(world: World, payment: Payment, order: dict[str, Any]) -> None:
    payment.publish("captured", order["id"], 2000, payment_id="canary", reason="canary")
    world.admin().order_becomes(order["id"], status="confirmed")
    vendor, part = world.vendor("v-1"), f"/vendor-orders/{order['vendor_orders'][0]['id']}"
    parcel = {"carrier": "canary", "tracking_number": "canary", "tracking_url": "https://canary.example/"}
    assert vendor.post(f"{part}/accept").status_code == 200
    assert vendor.post(f"{part}/ship", parcel).status_code == 200


def _send_refused_requests(world: World, ada: Person) -> None:
    invalid = {"note": ["canary"], "shipping_address": {"country": "canary", "canary": 1}, "expected_total": "canary"}
    assert ada.checkout({"coupon_code": "CANARY"}).status_code == 409
    assert ada.checkout({"canary": "canary"}).status_code == 400
    assert ada.checkout(invalid).status_code == 400
    assert ada.checkout({"note": "canary" * 50_000}).status_code == 413
    assert world.vendor("canary").checkout({"note": "canary"}).status_code == 403
    for content, kind, status in (
        (b'{"note": "canary', "application/json", 400),
        (b"canary", "text/canary", 415),
        (b"\xffcanary", "application/json", 400),
    ):
        headers = {"Content-Type": kind, "Idempotency-Key": "canary"}
        assert ada.http.post("/api/v1/orders", content=content, headers=headers).status_code == status
    assert ada.get("/orders?q=canary").status_code == 200
    for name in ("canary", "cursor", "customer_id", "created_after"):
        assert ada.get(f"/orders?{name}=canary").status_code == 400


def _send_odd_requests(ada: Person) -> None:
    for path in (
        "/canary@example.com",
        "/api/v1/canary@example.com",
        "/api/v1/orders/canary",
        "/api/doc/canary",
        "/api/v1/orders/%0a%7B%22event%22:%22forged%22%7D",
        "/api/v1/canary/%00%0d%0a",
    ):
        assert ada.http.get(path).status_code == 404
    assert ada.http.get("/healthz?canary").status_code == 200
    for name in (
        "Authorization",
        "Cookie",
        "User-Agent",
        "Referer",
        "If-None-Match",
        "traceparent",
        "Accept",
        "Host",
        "X-Forwarded-For",
    ):
        for value in ("canary", "Bearer canary.canary.canary", 'canary="{}"; {"event":"forged"}'):
            expected = {"Authorization": 401, "Host": 400}.get(name, 200)
            assert ada.get("/orders", headers={name: value}).status_code == expected
    assert ada.get("/orders", headers={"X-Request-ID": FORGED.splitlines()[1]}).status_code == 200


def _break_the_neighbours(world: World, ada: Person) -> None:
    answers: list[Any] = ["canary", {"canary": "canary"}, {"id": "canary"}, {"id": ada.id, "is_active": "canary"}]
    empty_cart = {"customer_id": ada.id, "version": 1, "currency": "canary", "items": []}
    answers += [
        empty_cart,
        {
            "customer_id": ada.id,
            "version": 1,
            "currency": "EUR",
            "items": [{"product_id": "canary\0", "quantity": "canary"}],
        },
    ]
    faults = [{"kind": "body", "value": answer} for answer in answers]
    for neighbour in ("user", "cart"):
        for fault in (
            *faults,
            {"kind": "garbage"},
            {"kind": "status", "value": 500},
            {"kind": "status", "value": 302},
            {"kind": "reset"},
        ):
            is_empty = neighbour == "cart" and fault.get("value") == empty_cart
            with world.sandbox.fault(neighbour, **fault):
                assert ada.checkout({"note": "canary"}).status_code == (422 if is_empty else 503)
    for wrong in ("other_currency", "no_vendor", "other_order"):
        with world.sandbox.fault("product", kind="body", value=wrong):
            assert ada.checkout({"note": "canary"}).status_code == 503


def _poison(payment: Payment, order_id: str) -> None:
    fields = (
        "event_id",
        "type",
        "occurred_at",
        "order_id",
        "payment_id",
        "currency",
        "refund_id",
        "signature",
        "amount_minor",
    )
    for name in fields:
        payment.send(payment.event("captured", order_id, **{"reason": "canary", name: "canary-" + uuid.uuid4().hex}))
        payment.send({**payment.event("captured", order_id, reason="canary"), name: ["canary"]})
    for raw in (b"canary", b'{"canary": "canary', b"\xffcanary", b'"canary"', FORGED.encode(), b"canary" * 200_000):
        payment.send(raw)


def _break_the_database(world: World, payment: Payment, customer: Callable[[], Person]) -> None:
    """Have the database refuse rows: its error messages contain the row, or even the statement's text."""
    ada = customer()
    with _refusing(world, "orders", "note <> 'canary refused'"):
        assert ada.checkout({"note": "canary refused"}).status_code == 500
    order = ada.place({"note": "canary"})
    with _refusing(world, "payment_events", "payment_id <> 'canary refused'"):
        payment.publish("captured", order["id"], 2000, via="channel", payment_id="canary refused")
        _until_logged(world, "service", 'relation \\"payment_events\\" violates check constraint \\"refused\\"')
        payment.publish("failed", order["id"], None, payment_id="canary")
        ada.order_becomes(order["id"], payment_status="failed")
    with _refusing(world, "dead_letters", "message::int > 0"):
        payment.send(b"canary refused", via="channel")
        payment.publish("authorized", order["id"], None)
        ada.order_becomes(order["id"], payment_status="authorized")
    with _refusing(world, "orders", "status <> 'expired'"):
        world.sql("UPDATE orders SET expires_at = now() WHERE id = %s", order["id"])
        _until_logged(world, "worker", "raised unexpected")


def _until_logged(world: World, process: str, words: str) -> None:
    log = world.stack.logs / f"{process}.log"
    eventually(lambda: words in log.read_text(), f"{words!r} in the log")


@contextmanager
def _refusing(world: World, table: str, unless: str) -> Iterator[None]:
    world.sql(f"ALTER TABLE {table} ADD CONSTRAINT refused CHECK ({unless}) NOT VALID")
    try:
        yield
    finally:
        world.sql(f"ALTER TABLE {table} DROP CONSTRAINT refused")


@pytest.mark.parametrize("process", PROCESSES)
def test_no_personal_data_is_in_the_log(lines: Lines, process: str) -> None:
    assert [line[:2000] for line in lines[process] if "canary" in line.lower()] == []


@pytest.mark.parametrize("process", PROCESSES)
def test_no_secret_and_no_token_is_in_the_log(lines: Lines, secrets: dict[str, str], process: str) -> None:
    text = "\n".join(lines[process])
    assert [name for name, secret in secrets.items() if secret in text] == []
    assert "eyJ" not in text


@pytest.mark.parametrize("process", PROCESSES)
def test_every_line_is_one_json_object_with_a_time_a_level_and_an_event(lines: Lines, process: str) -> None:
    """Except the banner that Celery prints on standard output, which contains no input."""
    written = [line for line in lines[process] if process == "service" or line.startswith("{")]
    assert written
    for line in written:
        entry = json.loads(line)
        assert {"timestamp", "level", "event"} <= entry.keys()
        assert entry["event"] != "forged"


def test_every_request_has_a_line_with_its_id_and_its_failure_has_the_same(lines: Lines) -> None:
    entries = [json.loads(line) for line in lines["service"]]
    requests = [entry for entry in entries if entry["event"] == "request"]
    assert len(requests) > 80
    assert all(entry["request_id"] for entry in requests)
    assert all(len(entry["trace_id"]) == 32 for entry in requests)
    [failed] = [entry["request_id"] for entry in entries if entry["event"] == "request_failed"]
    assert [entry["status"] for entry in requests if entry["request_id"] == failed] == [500]


@pytest.mark.parametrize(
    ("process", "event", "place"),
    [
        ("service", "request_failed", "orders/store/order_writer.py"),
        ("service", "payment_message_failed", "orders/services/payments/events.py"),
        ("worker", "raised unexpected", "orders/services/lifecycle/expire.py"),
    ],
)
def test_a_failure_is_logged_with_its_place_and_its_class(lines: Lines, process: str, event: str, place: str) -> None:
    failures = [json.loads(line)["exception"] for line in lines[process] if line.startswith("{") and event in line]
    assert any(place in failure and 'violates check constraint "refused"' in failure for failure in failures)
