"""Dead letters: what nobody could use or deliver, kept with its reason until an admin looks at it."""

import hashlib
import uuid
from typing import Any

import msgspec
from django.db.models import F

from orders.models import DeadLetter

LONGEST_KEPT = 64 * 1024
"""Characters kept of a message: enough to understand it, too little to fill a disk."""


def bury(source: str, reason: str, message: str | dict[str, Any], order_id: uuid.UUID | None = None) -> None:
    """Keep `message` from `source` with the `reason` why it can't be used; a copy of one kept before only counts."""
    text = message if isinstance(message, str) else msgspec.json.encode(message, order="sorted").decode()
    text = text.replace("\0", "\N{SYMBOL FOR NULL}")
    fingerprint = hashlib.sha256(f"{source}\n{text}".encode()).digest()
    if DeadLetter.objects.filter(fingerprint=fingerprint).update(attempts=F("attempts") + 1):
        return
    letter = DeadLetter(
        fingerprint=fingerprint, source=source, reason=reason[:300], message=text[:LONGEST_KEPT], order_id=order_id
    )
    DeadLetter.objects.bulk_create([letter], ignore_conflicts=True)
