"""The messages between Order and Payment: their fields and their signature."""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import msgspec

Message = dict[str, Any]
"""One message as JSON, in the fields of the contract."""

SIGNED = ("event_id", "type", "occurred_at", "order_id", "payment_id", "amount_minor", "currency", "refund_id")


class InvalidMessage(Exception):
    """The message is not a command of the contract."""


class Command(msgspec.Struct):
    """The fields that a command must have."""

    event_id: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    type: Literal[
        "payment.requested", "payment.status_requested", "payment.cancel_requested", "payment.refund_requested"
    ]
    order_id: Annotated[str, msgspec.Meta(min_length=1)]
    amount_minor: Annotated[int, msgspec.Meta(ge=0)]
    currency: str
    refund_id: str | None = None


def signature(message: Message, secret: bytes) -> str:
    """Return the hex HMAC-SHA256 of the signed fields, separated by newlines, with null as empty."""
    fields = (message.get(name) for name in SIGNED)
    text = "\n".join("" if field is None else str(field) for field in fields)
    return hmac.new(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_signed(message: Message, secret: bytes) -> bool:
    """Return whether the message's signature is valid."""
    claimed, true = message.get("signature"), signature(message, secret)
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode("utf-8", "surrogatepass"), true.encode())


def event(kind: str, **fields: Any) -> Message:
    """Return an unsigned message of type `kind`; without a given `event_id` a new one is generated."""
    blank: Message = dict.fromkeys(("order_id", "payment_id", "amount_minor", "currency", "refund_id", "reason"))
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event_id": str(uuid.uuid4()), "type": kind, "occurred_at": now, **blank, **fields}


def read(text: bytes) -> Message:
    """Decode the message in `text` without validating its fields. Raise `InvalidMessage` unless it is a JSON object."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise InvalidMessage("not JSON") from problem
    if not isinstance(message, dict):
        raise InvalidMessage("not an object")
    return message


def check_command(message: Message) -> None:
    """Raise `InvalidMessage` unless the message is a command of the contract, with fields of the right types."""
    try:
        msgspec.convert(message, Command)
    except msgspec.ValidationError as problem:
        raise InvalidMessage("not a command") from problem
