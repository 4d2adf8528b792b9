"""The signature of payment messages: hex HMAC-SHA256 over the signed fields (contract: neighbours, "Payment Service")."""

import hmac
from collections.abc import Mapping
from typing import Any

SIGNED = ("event_id", "type", "occurred_at", "order_id", "payment_id", "amount_minor", "currency", "refund_id")


def signature(message: Mapping[str, Any], secret: str) -> str:
    """Return the valid signature of `message`."""
    signed = "\n".join("" if message[name] is None else str(message[name]) for name in SIGNED)
    return hmac.digest(secret.encode(), signed.encode(), "sha256").hex()


def is_signed(message: Mapping[str, Any], secret: str) -> bool:
    """Return whether the signature of `message` is valid; compared in constant time."""
    given = message["signature"]
    return isinstance(given, str) and hmac.compare_digest(given.encode(), signature(message, secret).encode())
