"""The encoder of outbox rows as messages. Each row is decoded separately: an invalid one does not affect the others."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from msgspec import Struct

from messaging.signing import signature
from orders.outbox.queue import Claimed


class _Message(Struct):
    name: str
    message: dict[str, Any]


class _Payload(Struct):
    messages: list[_Message]


@dataclass(frozen=True, slots=True)
class Publication:
    """The messages of one row: names of streams and the bytes for each, in this order."""

    row_id: int
    messages: list[tuple[str, bytes]]


def read(rows: Sequence[Claimed]) -> tuple[list[Publication], dict[int, str]]:
    """Return the publications of `rows`, and by row id the reasons why the others can't be published."""
    ready: list[Publication] = []
    unusable: dict[int, str] = {}
    for row in rows:
        try:
            ready.append(Publication(row.id, _messages(row.payload)))
        except Exception as error:  # decoding is deterministic: a retry would fail the same way
            unusable[row.id] = f"it can't be published: {type(error).__name__}: {error}"
    return ready, unusable


def _messages(payload: str) -> list[tuple[str, bytes]]:
    messages = msgspec.json.decode(payload, type=_Payload).messages
    return [(message.name, _signed(message.message)) for message in messages]


def _signed(fields: dict[str, Any]) -> bytes:
    secret = settings.PAYMENT_SIGNING_SECRET
    return msgspec.json.encode({**fields, "signature": signature(fields, secret) if secret else None})
