"""The decoder of payment messages, which validates their structure, ranges and signature."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

import msgspec
from django.conf import settings
from msgspec import Meta, Struct

from messaging.signing import is_signed
from orders.domain.money import MAX_MINOR
from orders.domain.timestamps import read_timestamp
from orders.services.payments.events import PaymentMessage, Unusable

MAX_BYTES = 1024 * 1024

TYPES = frozenset(
    f"payment.{name}" for name in ("authorized", "captured", "failed", "voided", "refunded", "refund_failed", "unknown")
)

_NO_NUL = r"^[^\x00]*$"
_Text = Annotated[str, Meta(min_length=1, max_length=64, pattern=_NO_NUL)]


class _Message(Struct):
    event_id: _Text
    type: str
    occurred_at: str
    order_id: str
    payment_id: Annotated[str, Meta(max_length=200, pattern=_NO_NUL)] | None = None
    amount_minor: Annotated[int, Meta(ge=0, le=MAX_MINOR)] | None = None
    currency: Annotated[str, Meta(max_length=3, pattern=_NO_NUL)] | None = None
    refund_id: _Text | None = None
    reason: str | None = None
    signature: str | None = None
    traceparent: Any = None


def parse(raw: bytes) -> PaymentMessage:
    """Decode the payment message in `raw`. Raises Unusable with the reason."""
    if len(raw) > MAX_BYTES:
        raise Unusable(f"it has {len(raw)} bytes, more than 1 MiB")
    try:
        message = msgspec.json.decode(raw, type=_Message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unusable(f"it isn't a payment message: {error}") from error
    fields = msgspec.to_builtins(message)
    del fields["traceparent"]  # it is part of neither the contract nor the ledger
    secrets = [each for each in (settings.PAYMENT_SIGNING_SECRET, settings.PAYMENT_SIGNING_SECRET_FALLBACK) if each]
    if secrets and not any(is_signed(fields, secret) for secret in secrets):
        raise Unusable("its signature is missing or invalid")
    if message.type not in TYPES:  # msgspec would quote the value, and reasons are logged
        raise Unusable("its type is unknown")
    if message.type in ("payment.captured", "payment.refunded") and not (message.amount_minor and message.currency):
        raise Unusable("it is a capture or refund with no amount or currency")
    return PaymentMessage(
        event_id=message.event_id,
        type=message.type,
        occurred_at=_timestamp(message.occurred_at),
        order_id=_order_id(message.order_id),
        payment_id=message.payment_id,
        amount=message.amount_minor or 0,
        currency=message.currency or "",
        refund_id=message.refund_id,
        traceparent=message.traceparent if isinstance(message.traceparent, str) else None,
        message={**fields, "reason": message.reason and message.reason.replace("\0", "\N{SYMBOL FOR NULL}")},
    )


def claimed_order_id(raw: bytes) -> UUID | None:
    """Return the order id of an unusable message, if it can be decoded."""
    try:
        fields: Any = msgspec.json.decode(raw)
        return UUID(fields["order_id"])
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _timestamp(text: str) -> datetime:
    try:
        return read_timestamp(text)
    except ValueError as error:
        raise Unusable("its occurred_at is not an RFC 3339 time") from error


def _order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Unusable("its order_id is not a UUID") from error
