"""Payment's messages: a signed and well-formed message becomes an event, any other is unusable and has no other effect."""

import hashlib
import hmac
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from messaging import signing
from messaging.events import MAX_BYTES, claimed_order_id, parse
from orders.domain.money import MAX_MINOR
from orders.services.payments.events import Unusable

SECRET = "a secret shared with Payment, for these tests alone"
ORDER = "0192d3a0-1111-4222-8333-444455556666"
CAPTURED = {
    "event_id": "0192-evt-1",
    "type": "payment.captured",
    "occurred_at": "2026-11-22T10:00:00Z",
    "order_id": ORDER,
    "payment_id": "pay-1",
    "amount_minor": 2342,
    "currency": "EUR",
    "refund_id": None,
    "reason": None,
}
"""The example of the contract (neighbours, "Payment Service")."""

SIGNED = ("event_id", "type", "occurred_at", "order_id", "payment_id", "amount_minor", "currency", "refund_id")
TYPES = ["authorized", "captured", "failed", "voided", "refunded", "refund_failed", "unknown"]
MONEY_TYPES = ["captured", "refunded"]


@pytest.fixture(autouse=True)
def _secret() -> Iterator[None]:
    with override_settings(PAYMENT_SIGNING_SECRET=SECRET):
        yield


def hmac_of(message: dict[str, Any], secret: str = SECRET) -> str:
    """Return the contract's signature, by code that shares nothing with the service's."""
    lines = ["" if message.get(name) is None else str(message[name]) for name in SIGNED]
    return hmac.new(secret.encode("utf-8"), "\n".join(lines).encode("utf-8"), hashlib.sha256).hexdigest()


def signed(secret: str = SECRET, **fields: Any) -> bytes:
    """Return the contract's example with some other fields, signed anew."""
    message = CAPTURED | fields
    return json.dumps({**message, "signature": hmac_of(message, secret)}).encode()


def refusal(raw: bytes) -> str:
    with pytest.raises(Unusable) as refused:
        parse(raw)
    return str(refused.value)


def test_the_message_of_the_contract_becomes_an_event() -> None:
    event = parse(signed())
    assert (event.event_id, event.type, event.order_id) == ("0192-evt-1", "payment.captured", UUID(ORDER))
    assert (event.payment_id, event.amount, event.currency, event.refund_id) == ("pay-1", 2342, "EUR", None)
    assert event.occurred_at == datetime(2026, 11, 22, 10, tzinfo=UTC)
    assert event.message | CAPTURED == event.message


@pytest.mark.parametrize("word", TYPES)
def test_every_type_of_the_contract_is_parsed(word: str) -> None:
    assert parse(signed(type=f"payment.{word}")).type == f"payment.{word}"


@pytest.mark.parametrize("word", sorted({*TYPES} - {*MONEY_TYPES}))
def test_an_event_that_moves_no_money_needs_no_amount(word: str) -> None:
    event = parse(signed(type=f"payment.{word}", amount_minor=None, currency=None, payment_id=None))
    assert (event.amount, event.currency, event.payment_id) == (0, "", None)


@pytest.mark.parametrize("word", MONEY_TYPES)
@pytest.mark.parametrize("fields", [{"amount_minor": None}, {"amount_minor": 0}, {"currency": None}, {"currency": ""}])
def test_an_event_that_moves_money_needs_an_amount(word: str, fields: dict[str, Any]) -> None:
    assert "amount or currency" in refusal(signed(type=f"payment.{word}", **fields))


def test_null_fields_may_be_left_out() -> None:
    message = {name: value for name, value in CAPTURED.items() if value is not None}
    raw = json.dumps({**message, "signature": hmac_of(message)}).encode()
    assert parse(raw).amount == 2342


def test_unknown_fields_are_ignored() -> None:
    assert parse(signed(shop="north", more={"a": [1]})).amount == 2342


def test_a_refund_keeps_its_id() -> None:
    assert parse(signed(type="payment.refunded", refund_id="r-1")).refund_id == "r-1"


@pytest.mark.parametrize(
    "moment",
    [
        *("2026-11-22T11:00:00+01:00", "2026-11-22T10:00:00.000000Z", "2026-11-22T10:00:00.000+00:00"),
        *("2026-11-22t10:00:00z", "2026-11-22T09:59:60Z", "2026-11-22T09:59:59.9999999Z"),
    ],
)
def test_a_time_may_be_given_in_any_time_zone(moment: str) -> None:
    assert parse(signed(occurred_at=moment)).occurred_at == datetime(2026, 11, 22, 10, tzinfo=UTC)


@pytest.mark.parametrize(
    "moment",
    [
        "",
        "yesterday",
        "2026-11-22",
        "2026-11-22T10:00:00",
        "2026-13-01T00:00:00Z",
        "1795341600",
        "2026-11-22T10:00:00+",
        "2026-W47-7T10:00:00Z",
        "20261122T100000Z",
        "2026-11-22T10:00:00+01:60",
    ],
)
def test_an_invalid_time_is_refused(moment: str) -> None:
    assert "occurred_at" in refusal(signed(occurred_at=moment))


@pytest.mark.parametrize("moment", ["9999-12-31T23:59:59-01:00", "0001-01-01T00:00:00+01:00"])
def test_a_time_outside_the_years_of_utc_is_refused(moment: str) -> None:
    """PostgreSQL would keep it as the year 10000 or 1 BC, and no row with it could be read again."""
    assert "occurred_at" in refusal(signed(occurred_at=moment))


@pytest.mark.parametrize("order_id", ["", "o-1", ORDER[:-1], ORDER + "0", "g" * 32])
def test_a_malformed_order_id_is_refused(order_id: str) -> None:
    assert "order_id" in refusal(signed(order_id=order_id))


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "payment.requested"},
        {"type": "captured"},
        {"type": None},
        {"event_id": ""},
        {"event_id": "e" * 65},
        {"event_id": 7},
        {"event_id": None},
        {"amount_minor": -1},
        {"amount_minor": MAX_MINOR + 1},
        {"amount_minor": 23.42},
        {"amount_minor": "2342"},
        {"amount_minor": True},
        {"currency": "EURO"},
        {"currency": 978},
        {"order_id": 5},
        {"payment_id": ["pay-1"]},
        {"refund_id": ""},
        {"reason": {"code": 1}},
    ],
)
def test_a_message_that_breaks_the_contract_is_refused_though_it_is_signed(fields: dict[str, Any]) -> None:
    assert refusal(signed(**fields))


@pytest.mark.parametrize("field", ["event_id", "payment_id", "currency", "refund_id"])
def test_a_text_that_the_database_cannot_store_is_refused(field: str) -> None:
    assert refusal(signed(type="payment.failed", **{field: "a\0b"}))


@pytest.mark.parametrize("longest", [("event_id", 64), ("payment_id", 200), ("refund_id", 64)])
def test_ids_may_be_as_long_as_their_columns(longest: tuple[str, int]) -> None:
    field, length = longest
    assert getattr(parse(signed(**{field: "é" * length})), field) == "é" * length
    assert refusal(signed(**{field: "é" * (length + 1)}))


def test_the_largest_amount_is_the_largest_that_json_carries_exactly() -> None:
    assert parse(signed(amount_minor=MAX_MINOR)).amount == MAX_MINOR


# --- signatures -------------------------------------------------------------------------------------------------------

ALTERED = {
    "event_id": "0192-evt-2",
    "type": "payment.refunded",
    "occurred_at": "2026-11-22T10:00:01Z",
    "order_id": ORDER.replace("6666", "7777"),
    "payment_id": "pay-2",
    "amount_minor": 2343,
    "currency": "USD",
    "refund_id": "r-1",
}


@pytest.mark.parametrize("field", SIGNED)
def test_a_message_with_one_signed_field_altered_is_refused(field: str) -> None:
    message = json.loads(signed())
    assert "signature" in refusal(json.dumps(message | {field: ALTERED[field]}).encode())


@pytest.mark.parametrize("field", SIGNED)
def test_a_message_with_one_signed_field_left_out_is_refused(field: str) -> None:
    message = json.loads(signed(refund_id="r-1"))
    del message[field]
    assert refusal(json.dumps(message).encode())


@given(st.sampled_from([name for name in SIGNED if name != "type"]), st.text(max_size=20))
def test_no_other_text_fits_the_signature(field: str, text: str) -> None:
    message = json.loads(signed())
    if str(message[field]) != text and (message[field], text) != (None, ""):
        assert refusal(json.dumps(message | {field: text}).encode())


def test_an_unsigned_field_may_be_altered() -> None:
    message = json.loads(signed())
    assert parse(json.dumps(message | {"reason": "said later"}).encode()).amount == 2342


@pytest.mark.parametrize(
    "signature",
    [
        None,
        "",
        "0" * 64,
        hmac_of(CAPTURED)[:-1],
        hmac_of(CAPTURED).upper(),
        hmac_of(CAPTURED) + " ",
        "é" * 64,
        7,
        [],
        {},
    ],
)
def test_a_signature_that_is_missing_or_wrong_is_refused(signature: object) -> None:
    assert refusal(json.dumps({**CAPTURED, "signature": signature}).encode())


@pytest.mark.parametrize("secret", ["", SECRET[:-1], SECRET.upper(), "None"])
def test_a_message_signed_with_another_secret_is_refused(secret: str) -> None:
    assert "signature" in refusal(signed(secret))


def test_with_a_fallback_the_messages_of_both_secrets_are_accepted_and_no_other() -> None:
    other = SECRET[::-1]
    with override_settings(PAYMENT_SIGNING_SECRET_FALLBACK=other):
        assert parse(signed(SECRET)).amount == parse(signed(other)).amount == 2342
        for foreign in ("", SECRET + other, "None"):
            assert "signature" in refusal(signed(foreign))
        assert "signature" in refusal(json.dumps(CAPTURED).encode())
    assert "signature" in refusal(signed(other))


def test_a_message_without_any_signature_is_refused() -> None:
    assert "signature" in refusal(json.dumps(CAPTURED).encode())


def test_lines_cannot_move_from_one_signed_field_to_the_next() -> None:
    """`payment_id` "pay-1\\n2342" and no amount signs the same text as "pay-1" and 2342 with a line more: never equal."""
    message = json.loads(signed())
    moved = {"payment_id": "pay-1\n2342", "amount_minor": None}
    assert refusal(json.dumps(message | moved | {"type": "payment.failed"}).encode())
    assert "signature" in refusal(json.dumps(message | {"event_id": "0192-evt-1\npayment.captured"}).encode())


@given(
    st.sampled_from(TYPES),
    st.integers(1, MAX_MINOR),
    st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=64),
)
def test_the_service_signs_as_payment_does(word: str, amount: int, text: str) -> None:
    message = CAPTURED | {"type": f"payment.{word}", "amount_minor": amount, "refund_id": text or None}
    assert signing.signature(message, SECRET) == hmac_of(message)
    assert signing.is_signed({**message, "signature": hmac_of(message)}, SECRET)


# --- arbitrary input --------------------------------------------------------------------------------------------------


def survives(raw: bytes) -> None:
    """Check that neither reading the message nor finding its order raises an unexpected exception."""
    try:
        event = parse(raw)
    except Unusable as error:
        assert str(error)
    else:
        assert event.occurred_at.tzinfo is not None
        assert abs(event.occurred_at.astimezone(UTC) - datetime.now(UTC)) < timedelta(days=365 * 10_000)
    assert isinstance(claimed_order_id(raw), UUID | None)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


@given(st.binary(max_size=300))
@example(b"")
@example(b"\xff")
@example(b'{"event_id": "\xff"}')
@example(b'{"event_id": "\\ud800"}')
@example(b'"\xed\xa0\x80"')
@example(b"[" * 100_000)
@example(b'{"a":' * 100_000)
@example(b'{"order_id": "\xff"}')
@example(b'{"order_id": {"order_id": []}}')
@example(b"\xef\xbb\xbf{}")
@example(b"1e999")
@example(b"9" * 5000)
def test_arbitrary_bytes_are_at_worst_unusable(raw: bytes) -> None:
    survives(raw)


@given(json_values)
def test_arbitrary_json_is_at_worst_unusable(value: Any) -> None:
    survives(json.dumps(value).encode())


@given(st.dictionaries(st.sampled_from([*SIGNED, "reason", "signature"]), json_values, max_size=3))
def test_an_arbitrary_field_makes_its_message_at_worst_unusable(fields: dict[str, Any]) -> None:
    message = CAPTURED | fields
    survives(json.dumps({"signature": hmac_of(message), **message}).encode("utf-8", "surrogatepass"))


@given(st.datetimes(timezones=st.timezones()))
def test_an_arbitrary_time_is_parsed_or_refused(moment: datetime) -> None:
    survives(signed(occurred_at=moment.isoformat()))


@given(st.integers(0, 400), st.binary(min_size=1, max_size=3))
def test_a_damaged_message_is_at_worst_unusable(place: int, damage: bytes) -> None:
    raw = signed()
    survives(raw[:place] + damage + raw[place + len(damage) :])


def test_a_message_over_one_mebibyte_is_refused_unparsed() -> None:
    padded = signed(reason="x" * (MAX_BYTES - len(signed(reason=""))))
    assert len(padded) == MAX_BYTES
    assert parse(padded).amount == 2342
    assert "1 MiB" in refusal(padded + b" ")


def test_an_unusable_message_may_still_name_its_order() -> None:
    assert claimed_order_id(json.dumps({"order_id": ORDER, "amount_minor": -1}).encode()) == UUID(ORDER)
    assert claimed_order_id(b"nonsense") is None
    assert claimed_order_id(b'{"order_id": "\xff"}') is None
