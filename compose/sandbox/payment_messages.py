"""The messages between Order and Payment: their shape, and the signature both sides put on them."""

import hashlib
import hmac
import json
import uuid
from datetime import UTC, datetime
from typing import Any

Message = dict[str, Any]
"""One message as JSON, in the fields of the contract."""

SIGNED = ("event_id", "type", "occurred_at", "order_id", "payment_id", "amount_minor", "currency", "refund_id")
COMMANDS = ("payment.requested", "payment.status_requested", "payment.cancel_requested", "payment.refund_requested")


class Unusable(Exception):
    """The message cannot be read as a command of the contract."""


def signature(message: Message, secret: bytes) -> str:
    """Hex HMAC-SHA256 over the signed fields, one newline between each, null as empty."""
    fields = (message.get(name) for name in SIGNED)
    text = "\n".join("" if field is None else str(field) for field in fields)
    return hmac.new(secret, text.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def is_signed(message: Message, secret: bytes) -> bool:
    """Whether the message carries its own true signature."""
    claimed, true = message.get("signature"), signature(message, secret)
    return isinstance(claimed, str) and hmac.compare_digest(claimed.encode("utf-8", "surrogatepass"), true.encode())


def event(kind: str, **fields: Any) -> Message:
    """A new, unsigned message of type `kind`; `event_id` may be given, else it is new."""
    blank: Message = dict.fromkeys(("order_id", "payment_id", "amount_minor", "currency", "refund_id", "reason"))
    now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"event_id": str(uuid.uuid4()), "type": kind, "occurred_at": now, **blank, **fields}


def read(text: bytes) -> Message:
    """The message in `text`, its fields not looked at yet. Raises `Unusable` when it is no JSON object."""
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as problem:
        raise Unusable("not JSON") from problem
    if not isinstance(message, dict):
        raise Unusable("not an object")
    return message


def check_command(message: Message) -> None:
    """Raise `Unusable` unless the message is one of the commands, with fields of the right types."""
    match message:
        case {"event_id": str(event_id), "type": str(kind), "order_id": str(order_id), "currency": str(), **rest}:
            amount, refund_id = rest.get("amount_minor"), rest.get("refund_id")
            named = 0 < len(event_id) <= 64 and order_id and isinstance(refund_id, str | None)
            if kind in COMMANDS and named and type(amount) is int and amount >= 0:
                return
    raise Unusable("not a command")
