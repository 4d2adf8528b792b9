"""The events of the sandbox's Payment Service for each command: money moves once, a repeated event keeps its id."""

from typing import Any

import pytest

from compose.sandbox.payment_messages import InvalidMessage, Message, check_command, event, is_signed, signature
from compose.sandbox.payment_processor import PaymentProcessor


def command(kind: str = "requested", order_id: str = "o", amount: int = 1000, **fields: Any) -> Message:
    return event(f"payment.{kind}", **{"order_id": order_id, "amount_minor": amount, "currency": "EUR", **fields})


@pytest.fixture
def processor() -> PaymentProcessor:
    return PaymentProcessor()


@pytest.fixture
def captured(processor: PaymentProcessor) -> Message:
    processor.open(command())
    return processor.settle("o", "capture")[0]


def types(messages: list[Message]) -> list[str]:
    return [message["type"] for message in messages]


def test_a_capture_carries_the_total_and_a_payment_id(captured: Message) -> None:
    assert (captured["type"], captured["amount_minor"], captured["currency"]) == ("payment.captured", 1000, "EUR")
    assert captured["payment_id"]
    assert captured["refund_id"] is None


def test_a_repeated_request_moves_no_money(processor: PaymentProcessor, captured: Message) -> None:
    assert not processor.open(command(amount=5000))
    assert processor.settle("o", "capture") == []
    assert processor.payments["o"].captured_minor == 1000


def test_a_status_request_repeats_the_same_event(processor: PaymentProcessor, captured: Message) -> None:
    assert processor.status(command("status_requested")) == [captured]
    refunded = processor.refund(command("refund_requested", amount=300, refund_id="r-1"))[0]
    assert processor.status(command("status_requested")) == [captured, refunded]


@pytest.mark.parametrize(("outcome", "kind"), [("authorize", "payment.authorized"), ("fail", "payment.failed")])
def test_a_status_request_repeats_the_last_event_of_a_payment_without_money(
    processor: PaymentProcessor, outcome: str, kind: str
) -> None:
    processor.open(command())
    events = processor.settle("o", outcome)
    assert types(events) == [kind]
    assert processor.status(command("status_requested")) == events


def test_an_open_payment_has_no_event_yet(processor: PaymentProcessor) -> None:
    processor.open(command())
    assert processor.status(command("status_requested")) == []


def test_an_unknown_order_is_reported_as_unknown_and_not_stored(processor: PaymentProcessor) -> None:
    first, second = (processor.status(command("status_requested"))[0] for _ in range(2))
    assert (first["type"], first["order_id"], first["payment_id"]) == ("payment.unknown", "o", None)
    assert first["event_id"] != second["event_id"]
    assert processor.open(command())


@pytest.mark.parametrize("outcome", [None, "authorize", "fail"])
def test_a_cancel_voids_once_while_nothing_is_captured(processor: PaymentProcessor, outcome: str | None) -> None:
    processor.open(command())
    if outcome:
        processor.settle("o", outcome)
    voided = processor.cancel(command("cancel_requested"))
    assert types(voided) == ["payment.voided"]
    assert processor.cancel(command("cancel_requested")) == voided == processor.status(command("status_requested"))
    assert processor.settle("o", "capture") == []


def test_a_cancel_after_a_capture_is_ignored(processor: PaymentProcessor, captured: Message) -> None:
    assert processor.cancel(command("cancel_requested")) == []
    assert processor.status(command("status_requested")) == [captured]


def test_a_cancel_that_overtakes_its_request_keeps_it_from_being_charged(processor: PaymentProcessor) -> None:
    assert types(processor.cancel(command("cancel_requested"))) == ["payment.voided"]
    assert not processor.open(command())


def test_a_refund_happens_once_for_each_refund_id(processor: PaymentProcessor, captured: Message) -> None:
    first = processor.refund(command("refund_requested", amount=400, refund_id="r-1"))
    assert (types(first), first[0]["refund_id"], first[0]["amount_minor"]) == (["payment.refunded"], "r-1", 400)
    assert processor.refund(command("refund_requested", amount=400, refund_id="r-1")) == first
    assert types(processor.refund(command("refund_requested", amount=600, refund_id="r-2"))) == ["payment.refunded"]
    assert processor.payments["o"].refunded_minor == 1000


@pytest.mark.parametrize(
    "wrong",
    [{"amount": 1001}, {"amount": 0}, {"currency": "USD"}, {"refund_id": None}, {"order_id": "never-heard-of"}],
)
def test_an_impossible_refund_fails_with_a_reason(
    processor: PaymentProcessor, captured: Message, wrong: dict[str, Any]
) -> None:
    answer = processor.refund(command("refund_requested", **{"refund_id": "r-1", **wrong}))
    assert types(answer) == ["payment.refund_failed"]
    assert answer[0]["reason"]
    assert processor.payments["o"].refunded_minor == 0


def test_refunds_together_never_exceed_what_was_captured(processor: PaymentProcessor, captured: Message) -> None:
    processor.refund(command("refund_requested", amount=700, refund_id="r-1"))
    assert types(processor.refund(command("refund_requested", amount=400, refund_id="r-2"))) == [
        "payment.refund_failed"
    ]


def test_no_event_in_between_makes_a_refund_happen_twice(processor: PaymentProcessor, captured: Message) -> None:
    request = command("refund_requested", amount=100, refund_id="r-1")
    first = processor.refund(request)
    payment = processor.payments["o"]
    payment.record(payment.event("payment.refund_failed", amount_minor=100, refund_id="r-1"))
    assert processor.refund(request) == first


def test_a_failed_refund_repeats_its_event_until_the_payment_is_captured(processor: PaymentProcessor) -> None:
    processor.open(command())
    request = command("refund_requested", refund_id="r-1")
    failed = processor.refund(request)
    assert processor.refund(request) == failed
    processor.settle("o", "capture")
    assert types(processor.refund(request)) == ["payment.refunded"]


def test_the_signature_is_that_of_the_contract() -> None:
    message = {
        "event_id": "0192",
        "type": "payment.captured",
        "occurred_at": "2026-11-22T10:00:00Z",
        "order_id": "o-1",
        "payment_id": "pay-1",
        "amount_minor": 2342,
        "currency": "EUR",
        "refund_id": None,
        "reason": "not signed",
    }
    # printf '0192\npayment.captured\n2026-11-22T10:00:00Z\no-1\npay-1\n2342\nEUR\n' | openssl dgst -sha256 -hmac secret
    true = "63fcaa85fa2f4456e13c1ffab23362b0022a1b03ddde41acf9c73b60bbff6328"
    assert signature(message, b"secret") == true
    assert is_signed({**message, "signature": true}, b"secret")
    for forged in ({"signature": true[:-1] + "0"}, {"signature": None}, {}, {"signature": 7}):
        assert not is_signed({**message, **forged}, b"secret")
    for changed in ({"amount_minor": 2343}, {"refund_id": "r"}, {"payment_id": None}):
        assert not is_signed({**message, "signature": true, **changed}, b"secret")


def test_events_carry_the_time_in_utc() -> None:
    assert event("payment.captured")["occurred_at"].endswith("Z")


@pytest.mark.parametrize(
    "wrong",
    [
        {"event_id": ""},
        {"event_id": "x" * 65},
        {"type": "payment.captured"},
        {"order_id": None},
        {"amount_minor": -1},
        {"amount_minor": True},
        {"amount_minor": 1.5},
        {"currency": None},
        {"refund_id": ["r"]},
    ],
)
def test_a_message_that_is_no_command_is_invalid(wrong: dict[str, Any]) -> None:
    check_command(command())
    with pytest.raises(InvalidMessage):
        check_command({**command(), **wrong})
