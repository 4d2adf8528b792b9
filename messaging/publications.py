"""The encoder of outbox rows as messages. Each row is decoded separately: an invalid one does not affect the others."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
from django.conf import settings
from msgspec import Struct

from messaging.signing import signature
from orders.outbox.queue import Claimed
from orders.runtime.tracing import parent_of, span, traceparent

_REDIS = {"messaging.system": "redis", "messaging.operation.type": "create"}


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


def read(rows: Sequence[Claimed], traceparents: Mapping[int, str]) -> tuple[list[Publication], dict[int, str]]:
    """Return the publications of `rows`, and by row id the reasons why the others can't be published.

    The messages of a row that has one of the `traceparents` continue its trace.
    """
    ready: list[Publication] = []
    unusable: dict[int, str] = {}
    for row in rows:
        try:
            ready.append(Publication(row.id, _messages(row.payload, traceparents.get(row.id))))
        except Exception as error:  # decoding is deterministic: a retry would fail the same way
            unusable[row.id] = f"it can't be published: {type(error).__name__}: {error}"
    return ready, unusable


def _messages(payload: str | bytes, traceparent: str | None) -> list[tuple[str, bytes]]:
    messages = msgspec.json.decode(payload, type=_Payload).messages
    if traceparent is None:
        return [(message.name, _signed(message.message)) for message in messages]
    return [_traced(message, traceparent) for message in messages]


def _traced(message: _Message, parent: str) -> tuple[str, bytes]:
    """Encode a message with the traceparent of its own span (OpenTelemetry's semantic conventions, "Messaging spans")."""
    with span(f"create {message.name}", "producer", _REDIS, parent_of(parent)) as current:
        current.set("messaging.destination.name", message.name)
        return message.name, _signed({**message.message, "traceparent": traceparent()})


def _signed(fields: dict[str, Any]) -> bytes:
    secret = settings.PAYMENT_SIGNING_SECRET
    return msgspec.json.encode({**fields, "signature": signature(fields, secret) if secret else None})
