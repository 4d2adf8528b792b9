"""From bytes on the wire to a payment message that can be believed: shape, ranges and signature are checked here."""

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
    f"payment.{word}" for word in ("authorized", "captured", "failed", "voided", "refunded", "refund_failed", "unknown")
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


def parse(raw: bytes) -> PaymentMessage:
    """The payment message in `raw`. Raises Unusable with the reason why there is none."""
    if len(raw) > MAX_BYTES:
        raise Unusable(f"it has {len(raw)} bytes, more than 1 MiB")
    try:
        message = msgspec.json.decode(raw, type=_Message)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Unusable(f"it isn't a payment message: {error}") from error
    fields = msgspec.to_builtins(message)
    if settings.PAYMENT_SIGNING_SECRET and not is_signed(fields, settings.PAYMENT_SIGNING_SECRET):
        raise Unusable("its signature is missing or wrong")
    if message.type not in TYPES:  # msgspec would name what stands there, and reasons are logged
        raise Unusable("its type is none of Payment's")
    if message.type in ("payment.captured", "payment.refunded") and not (message.amount_minor and message.currency):
        raise Unusable("it moves money, but names no amount or currency")
    return PaymentMessage(
        message.event_id,
        message.type,
        _moment(message.occurred_at),
        _order_id(message.order_id),
        message.payment_id,
        message.amount_minor or 0,
        message.currency or "",
        message.refund_id,
        {**fields, "reason": message.reason and message.reason.replace("\0", "\N{SYMBOL FOR NULL}")},
    )


def claimed_order_id(raw: bytes) -> UUID | None:
    """The order that an unusable message speaks of, as far as that can be told."""
    try:
        fields: Any = msgspec.json.decode(raw)
        return UUID(fields["order_id"])
    except (msgspec.MsgspecError, RecursionError, ValueError, TypeError, KeyError, AttributeError):
        return None


def _moment(text: str) -> datetime:
    try:
        return read_timestamp(text)
    except ValueError as error:
        raise Unusable("its occurred_at is no RFC 3339 time") from error


def _order_id(text: str) -> UUID:
    try:
        return UUID(text)
    except ValueError as error:
        raise Unusable("its order_id is none of ours") from error
