"""Messages that resemble Payment's and must have no effect: unsigned, altered, impossible, or no messages at all."""

import json
import uuid
from collections.abc import Callable
from typing import Any

from tests.support.payment import Message, Payment, signature

TOTAL = 2000

Forge = Callable[[Payment, Message], bytes]
"""Makes the bytes of a forged message from a valid capture."""


def signed(**fields: Any) -> Forge:
    """Return a maker of a message with impossible fields under Payment's own signature."""
    return lambda payment, message: json.dumps(payment.sign({**message, **fields})).encode()


def altered(**fields: Any) -> Forge:
    """Return a maker of a message with fields changed after signing."""
    return lambda _, message: json.dumps({**message, **fields}).encode()


def damaged(damage: Callable[[bytes], bytes]) -> Forge:
    """Return a maker of the bytes of a valid message, damaged."""
    return lambda _, message: damage(json.dumps(message).encode())


def signature_of_another(payment: Payment, message: Message) -> bytes:
    other = payment.sign({**message, "event_id": str(uuid.uuid4())})
    return json.dumps({**message, "signature": other["signature"]}).encode()


def guessed(_: Payment, message: Message) -> bytes:
    return json.dumps({**message, "signature": signature(message, "guessed")}).encode()


OTHERWISE: dict[str, Any] = {
    "event_id": "another",
    "type": "payment.refunded",
    "occurred_at": "2026-11-22T10:00:01Z",
    "order_id": str(uuid.uuid4()),
    "payment_id": "pay-2",
    "amount_minor": TOTAL + 1,
    "currency": "USD",
    "refund_id": "r-1",
}
"""A plausible value of each signed field."""

FORGERIES: dict[str, Forge] = {
    "unsigned": altered(signature=None),
    "signed with nothing": altered(signature=""),
    "signed with a list": altered(signature=[]),
    "signature of another message": signature_of_another,
    "a guessed secret": guessed,
    **{f"{name} altered": altered(**{name: value}) for name, value in OTHERWISE.items()},
    "another currency": signed(currency="USD"),
    "no currency": signed(currency=None),
    "negative": signed(amount_minor=-TOTAL),
    "nothing": signed(amount_minor=0),
    "beyond 64 bits": signed(amount_minor=2**64),
    "a fraction": signed(amount_minor=0.5),
    "an unknown type": signed(type="payment.doubled"),
    "NUL in its id": signed(event_id=f"\0{uuid.uuid4()}"),
    "NUL in its payment": signed(payment_id="pay\0"),
    "no order's id": signed(order_id="\0"),
    "oversized": signed(padding="x" * 2**20),
    "cut off": damaged(lambda raw: raw[:-1]),
    "not UTF-8": damaged(lambda raw: raw.replace(b"pay-1", b"pay-\xff")),
    "half a surrogate pair": damaged(lambda raw: raw.replace(b"pay-1", b"\\ud83d")),
    "a surrogate in UTF-8": damaged(lambda raw: raw.replace(b"pay-1", b"\xed\xa0\xbd")),
    "after a byte order mark": damaged(lambda raw: b"\xff\xfe" + raw),
    "NaN": damaged(lambda raw: raw.replace(b'"amount_minor": 2000', b'"amount_minor": NaN')),
    "a deep nest": damaged(lambda raw: raw[:-1] + b', "x": ' + b"[" * 50_000),
    "a deep nest, closed": damaged(lambda raw: b"[" * 50_000 + raw + b"]" * 50_000),
    "many numbers": damaged(lambda raw: b"[" + b"1e999," * 10_000 + raw + b"]"),
}
